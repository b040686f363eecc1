//! The three writers keep the contract that others are held to.

use reqwest::Method;
use serde_json::{Value, json};
use shop_id::Writer;
use writer_api::conformance::{self, Options, Verdict};

use crate::running::{Running, campaign, facts, shop, stars};

fn assert_all_kept(report: &conformance::Report) {
    let lacking = report.checks.iter().filter(|checked| checked.verdict != Verdict::Kept).count();
    assert!(lacking == 0 && report.is_conformant(), "{report}");
}

async fn filled(writer: Writer) -> Running {
    let running = Running::start(writer).await;
    for number in 1..=250_u32 {
        match writer {
            Writer::Shop => drop(running.create(&format!("Shop {number}")).await),
            Writer::Ads => {
                drop(running.change(Method::PUT, &format!("/v1/ads/{}", number * 3), &campaign("a")).await);
            }
            _ => drop(running.change(Method::PUT, &format!("/v1/reviews/{number}"), &stars(number)).await),
        }
    }
    let path = match writer {
        Writer::Shop => "shops",
        Writer::Ads => "ads",
        _ => "reviews",
    };
    running.change(Method::DELETE, &format!("/v1/{path}/3"), &Value::Null).await;
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_writers_keep_every_promise_of_the_contract() {
    for writer in Writer::OF_THE_DOCUMENT {
        let mut running = filled(writer).await;
        assert_all_kept(&conformance::check(&Options::new(writer, running.url.clone())).await);
        running.restart(|config| config.epoch_at_least = 5).await;
        let mut options = Options::new(writer, running.url.clone());
        options.sections_max = 120;
        assert_all_kept(&conformance::check(&options).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_without_any_section_keeps_them_too() {
    let running = Running::start(Writer::Ads).await;
    let report = conformance::check(&Options::new(Writer::Ads, running.url.clone())).await;
    assert!(report.is_conformant(), "{report}");
    assert!(report.to_string().contains("skipped"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_as_the_contract_says() {
    let running = Running::start(Writer::Shop).await;
    let shop_id = running.create("Old").await;
    let options = Options::new(Writer::Shop, running.url.clone());
    let report = conformance::check_change(&options, shop_id, async || {
        let (status, answer) =
            running.ask(Method::PATCH, &format!("/v1/shops/{shop_id}"), &json!({"name": "New"})).await;
        if status == 200 { Ok(()) } else { Err(answer) }
    })
    .await;
    assert_all_kept(&report);
    let report = conformance::check_change(&options, shop(1), async || {
        let (status, answer) = running.ask(Method::PUT, "/v1/shops/1", &facts("New")).await;
        if status == 200 { Ok(()) } else { Err(answer) }
    })
    .await;
    assert!(!report.is_conformant(), "nothing changed, and the suite says so: {report}");
}

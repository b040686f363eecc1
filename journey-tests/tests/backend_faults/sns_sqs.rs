//! The event transport is away for long, or carries what is no event of ours.

use std::time::Duration;

use fault_proxy::{Fault, FaultProxy};
use journey_tests::backends::Named;
use journey_tests::eventually;
use journey_tests::queues::Queues;
use journey_tests::transport::Transport;
use shop_id::Writer;
use tokio::time::Instant;

use crate::town::{Town, events_only, found_by, settings};

/// For as long as a test may last. That ten minutes are no different is a matter of the waiting alone, and tested with a
/// clock that can be moved (`subscription/tests/road/changed_since.rs`).
const LONG: Duration = Duration::from_secs(15);

const DELIVERIES: &str = "shopfront_subscription_deliveries_total";

async fn between() -> (FaultProxy, Named) {
    let server = found_by("SHOPFRONT_TEST_SNS_SQS", "sns-sqs");
    let proxy = FaultProxy::start(server.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let events =
        format!("sns-sqs://us-east-1/000000000000/{{name}}?endpoint=http://{}&create=true", proxy.address());
    (proxy, Named { events: Some(events), ..Named::default() })
}

async fn unreachable(proxy: &FaultProxy) {
    proxy.set(Fault::Refuse).await;
    proxy.cut().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_arrive_while_sns_sqs_is_away_and_events_do_once_it_is_back() {
    let (proxy, named) = between().await;
    let often = Duration::from_secs(1);
    let usual = settings(named);
    let town =
        Town::open(&journey_tests::marketplace::Settings { changed_since_interval: often, ..usual }).await;
    let watch = town.watched();
    town.rename_and_see(0, "Told").await;
    town.counts_more(DELIVERIES, "shop", 0.0).await;

    unreachable(&proxy).await;
    let delivered = town.counted(DELIVERIES, "shop").await;
    let (began, mut changes) = (Instant::now(), 0);
    while began.elapsed() < LONG {
        changes += 1;
        town.rename_and_see(1, &format!("Not told {changes}")).await;
    }
    town.counts_more("shopfront_subscription_receive_failures_total", "shop", 0.0).await;
    assert!(town.counted(DELIVERIES, "shop").await <= delivered, "nothing came through");

    proxy.set(Fault::Pass).await;
    // All that was announced meanwhile waited at the writer.
    town.counts_more(DELIVERIES, "shop", delivered + f64::from(changes) - 0.5).await;
    let delivered = town.counted(DELIVERIES, "shop").await;
    town.rename_and_see(2, "Told again").await;
    town.counts_more(DELIVERIES, "shop", delivered).await;
    town.is_whole().await;
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_announced_while_sns_sqs_was_away_or_silent_is_delivered_afterwards() {
    let (proxy, named) = between().await;
    let town = Town::open(&events_only(named)).await;
    town.rename_and_see(0, "Told").await;
    unreachable(&proxy).await;
    town.marketplace.rename(town.shop_ids[0], "Waiting").await.unwrap();
    town.marketplace.advertise(town.shop_ids[1], "Waiting too").await.unwrap();
    town.counts_more("shopfront_subscription_receive_failures_total", "shop", 0.0).await;
    proxy.set(Fault::Pass).await;
    town.see(0, "Waiting").await;
    let advertised = |card: &serde_json::Value| card["ad_label"] == "Waiting too";
    town.marketplace.everywhere(town.shop_ids[1], "the ad is there", advertised).await.unwrap();

    // As if its host had lost its power: nobody hears that a connection is over.
    proxy.set(Fault::HalfOpen).await;
    town.marketplace.rename(town.shop_ids[0], "Said to nobody").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    proxy.set(Fault::Pass).await;
    town.see(0, "Said to nobody").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_in_sns_sqs_is_put_aside_with_the_reason_and_others_go_on() {
    let (_proxy, named) = between().await;
    let town = Town::open(&events_only(named)).await;
    let Transport::Queues(queues) = town.marketplace.transport().unwrap() else { panic!("no queues") };
    let foreign = r#"{"specversion":"1.0","id":"1","source":"/writers/ads","type":"shopfront.shop.changed","subject":"1","time":"2026-11-24T17:00:00Z","sequence":"1-1"}"#;
    let nobodys = foreign.replace("\"subject\":\"1\"", "\"subject\":\"the chicken place\"");
    let expected = [
        ("not ours at all", "not a CloudEvent"),
        (foreign, "`source` is `ads`, expected `shop`"),
        (&nobodys, "the chicken place"),
    ];
    for (body, _) in expected {
        queues.send(Writer::Shop, body).await.unwrap();
    }
    town.rename_and_see(0, "Others go on").await;
    put_aside(&queues, &expected).await;
    town.counts_more("shopfront_subscription_dead_letters_total", "shop", 2.5).await;
    town.rename_and_see(1, "And on").await;
    let none = async || Ok((queues.waiting(Writer::Shop).await? == 0).then_some(()));
    eventually("none of them comes again", none).await.unwrap();
}

async fn put_aside(queues: &Queues, expected: &[(&str, &str)]) {
    let seen = std::sync::Mutex::new(Vec::new());
    eventually("all of them are put aside, each with its reason", async || {
        // One look may miss some, or see one twice.
        let letters = queues.dead_letters(Writer::Shop).await?;
        let mut seen = seen.lock().unwrap();
        seen.extend(letters);
        let is_told = |(body, reason): &(&str, &str)| {
            seen.iter().any(|letter| letter.body == *body && letter.reason.contains(reason))
        };
        anyhow::ensure!(expected.iter().all(is_told), "{seen:?}");
        Ok(Some(()))
    })
    .await
    .unwrap();
}

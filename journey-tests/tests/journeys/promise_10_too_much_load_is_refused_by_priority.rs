//! Far more people look at lists than can be served: lists are refused, early and in words; whoever orders is answered.

use std::time::Duration;

use journey_tests::crowd::Crowd;
use journey_tests::marketplace::Settings;
use journey_tests::shops::{CELL, LAT, LNG};
use journey_tests::{Marketplace, PATIENCE, eventually};
use serde_json::Value;
use toml::Table;

/// People who join at once; they come until the server is too busy.
const GROUP: usize = 100;
const PEOPLE_MAX: usize = 400;
/// Enough of both to look at.
const REFUSALS: usize = 200;
const ORDERS: usize = 200;

async fn marketplace() -> Marketplace {
    let mut query_server = Table::new();
    // Each list is composed, so that it costs something.
    query_server.insert("pages_bytes_max".into(), toml::Value::Integer(0));
    query_server.insert("browse_delay_ms".into(), toml::Value::Integer(5));
    // A machine that is busy with other tests is late for reasons that are not ours: this is about priority, not time.
    query_server.insert("order_delay_ms".into(), toml::Value::Integer(10_000));
    Marketplace::open(&Settings { query_server, ..Settings::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_lists_than_can_be_served_are_refused_and_whoever_orders_is_answered() {
    let marketplace = marketplace().await;
    let mut shop_ids = Vec::new();
    for number in 0..30 {
        shop_ids.push(marketplace.create_shop(&format!("Shop {number}")).await.unwrap());
    }
    let list = format!("/v1/cells/{CELL}/shops");
    eventually("a full list", async || {
        let page = marketplace.read_json(0, &list).await?;
        Ok((page["shops"].as_array().is_some_and(|shops| shops.len() == 25)).then_some(()))
    })
    .await
    .unwrap();
    let (first, second) = (shop_ids[0], shop_ids[1]);
    for shop_id in [first, second] {
        let detail = async || Ok(marketplace.detail(0, shop_id).await.ok().map(drop));
        eventually("who orders has read what there is", detail).await.unwrap();
    }
    let orders = vec![
        format!("/v1/shops/{first}"),
        format!("/v1/shops?ids={first},{second}"),
        format!("/v1/availability?ids={first},{second}&lat={LAT}&lng={LNG}"),
    ];
    let address = marketplace.public(0).trim_start_matches("http://").parse().unwrap();
    let lists = vec![list.clone(), format!("/v1/shops?lat={LAT}&lng={LNG}"), format!("{list}?sort=rating")];
    let mut browsing = Crowd::before(address, lists, Duration::from_millis(1));
    let mut ordering = Crowd::before(address, orders, Duration::from_millis(20));
    ordering.grows(4);
    let (mut people, begun) = (0, tokio::time::Instant::now());
    while browsing.count(503) < REFUSALS || ordering.count(200) < ORDERS {
        if people < PEOPLE_MAX {
            browsing.grows(GROUP);
            people += GROUP;
        }
        assert!(begun.elapsed() < PATIENCE, "never too busy: {browsing:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let ready = marketplace.client().get(format!("{}/readyz", marketplace.ops(0))).send().await.unwrap();
    assert_eq!(ready.status(), 200, "too busy is not unready: nobody is helped by one server less");
    let (browsed, ordered) = (browsing.home().await.unwrap(), ordering.home().await.unwrap());

    assert_eq!(ordered.keys().collect::<Vec<_>>(), [&200], "{ordered:?}");
    assert!(browsed.keys().all(|status| [200, 503].contains(status)), "{browsed:?}");
    let (_, refused) = &browsed[&503];
    let problem: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(problem["code"], "too_busy", "{refused:?}");
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    let retry_after_s: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&retry_after_s), "{refused:?}");

    let metrics = marketplace.client().get(format!("{}/metrics", marketplace.ops(0))).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let refused = |class: &str| {
        let name = format!("admission_refused_total{{class=\"{class}\",");
        let counts = metrics.lines().filter(|line| line.contains(&name));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum::<usize>()
    };
    assert!(refused("browse") >= REFUSALS, "{metrics}");
    assert_eq!(refused("order"), 0, "{metrics}");

    // Calm again: all are served.
    eventually("every list is answered again", async || {
        for _ in 0..20 {
            if marketplace.read(&list).await?.status() != 200 {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
    .unwrap();
}

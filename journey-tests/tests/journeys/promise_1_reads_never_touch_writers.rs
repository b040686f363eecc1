//! With every writer stopped, list, batch and detail answer as before.

use journey_tests::Marketplace;
use journey_tests::marketplace::Settings;
use journey_tests::shops::{CELL, LAT, LNG};

#[tokio::test(flavor = "multi_thread")]
async fn with_every_writer_and_the_invalidator_dead_all_reads_answer_as_before() {
    let mut marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let first = marketplace.create_shop("First").await.unwrap();
    let second = marketplace.create_shop("Second").await.unwrap();
    for (shop_id, name) in [(first, "First"), (second, "Second")] {
        marketplace.everywhere(shop_id, "the shop is there", |card| card["name"] == name).await.unwrap();
    }
    let paths = [
        format!("/v1/cells/{CELL}/shops"),
        format!("/v1/cells/{CELL}/shops?sort=rating"),
        format!("/v1/shops?lat={LAT}&lng={LNG}"),
        format!("/v1/shops/{first}"),
        format!("/v1/shops?ids={first},{second}"),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(body(&marketplace, path).await);
    }
    for program in marketplace.writers.iter_mut().chain([&mut marketplace.invalidator]) {
        program.kill().unwrap();
    }
    for (path, before) in paths.iter().zip(&before) {
        assert_eq!(&body(&marketplace, path).await, before, "{path}");
    }
    // Not from its memory either: a query server that starts now has only the store.
    marketplace.query_servers[0].kill().unwrap();
    marketplace.query_servers[0].start().unwrap();
    for (path, before) in paths.iter().zip(&before) {
        let what = format!("{path} answers as before from the store alone");
        journey_tests::eventually(&what, async || {
            let answer = marketplace.read(path).await?;
            Ok((answer.status() == 200 && answer.text().await? == *before).then_some(()))
        })
        .await
        .unwrap();
    }
}

async fn body(marketplace: &Marketplace, path: &str) -> String {
    let answer = marketplace.read(path).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

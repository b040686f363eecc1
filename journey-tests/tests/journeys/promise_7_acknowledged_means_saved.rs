//! While the announcing writer is silent, the event waits; it is not acknowledged with an old answer.

use std::time::Duration;

use journey_tests::Marketplace;
use journey_tests::marketplace::Settings;
use shop_id::Writer;

/// So long that nothing here can have come through changed-since.
fn events_only() -> Settings {
    Settings { changed_since_interval: Duration::from_secs(3_600), ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_announcing_writer_is_silent_the_event_waits() {
    let mut marketplace = Marketplace::open(&events_only()).await.unwrap();
    marketplace.subscribed().await.unwrap();
    let shop_id = marketplace.create_shop("Silent").await.unwrap();
    marketplace.review(shop_id, 1).await.unwrap();
    marketplace.everywhere(shop_id, "the shop is there", |card| card["review_count"] == 1).await.unwrap();

    marketplace.invalidator.freeze().unwrap();
    marketplace.review(shop_id, 2).await.unwrap();
    marketplace.writer(Writer::Reviews).kill().unwrap();
    marketplace.invalidator.thaw().unwrap();
    // The invalidator has the event and nobody to ask; meanwhile others' changes go through.
    marketplace.rename(shop_id, "Others go on").await.unwrap();
    marketplace
        .everywhere(shop_id, "others go on", |card| {
            card["name"] == "Others go on" && card["review_count"] == 1
        })
        .await
        .unwrap();
    marketplace.writer(Writer::Reviews).start().unwrap();
    marketplace
        .everywhere(shop_id, "the waiting change arrives", |card| card["review_count"] == 2)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidator_killed_with_events_in_its_hands_gets_them_again() {
    let mut marketplace = Marketplace::open(&events_only()).await.unwrap();
    marketplace.subscribed().await.unwrap();
    let shop_id = marketplace.create_shop("Round 0").await.unwrap();
    marketplace.everywhere(shop_id, "the shop is there", |card| card["name"] == "Round 0").await.unwrap();
    for round in 1..=3 {
        // A frozen writer keeps the refetch, and so the event, in the invalidator's hands.
        let name = format!("Round {round}");
        marketplace.rename(shop_id, &name).await.unwrap();
        marketplace.writer(Writer::Shop).freeze().unwrap();
        marketplace.invalidator.kill().unwrap();
        marketplace.writer(Writer::Shop).thaw().unwrap();
        marketplace.invalidator.start().unwrap();
        marketplace
            .everywhere(shop_id, "the change arrives", |card| card["name"] == name.as_str())
            .await
            .unwrap();
    }
}

//! A replica that answers from before the event, and events told again: every section ends at its newest state.

use std::time::Duration;

use journey_tests::marketplace::Settings;
use journey_tests::replica::Replica;
use journey_tests::{Marketplace, eventually};
use shop_id::Writer;

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_answers_from_before_the_event_delays_the_change_and_loses_nothing() {
    let mut settings = Settings { changed_since_interval: Duration::from_secs(1), ..Settings::default() };
    let mut marketplace = Marketplace::laid_out(&settings).unwrap();
    let replica = Replica::of(marketplace.writer_address(Writer::Reviews)).await.unwrap();
    settings.ask_instead = vec![(Writer::Reviews, replica.address())];
    marketplace.configure_invalidator(&settings).unwrap();
    for program in marketplace.programs() {
        program.start().unwrap();
    }
    marketplace.ready().await.unwrap();

    let shop_id = marketplace.create_shop("Replicated").await.unwrap();
    for count in [1, 2, 3] {
        marketplace.review(shop_id, count).await.unwrap();
        marketplace
            .everywhere(shop_id, "the stars are there", |card| card["review_count"] == count)
            .await
            .unwrap();
    }
    replica.lag(true);
    marketplace.review(shop_id, 4).await.unwrap();
    eventually("the replica answered from before the event", async || {
        Ok((replica.answered_from_before() >= 1).then_some(()))
    })
    .await
    .unwrap();
    // Other writers are not held up by the one whose replica lags.
    marketplace.rename(shop_id, "Meanwhile").await.unwrap();
    marketplace
        .everywhere(shop_id, "the name changed, the stars did not", |card| {
            card["name"] == "Meanwhile" && card["review_count"] == 3
        })
        .await
        .unwrap();
    replica.lag(false);
    marketplace.everywhere(shop_id, "the newest stars", |card| card["review_count"] == 4).await.unwrap();
}

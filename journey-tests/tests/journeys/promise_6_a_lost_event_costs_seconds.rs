//! An event that is dropped on purpose, and a transport that is dead as a whole.

use std::time::Duration;

use journey_tests::marketplace::Settings;
use journey_tests::{Marketplace, eventually};
use shop_id::Writer;

fn followed_every_second() -> Settings {
    Settings { changed_since_interval: Duration::from_secs(1), ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_dropped_on_purpose_arrives_through_changed_since() {
    let mut marketplace = Marketplace::open(&followed_every_second()).await.unwrap();
    let shop_id = marketplace.create_shop("Told").await.unwrap();
    marketplace.everywhere(shop_id, "the shop is there", |card| card["name"] == "Told").await.unwrap();

    // Nobody receives, so the event lies in the queue, and is lost with it.
    marketplace.invalidator.kill().unwrap();
    marketplace.rename(shop_id, "Not told").await.unwrap();
    let queues = marketplace.events().join(Writer::Shop.name());
    eventually("the event is in the queue", async || {
        let mut bytes = 0;
        for file in std::fs::read_dir(&queues)? {
            bytes += file?.metadata()?.len();
        }
        Ok((bytes > 0).then_some(()))
    })
    .await
    .unwrap();
    std::fs::remove_dir_all(&queues).unwrap();
    marketplace.invalidator.start().unwrap();
    marketplace
        .everywhere(shop_id, "the change arrives all the same", |card| card["name"] == "Not told")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_deleted_under_the_running_programs_is_made_good() {
    let marketplace = Marketplace::open(&followed_every_second()).await.unwrap();
    let shop_id = marketplace.create_shop("Before").await.unwrap();
    marketplace.everywhere(shop_id, "the shop is there", |card| card["name"] == "Before").await.unwrap();
    eventually("the queues are deleted, although the programs make new ones meanwhile", async || {
        Ok(std::fs::remove_dir_all(marketplace.events()).is_ok().then_some(()))
    })
    .await
    .unwrap();
    for name in ["once", "twice", "three times"] {
        marketplace.rename(shop_id, name).await.unwrap();
        marketplace.everywhere(shop_id, "the change arrives", |card| card["name"] == name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_transport_dead_changes_arrive_within_the_changed_since_interval() {
    let marketplace = Marketplace::laid_out(&followed_every_second()).unwrap();
    let mut marketplace = marketplace;
    // A file where the directory should be: nothing can be published or received.
    std::fs::write(marketplace.events(), b"not a directory").unwrap();
    for program in marketplace.programs() {
        program.start().unwrap();
    }
    let shop_id =
        eventually("the shop writer takes changes", async || Ok(marketplace.create_shop("Quiet").await.ok()))
            .await
            .unwrap();
    marketplace.everywhere(shop_id, "the shop is there", |card| card["name"] == "Quiet").await.unwrap();
    marketplace.rename(shop_id, "Still quiet").await.unwrap();
    marketplace
        .everywhere(shop_id, "the change arrives", |card| card["name"] == "Still quiet")
        .await
        .unwrap();
}

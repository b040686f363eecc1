//! An event that is dropped on purpose, and a transport that is dead as a whole.

use std::time::Duration;

use fault_proxy::{Fault, FaultProxy};
use journey_tests::backends::Named;
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
    marketplace.subscribed().await.unwrap();

    // Nobody receives, so the event lies in the queue, and is lost with it.
    marketplace.invalidator.kill().unwrap();
    marketplace.rename(shop_id, "Not told").await.unwrap();
    let transport = marketplace.transport().unwrap();
    eventually("the event is in the queue", async || {
        Ok(transport.holds_events(Writer::Shop).await?.then_some(()))
    })
    .await
    .unwrap();
    transport.lose_events(Writer::Shop).await.unwrap();
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
    marketplace.subscribed().await.unwrap();
    let transport = marketplace.transport().unwrap();
    eventually("the queues are deleted, although the programs make new ones meanwhile", async || {
        transport.lose_queues().await.map(Some)
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
    let named = Named::by_the_environment();
    let (events, dead) = without_a_transport(&named).await;
    let settings = Settings { backends: Some(Named { events, ..named }), ..followed_every_second() };
    let mut marketplace = Marketplace::laid_out(&settings).unwrap();
    if dead.is_none() {
        // A file where the directory should be: nothing can be published or received.
        std::fs::write(marketplace.events(), b"not a directory").unwrap();
    }
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

/// An address at which nobody listens, and what keeps it so; none where the transport is a directory.
async fn without_a_transport(named: &Named) -> (Option<String>, Option<FaultProxy>) {
    let Some(events) = &named.events else { return (None, None) };
    let (head, rest) = events.split_once("endpoint=http://").unwrap();
    let (server, rest) = rest.split_once('&').unwrap_or((rest, ""));
    let proxy = FaultProxy::start(server.parse().unwrap()).await.unwrap();
    proxy.set(Fault::Refuse).await;
    (Some(format!("{head}endpoint=http://{}&{rest}", proxy.address())), Some(proxy))
}

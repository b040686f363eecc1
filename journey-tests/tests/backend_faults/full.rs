//! The store's server takes no more.

use journey_tests::redis_server::{Kind, RedisServer};

use crate::town::{Town, events_only, over_store};

async fn takes_no_more_for_a_while(kind: Kind) {
    let server = RedisServer::start(kind, &[]).await.unwrap();
    // Only the event carries the change, so it is lost for an hour if it is acknowledged before it is saved.
    let town = Town::open(&events_only(over_store(server.store("")))).await;
    let watch = town.watched();
    server.say("CONFIG SET maxmemory 1mb").await.unwrap();
    let refused = town.counted("shopfront_invalidator_save_failures_total", "full").await;
    town.marketplace.rename(town.shop_ids[0], "Waiting").await.unwrap();
    town.counts_more("shopfront_invalidator_save_failures_total", "full", refused).await;
    town.invalidator_says("`maxmemory` is used up at `1048576` bytes; raise it").await;
    town.counts_more("shopfront_subscription_deliveries_held", "shop", 0.0).await;
    town.resident_shops_are_read().await;
    // Neither is anybody else missing: what is there is read.
    let others = town.others_watched();
    town.is_whole().await;
    let detail = town.marketplace.detail(1, town.shop_ids[0]).await.unwrap();
    assert_eq!(detail["name"], "Shop 0", "{detail}");

    server.say("CONFIG SET maxmemory 0").await.unwrap();
    town.see(0, "Waiting").await;
    town.rename_and_see(1, "Afterwards").await;
    town.is_whole().await;
    others.end().await;
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_makes_changes_wait_and_says_what_to_raise() {
    takes_no_more_for_a_while(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_valkey_makes_changes_wait_and_says_what_to_raise() {
    takes_no_more_for_a_while(Kind::Valkey).await;
}

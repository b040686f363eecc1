//! The store's server accepts connections and says nothing.

use journey_tests::redis_server::{Kind, RedisServer};

use crate::town::{Town, over_store, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_says_nothing_is_waited_for_and_nobody_is_kept_waiting() {
    let server = RedisServer::start(Kind::Redis, &[]).await.unwrap();
    let town = Town::open(&settings(over_store(server.store("")))).await;
    town.forgotten().await;
    let watch = town.watched();
    server.freeze().unwrap();
    town.resident_shops_are_read().await;
    town.others_are_named_missing().await;
    let others = town.others_watched();
    town.marketplace.rename(town.shop_ids[0], "Meanwhile").await.unwrap();
    town.what_is_old_is_said().await;
    town.resident_shops_are_read().await;

    server.thaw().unwrap();
    town.see(0, "Meanwhile").await;
    town.is_whole().await;
    town.rename_and_see(1, "Afterwards").await;
    others.end().await;
    watch.end().await;
}

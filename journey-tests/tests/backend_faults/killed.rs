//! The store's server is killed and started again: with its file, which may lack the last saves, or without one.

use journey_tests::redis_server::{Kind, RedisServer};

use crate::town::{LAST, Town, over_store, settings};

/// Synced once a second, as most people have it.
const WITH_A_FILE: &[&str] = &["--appendonly", "yes", "--appendfsync", "everysec"];
const WITHOUT: &[&str] = &[];

async fn killed_and_started_again(kind: Kind, arguments: &[&str]) {
    let mut server = RedisServer::start(kind, arguments).await.unwrap();
    let town = Town::open(&settings(over_store(server.store("")))).await;
    town.forgotten().await;
    let watch = town.watched();
    // Saved or not, announced or not: it was acknowledged to its owner.
    town.marketplace.rename(town.shop_ids[LAST], "Just before").await.unwrap();
    server.kill().unwrap();
    town.resident_shops_are_read().await;
    town.others_are_named_missing().await;
    let others = town.others_watched();
    town.marketplace.rename(town.shop_ids[1], "Meanwhile").await.unwrap();
    town.what_is_old_is_said().await;
    town.resident_shops_are_read().await;
    others.end().await;
    watch.end().await;

    server.start_again().await.unwrap();
    town.see(LAST, "Just before").await;
    town.see(1, "Meanwhile").await;
    town.is_whole().await;
    town.rename_and_see(2, "Afterwards").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_kept_its_file_costs_no_shop_and_no_change() {
    killed_and_started_again(Kind::Redis, WITH_A_FILE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_is_filled_again() {
    killed_and_started_again(Kind::Redis, WITHOUT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valkey_that_comes_back_empty_is_filled_again() {
    killed_and_started_again(Kind::Valkey, WITHOUT).await;
}

//! A server that nobody may rely on is refused, with what to change.

use journey_tests::redis_server::{Kind, RedisServer};
use journey_tests::{Marketplace, eventually};

use crate::town::{FORGETS, Town, over_store, settings};

/// Neither who writes nor who reads starts; both say these words, and nobody says what is secret.
async fn is_refused(store: String, words: &[&str], secret: &str) {
    let mut marketplace = Marketplace::laid_out(&settings(over_store(store))).unwrap();
    let programs = [&mut marketplace.invalidator, &mut marketplace.query_servers[0]];
    for program in programs {
        program.start().unwrap();
        let code = program.ended().await.unwrap();
        let said = program.log();
        assert_eq!(code, Some(1), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
        assert!(secret.is_empty() || !said.contains(secret), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_refuses_the_password_is_named_with_where_to_give_it() {
    let server = RedisServer::start(Kind::Redis, &["--requirepass", "right"]).await.unwrap();
    let wrong = format!("redis://:neither-this@{}/shopfront", server.address());
    let words = ["refuses user name or password", "`store_password_file`"];
    is_refused(wrong, &words, "neither-this").await;
    is_refused(server.store(""), &words, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_may_evict_documents_is_refused_with_the_setting_to_change() {
    let server = RedisServer::start(Kind::Redis, &["--maxmemory-policy", "allkeys-lfu"]).await.unwrap();
    let words =
        ["the server may evict documents", "`maxmemory-policy` is `allkeys-lfu`, set it to `noeviction`"];
    is_refused(server.store(""), &words, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valkey_that_may_evict_documents_is_refused_with_the_setting_to_change() {
    let server = RedisServer::start(Kind::Valkey, &["--maxmemory-policy", "allkeys-random"]).await.unwrap();
    is_refused(server.store(""), &["`allkeys-random`, set it to `noeviction`"], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_store_of_another_format_is_refused_and_left_alone() {
    let server = RedisServer::start(Kind::Redis, &[]).await.unwrap();
    let meta = "HSET {shopfront:0}:meta format shopfront-store-9 activation 5 shards 6";
    server.say(meta).await.unwrap();
    let words = ["its format is `shopfront-store-9`", "choose another name"];
    is_refused(server.store(""), &words, "").await;
    assert_eq!(server.say("DBSIZE").await.unwrap().text(), "1", "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_made_to_evict_while_it_runs_is_said_to_have_lost_what_is_not_there() {
    let server = RedisServer::start(Kind::Redis, &[]).await.unwrap();
    let mut town = Town::open(&settings(over_store(server.store("")))).await;
    let watch = town.watched();
    server.say("CONFIG SET maxmemory-policy allkeys-lru").await.unwrap();
    let code = town.marketplace.invalidator.ended().await.unwrap();
    let said = town.marketplace.invalidator.log_tail();
    assert!(code == Some(1) && said.contains("`allkeys-lru`, set it to `noeviction`"), "{code:?} {said}");
    let nobodys = format!("{}/v1/shops/999999", town.marketplace.public(FORGETS));
    eventually("what is not there may have been evicted", async || {
        let status = town.marketplace.client().get(&nobodys).send().await?.status();
        Ok((status == 503).then_some(()))
    })
    .await
    .unwrap();
    server.say("CONFIG SET maxmemory-policy noeviction").await.unwrap();
    town.marketplace.invalidator.start().unwrap();
    town.rename_and_see(0, "Afterwards").await;
    town.is_whole().await;
    watch.end().await;
}

//! The suite that every store passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use document_store::near_cache::NearCacheLimits;
use document_store::redis::RedisWriter;
use document_store::{ChangeLog, DocumentReader, DocumentWriter, Lookup, Put, StoreAddress, conformance};
use shop_document::{AdsSection, Held, Sections};
use shop_id::{Revision, ShopId, Writer};

#[path = "../wrapped/mod.rs"]
mod wrapped;

/// `SHOPFRONT_TEST_…`, with a name that no other test uses.
pub(crate) fn address(variable: &str, settings: &str) -> document_store::address::RedisAddress {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let servers = std::env::var(variable).unwrap_or_else(|_| {
        panic!("`{variable}` is not set: run `cargo xtask servers up redis`, then `cargo xtask test`")
    });
    let name = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    match StoreAddress::parse(&format!("{servers}/{name}?{settings}")).unwrap() {
        StoreAddress::Redis(address) => address,
        other => panic!("`{variable}` is no Redis: {other}"),
    }
}

async fn keeps_the_promises(variable: &str, settings: &str) {
    conformance::all(|| async { Arc::new(RedisWriter::open(&address(variable, settings)).await.unwrap()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_the_promises() {
    keeps_the_promises("SHOPFRONT_TEST_REDIS", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_keeps_the_promises() {
    keeps_the_promises("SHOPFRONT_TEST_VALKEY", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replicated_pair_keeps_the_promises() {
    keeps_the_promises("SHOPFRONT_TEST_REDIS_REPLICATED", "wait_replicas=1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_cluster_keeps_the_promises() {
    keeps_the_promises("SHOPFRONT_TEST_REDIS_CLUSTER", "cluster=true").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valkey_cluster_keeps_the_promises() {
    keeps_the_promises("SHOPFRONT_TEST_VALKEY_CLUSTER", "cluster=true&shards=3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_near_cache_over_redis_keeps_the_promises() {
    let small = NearCacheLimits { cards_bytes_max: 4_000, details_bytes_max: 2_000 };
    conformance::all(|| async {
        let writer = RedisWriter::open(&address("SHOPFRONT_TEST_REDIS", "")).await.unwrap();
        wrapped::followed(Arc::new(writer), small)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_on_connections_of_their_own_lose_nothing_of_each_other() {
    for (variable, settings) in
        [("SHOPFRONT_TEST_REDIS", ""), ("SHOPFRONT_TEST_VALKEY_CLUSTER", "cluster=true")]
    {
        let address = address(variable, settings);
        let writers =
            [RedisWriter::open(&address).await.unwrap(), RedisWriter::open(&address).await.unwrap()];
        let shop_id = ShopId::new(7).unwrap();
        let mut updates = Vec::new();
        for counter in 1..=30 {
            let revision = Revision::new(1, counter);
            let ads = Sections { ads: Held::Present(revision, AdsSection::default()), ..Sections::default() };
            let shop = conformance::shop_section(counter, "x", &[counter]);
            updates.push(writers[0].update(shop_id, conformance::merging(shop_id, ads)));
            updates.push(writers[1].update(shop_id, conformance::merging(shop_id, shop)));
        }
        // The futures are of different types only by what they close over.
        let puts = futures_util::future::join_all(updates).await;
        assert!(puts.iter().all(Result::is_ok), "{puts:?}");
        let mut found = writers[1].gather(&[shop_id]).await;
        let Lookup::Found(stored) = found.remove(0).unwrap() else { panic!("not found") };
        for writer in [Writer::Ads, Writer::Shop] {
            assert_eq!(stored.part.revision(writer), Some(Revision::new(1, 30)), "{variable}, {writer}");
        }
        let head = writers[0].head().await.unwrap();
        let logged: u64 = head.0.iter().map(|position| position.sequence).sum();
        let applied = puts.iter().filter(|put| matches!(put, Ok(Put::Applied(_)))).count();
        assert_eq!(logged, u64::try_from(applied).unwrap());
    }
}

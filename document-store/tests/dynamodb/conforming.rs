//! The suite that every store passes.

use std::sync::Arc;

use document_store::dynamodb::DynamoDbWriter;
use document_store::near_cache::NearCacheLimits;
use document_store::{ChangeLog, DocumentReader, DocumentWriter, Lookup, Put, conformance};
use shop_document::{AdsSection, Held, Sections};
use shop_id::{Revision, Writer};

use crate::tables::{address, shop};

#[path = "../wrapped/mod.rs"]
mod wrapped;

async fn keeps_the_promises(settings: &str) {
    conformance::all(|| async { Arc::new(DynamoDbWriter::open(&address(settings)).await.unwrap()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_keeps_the_promises() {
    keeps_the_promises("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_one_shard_keeps_the_promises() {
    keeps_the_promises("shards=1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_near_cache_over_dynamodb_keeps_the_promises() {
    let small = NearCacheLimits { cards_bytes_max: 4_000, details_bytes_max: 2_000 };
    conformance::all(|| async {
        let writer = DynamoDbWriter::open(&address("shards=2")).await.unwrap();
        wrapped::followed(Arc::new(writer), small)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_lose_nothing_of_each_other() {
    let address = address("");
    let writers =
        [DynamoDbWriter::open(&address).await.unwrap(), DynamoDbWriter::open(&address).await.unwrap()];
    let mut updates = Vec::new();
    for counter in 1..=30 {
        let revision = Revision::new(1, counter);
        let ads = Sections { ads: Held::Present(revision, AdsSection::default()), ..Sections::default() };
        let section = conformance::shop_section(counter, "x", &[counter]);
        updates.push(writers[0].update(shop(7), conformance::merging(shop(7), ads)));
        updates.push(writers[1].update(shop(7), conformance::merging(shop(7), section)));
    }
    let puts = futures_util::future::join_all(updates).await;
    assert!(puts.iter().all(Result::is_ok), "{puts:?}");
    let mut found = writers[1].gather(&[shop(7)]).await;
    let Lookup::Found(stored) = found.remove(0).unwrap() else { panic!("not found") };
    for writer in [Writer::Ads, Writer::Shop] {
        assert_eq!(stored.part.revision(writer), Some(Revision::new(1, 30)), "{writer}");
    }
    let head = writers[0].head().await.unwrap();
    let logged: u64 = head.0.iter().map(|position| position.sequence).sum();
    let applied = puts.iter().filter(|put| matches!(put, Ok(Put::Applied(_)))).count();
    assert_eq!(logged, u64::try_from(applied).unwrap());
}

//! Documents that a newer version of us wrote, met by this one: readers are to be deployed first, and were not.

use journey_tests::marketplace::{Settings, card_of};
use journey_tests::redis;
use journey_tests::redis_server::{Kind, RedisServer};
use serde_json::Value;
use toml::Table;

use crate::town::{FORGETS, Town, missing, over_store, settings};

/// Where the schema version stands: behind the store's position (12 bytes) and the magic (4).
const SCHEMA_AT: &[u8] = b"16";
/// Two bytes, the lower one first.
const NEWER: &[u8] = &[2, 0];

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_a_newer_schema_in_redis_is_named_missing_and_fetched_again_by_the_audit() {
    let server = RedisServer::start(Kind::Redis, &[]).await.unwrap();
    let usual = settings(over_store(server.store("shards=1")));
    let mut town = Town::open(&usual).await;
    let watch = town.watched();
    town.marketplace.invalidator.end().unwrap();
    town.forgotten().await;
    let newer = town.shop_ids[2];
    for part in ["list", "detail"] {
        let key = format!("{{shopfront:0}}:{part}:{newer}");
        redis::ask(&server.address(), &[b"SETRANGE", key.as_bytes(), SCHEMA_AT, NEWER]).await.unwrap();
    }
    town.resident_shops_are_read().await;
    let list = town.marketplace.list(FORGETS).await.unwrap();
    assert_eq!(missing(&list), [(newer.to_string(), "unreadable".to_owned())], "{list}");
    for &shop_id in town.shop_ids.iter().filter(|shop_id| **shop_id != newer) {
        assert!(card_of(&list, shop_id).is_some(), "{shop_id} in {list}");
    }
    let detail = format!("{}/v1/shops/{newer}", town.marketplace.public(FORGETS));
    let detail = town.marketplace.client().get(detail).send().await.unwrap();
    let (status, problem) = (detail.status(), detail.json::<Value>().await.unwrap());
    assert!(status == 503 && problem["code"] == "shop_unreadable", "{status} {problem}");
    let ops = town.marketplace.ops(FORGETS);
    let counted = "shopfront_query_server_shops_unreadable_total";
    assert!(town.marketplace.metric(&ops, counted, "").await.unwrap() >= 2.0);

    watch.end().await;

    let mut invalidator = Table::new();
    invalidator.insert("audit_interval_ms".into(), toml::Value::Integer(500));
    town.marketplace.configure_invalidator(&Settings { invalidator, ..usual }).unwrap();
    town.marketplace.invalidator.start().unwrap();
    town.is_whole().await;
    assert!(town.counted("shopfront_invalidator_corrupt_documents_total", "").await >= 1.0);
}

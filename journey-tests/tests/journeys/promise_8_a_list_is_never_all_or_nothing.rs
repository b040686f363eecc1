//! Two of the stored documents are damaged: the other shops come back, the two are named, the audit heals them.

use journey_tests::marketplace::{Settings, card_of};
use journey_tests::{Marketplace, eventually};
use serde_json::Value;
use toml::Table;

use crate::damage::damage;

#[tokio::test(flavor = "multi_thread")]
async fn two_damaged_documents_are_named_and_the_others_come_back() {
    // No room for resident cards: every get goes to the store.
    let mut query_server = Table::new();
    query_server.insert("cards_bytes_max".into(), toml::Value::Integer(0));
    let mut invalidator = Table::new();
    invalidator.insert("audit_interval_ms".into(), toml::Value::Integer(500));
    let settings = Settings { query_server, invalidator, ..Settings::default() };
    let mut marketplace = Marketplace::open(&settings).await.unwrap();
    let mut shop_ids = Vec::new();
    for number in 0..25 {
        shop_ids.push(marketplace.create_shop(&format!("Shop {number}")).await.unwrap());
    }
    for &shop_id in &shop_ids {
        marketplace.everywhere(shop_id, "the shop is there", |card| card["name"].is_string()).await.unwrap();
    }
    marketplace.invalidator.end().unwrap();
    let damaged = &shop_ids[3..5];
    damage(&marketplace.backends().store, damaged).await;

    // What was gathered a moment ago may still be resident.
    let list = eventually("the damage is met", async || {
        let list = marketplace.list(0).await?;
        Ok((missing(&list).len() == damaged.len()).then_some(list))
    })
    .await
    .unwrap();
    let named: Vec<&str> = missing(&list);
    for &shop_id in &shop_ids {
        let is_damaged = damaged.contains(&shop_id);
        assert_eq!(card_of(&list, shop_id).is_none(), is_damaged, "{shop_id} in {list}");
        assert_eq!(named.contains(&shop_id.to_string().as_str()), is_damaged, "{shop_id} in {list}");
    }
    let ids: Vec<String> = shop_ids.iter().map(ToString::to_string).collect();
    let batch = marketplace.read_json(0, &format!("/v1/shops?ids={}", ids.join(","))).await.unwrap();
    assert_eq!(batch["shops"].as_array().unwrap().len(), 23, "{batch}");

    marketplace.invalidator.start().unwrap();
    eventually("the audit made the two whole again", async || {
        let list = marketplace.list(0).await?;
        Ok(shop_ids.iter().all(|&shop_id| card_of(&list, shop_id).is_some()).then_some(()))
    })
    .await
    .unwrap();
}

fn missing(list: &Value) -> Vec<&str> {
    let named = list["meta"]["missing"].as_array().map(Vec::as_slice).unwrap_or_default();
    named.iter().filter_map(|shop| shop["id"].as_str().or(shop.as_str())).collect()
}

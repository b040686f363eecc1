//! Somebody who thought that a name was free writes into the store.

use journey_tests::eventually;
use journey_tests::marketplace::{Settings, card_of};
use journey_tests::redis_server::{Kind, RedisServer};
use toml::Table;

use crate::town::{FORGETS, Town, missing, over_store, settings};

fn audited(server: &RedisServer) -> Settings {
    let mut invalidator = Table::new();
    invalidator.insert("audit_interval_ms".into(), toml::Value::Integer(500));
    // One shard, so that it is known where everything is.
    Settings { invalidator, ..settings(over_store(server.store("shards=1"))) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_value_in_redis_costs_its_own_shop_until_the_audit_finds_it() {
    let server = RedisServer::start(Kind::Redis, &[]).await.unwrap();
    let town = Town::open(&audited(&server)).await;
    let watch = town.watched();
    let (text, queue, lost) = (town.shop_ids[1], town.shop_ids[2], town.shop_ids[3]);
    // So that there is time to look.
    town.marketplace.invalidator.freeze().unwrap();
    town.forgotten().await;
    server.say(&format!("SET {{shopfront:0}}:list:{text} mine")).await.unwrap();
    server.say(&format!("DEL {{shopfront:0}}:list:{queue}")).await.unwrap();
    server.say(&format!("RPUSH {{shopfront:0}}:list:{queue} mine too")).await.unwrap();
    server.say(&format!("SET {{shopfront:0}}:detail:{lost} mine")).await.unwrap();
    town.resident_shops_are_read().await;
    let list = town.marketplace.list(FORGETS).await.unwrap();
    let unreadable = |id: shop_id::ShopId| (id.to_string(), "unreadable".to_owned());
    assert_eq!(missing(&list).len(), 2, "{list}");
    for shop_id in [text, queue] {
        assert!(missing(&list).contains(&unreadable(shop_id)), "{list}");
    }
    for shop_id in [town.shop_ids[0], lost, town.shop_ids[4]] {
        assert!(card_of(&list, shop_id).is_some(), "{shop_id} in {list}");
    }
    let detail = format!("{}/v1/shops/{lost}", town.marketplace.public(FORGETS));
    let detail = town.marketplace.client().get(detail).send().await.unwrap();
    assert_eq!(detail.status(), 503, "{}", detail.text().await.unwrap());
    watch.end().await;

    town.marketplace.invalidator.thaw().unwrap();
    town.is_whole().await;
    assert!(town.counted("shopfront_invalidator_corrupt_documents_total", "").await >= 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_in_which_the_store_itself_was_overwritten_is_refused_by_name_until_somebody_makes_room() {
    let server = RedisServer::start(Kind::Redis, &[]).await.unwrap();
    let mut town = Town::open(&audited(&server)).await;
    let watch = town.watched();
    server.say("SET {shopfront:0}:meta mine").await.unwrap();
    let refused = "something else is stored under its keys; choose another name";
    // Nothing can be saved until somebody comes, so it ends, and says why; so does whoever is started in its place.
    for attempt in ["running", "started again"] {
        let code = town.marketplace.invalidator.ended().await.unwrap();
        let said = town.marketplace.invalidator.log_tail();
        assert!(code == Some(1) && said.contains(refused), "{attempt}: {code:?} {said}");
        town.marketplace.invalidator.start().unwrap();
    }
    town.marketplace.invalidator.ended().await.unwrap();
    town.resident_shops_are_read().await;
    let others = town.others_watched();
    let nobodys = format!("{}/v1/shops/999999", town.marketplace.public(FORGETS));
    eventually("nobody's shop is not called unknown", async || {
        let status = town.marketplace.client().get(&nobodys).send().await?.status();
        Ok((status == 503).then_some(()))
    })
    .await
    .unwrap();
    others.end().await;

    server.say("DEL {shopfront:0}:meta").await.unwrap();
    town.marketplace.rename(town.shop_ids[0], "Meanwhile").await.unwrap();
    town.marketplace.invalidator.start().unwrap();
    town.see(0, "Meanwhile").await;
    town.is_whole().await;
    watch.end().await;
}

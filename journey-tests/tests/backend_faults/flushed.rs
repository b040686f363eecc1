//! Somebody empties the store's server under the running programs.

use journey_tests::eventually;
use journey_tests::redis_server::{Kind, RedisServer};
use shop_id::Writer;

use crate::town::{FORGETS, Town, over_store, settings};

async fn town(kind: Kind) -> (RedisServer, Town) {
    let server = RedisServer::start(kind, &[]).await.unwrap();
    let town = Town::open(&settings(over_store(server.store("")))).await;
    town.forgotten().await;
    (server, town)
}

async fn comes_back_without_a_hand(kind: Kind) {
    let (server, mut town) = town(kind).await;
    let watch = town.watched();
    // So that there is time to look.
    town.marketplace.invalidator.freeze().unwrap();
    server.say("FLUSHALL").await.unwrap();
    town.resident_shops_are_read().await;
    town.others_are_named_missing().await;
    let others = town.others_watched();
    town.marketplace.rename(town.shop_ids[0], "Meanwhile").await.unwrap();
    town.what_is_old_is_said().await;
    town.resident_shops_are_read().await;
    others.end().await;
    watch.end().await;

    town.marketplace.invalidator.thaw().unwrap();
    town.see(0, "Meanwhile").await;
    town.is_whole().await;
    town.rename_and_see(1, "Afterwards").await;

    // Who starts with nothing at hand does not take the emptied store for an empty one.
    town.marketplace.invalidator.freeze().unwrap();
    server.say("FLUSHALL").await.unwrap();
    town.marketplace.query_servers[FORGETS].kill().unwrap();
    town.marketplace.query_servers[FORGETS].start().unwrap();
    let public = town.marketplace.public(FORGETS);
    for path in
        [format!("/v1/cells/{}/shops", journey_tests::shops::CELL), format!("/v1/shops/{}", town.shop_ids[0])]
    {
        let status = eventually("it answers", async || {
            let answer = town.marketplace.client().get(format!("{public}{path}")).send().await?;
            Ok(Some(answer.status()))
        });
        assert_eq!(status.await.unwrap(), 503, "{path}");
    }
    town.marketplace.invalidator.thaw().unwrap();
    town.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_is_filled_again_and_resident_shops_are_read_meanwhile() {
    comes_back_without_a_hand(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_valkey_is_filled_again_and_resident_shops_are_read_meanwhile() {
    comes_back_without_a_hand(Kind::Valkey).await;
}

/// What nobody has may be on its way, for as long as one of the writers was not asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_calls_no_shop_unknown_before_every_writer_was_asked() {
    let (server, mut town) = town(Kind::Redis).await;
    town.writer(Writer::Reviews).kill().unwrap();
    server.say("FLUSHALL").await.unwrap();
    town.marketplace.rename(town.shop_ids[0], "Without its stars").await.unwrap();
    town.see(0, "Without its stars").await;
    let nobodys = format!("{}/v1/shops/999999", town.marketplace.public(FORGETS));
    let answer = town.marketplace.client().get(&nobodys).send().await.unwrap();
    assert_eq!(answer.status(), 503, "{}", answer.text().await.unwrap());
    let list = town.marketplace.list(FORGETS).await.unwrap();
    eventually("lists say whose part they lack", async || {
        let list = town.marketplace.list(FORGETS).await?;
        Ok((list["meta"]["degraded"][0]["section"] == "reviews").then_some(()))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}: {list}"));
    town.writer(Writer::Reviews).start().unwrap();
    town.is_whole().await;
}

//! The master is killed, and the replica that takes its place lacks what was saved last.

use journey_tests::eventually;
use journey_tests::redis_server::{Kind, RedisServer};

use crate::town::{FORGETS, Town, over_store, settings};

/// Where the invalidator goes on reading what changed at the shop writer.
async fn cursor(server: &RedisServer) -> anyhow::Result<String> {
    Ok(server.say("HGET {shopfront:0}:meta cursor:shop").await?.text())
}

async fn the_last_saves_are_lost_and_made_good(kind: Kind) {
    let mut master = RedisServer::start(kind, &[]).await.unwrap();
    let mut replica = RedisServer::start(kind, &[]).await.unwrap();
    replica.say(&format!("REPLICAOF 127.0.0.1 {}", master.port())).await.unwrap();
    let pair = format!("redis://{},{}/shopfront", master.address(), replica.address());
    let town = Town::open(&settings(over_store(pair))).await;
    eventually("the replica has all", async || {
        let linked = replica.info("master_link_status").await? == "up";
        Ok((linked
            && !cursor(&master).await?.is_empty()
            && cursor(&master).await? == cursor(&replica).await?)
            .then_some(()))
    })
    .await
    .unwrap();
    let watch = town.watched();
    // The replica hears nothing any more: what is saved now is acknowledged, and lost.
    replica.say("REPLICAOF 127.0.0.1 1").await.unwrap();
    let before = cursor(&replica).await.unwrap();
    town.rename_and_see(0, "Lost").await;
    let lost = town.marketplace.create_shop("Lost as a whole").await.unwrap();
    let detail = format!("/v1/shops/{lost}");
    eventually("the new shop is there", async || town.marketplace.read_json(0, &detail).await.map(Some))
        .await
        .unwrap();
    eventually("the cursor is past all of it", async || Ok((cursor(&master).await? != before).then_some(())))
        .await
        .unwrap();
    master.kill().unwrap();
    replica.say("REPLICAOF NO ONE").await.unwrap();

    town.see(0, "Lost").await;
    eventually("the lost shop is there for everybody", async || {
        Ok((town.marketplace.detail(FORGETS, lost).await?["name"] == "Lost as a whole").then_some(()))
    })
    .await
    .unwrap();
    town.rename_and_see(1, "Afterwards").await;
    town.is_whole().await;
    watch.end().await;

    // The old master comes back as the replica, and the same happens the other way round.
    master.arguments(&["--replicaof", "127.0.0.1", &replica.port().to_string()]);
    master.start_again().await.unwrap();
    eventually("the old master has all", async || {
        Ok((master.info("master_link_status").await? == "up"
            && cursor(&master).await? == cursor(&replica).await?)
            .then_some(()))
    })
    .await
    .unwrap();
    replica.kill().unwrap();
    master.say("REPLICAOF NO ONE").await.unwrap();
    town.rename_and_see(2, "And back").await;
    town.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_fails_over_and_lost_saves_is_made_whole() {
    the_last_saves_are_lost_and_made_good(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valkey_that_fails_over_and_lost_saves_is_made_whole() {
    the_last_saves_are_lost_and_made_good(Kind::Valkey).await;
}

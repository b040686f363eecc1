//! The search engine is away, silent, or refuses: who is asked what he was asked before goes on as he was.

use fault_proxy::{Fault, FaultProxy};
use journey_tests::backends::Named;
use journey_tests::eventually;
use journey_tests::marketplace::card_of;
use journey_tests::shops::CELL;
use reqwest::Client;
use serde_json::{Value, json};
use shop_id::ShopId;

use crate::town::{FORGETS, KEEPS, Town, found_by, settings};

struct Engine {
    base: String,
    name: String,
    client: Client,
}

impl Engine {
    /// What an operator sets.
    async fn set(&self, setting: &str, value: Value) {
        let url = format!("{}/{}/_settings", self.base, self.name);
        let answer = self.client.put(url).json(&json!({setting: value})).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Its own indexes, when nobody needs them any more.
    async fn clean(&self) {
        let url = format!("{}/_alias/{}", self.base, self.name);
        let found: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        for index in found.as_object().unwrap().keys() {
            self.client.delete(format!("{}/{index}", self.base)).send().await.unwrap();
        }
    }
}

async fn searched_by_an_engine() -> (FaultProxy, Engine, Town) {
    let base = found_by("SHOPFRONT_TEST_ELASTICSEARCH", "elasticsearch");
    let proxy = FaultProxy::start(base.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let search = Some(format!("http://{}/{{name}}", proxy.address()));
    let town = Town::open(&settings(Named { search, ..Named::default() })).await;
    let name = town.marketplace.backends().search.clone().unwrap();
    let name = name.rsplit('/').next().unwrap().to_owned();
    (proxy, Engine { base, name, client: Client::new() }, town)
}

/// The last good list, said to be so, with cards of now; and no answer at all where there never was one.
async fn lists_are_of_before(town: &Town, fault: &str) {
    for query_server in [KEEPS, FORGETS] {
        eventually(&format!("{fault}: the list says since when it is old"), async || {
            let list = town.marketplace.list(query_server).await?;
            let all = town.shop_ids.iter().all(|shop_id| card_of(&list, *shop_id).is_some());
            anyhow::ensure!(all, "{list}");
            let since = list["meta"]["stale_since"].as_str().map(str::parse::<jiff::Timestamp>);
            Ok(since.is_some_and(|since| since.is_ok()).then_some(()))
        })
        .await
        .unwrap();
    }
    let never_asked = format!("{}/v1/cells/{CELL}/shops?category=sushi", town.marketplace.public(KEEPS));
    eventually(&format!("{fault}: nothing is invented"), async || {
        let answer = town.marketplace.client().get(&never_asked).send().await?;
        Ok((answer.status() == 503 && answer.headers().contains_key("retry-after")).then_some(()))
    })
    .await
    .unwrap();
}

async fn a_change_and_a_new_shop(town: &Town, fault: &str) -> ShopId {
    // Whoever stands on the old list stands there with the newest card.
    town.rename_and_see(0, fault).await;
    let new = town.marketplace.create_shop(fault).await.unwrap();
    eventually("the new shop has a detail", async || {
        Ok((town.marketplace.detail(FORGETS, new).await?["name"] == fault).then_some(()))
    })
    .await
    .unwrap();
    new
}

async fn is_listed(town: &Town, new: ShopId) {
    for query_server in [KEEPS, FORGETS] {
        eventually("the new shop is listed", async || {
            Ok(card_of(&town.marketplace.list(query_server).await?, new).map(drop))
        })
        .await
        .unwrap();
    }
    town.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_elasticsearch_is_away_or_silent_the_last_good_lists_are_read() {
    let (proxy, engine, town) = searched_by_an_engine().await;
    let watch = town.watched();
    let others = town.others_watched();
    for (fault, name) in [(Fault::Refuse, "away"), (Fault::HalfOpen, "silent")] {
        proxy.set(fault).await;
        if fault == Fault::Refuse {
            proxy.cut().await;
        }
        lists_are_of_before(&town, name).await;
        let new = a_change_and_a_new_shop(&town, name).await;
        proxy.set(Fault::Pass).await;
        is_listed(&town, new).await;
    }
    others.end().await;
    watch.end().await;
    engine.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_elasticsearch_refuses_the_last_good_lists_are_read_and_changes_wait() {
    let (_proxy, engine, town) = searched_by_an_engine().await;
    let watch = town.watched();
    let others = town.others_watched();
    engine.set("index.blocks.read", json!(true)).await;
    lists_are_of_before(&town, "unreadable").await;
    engine.set("index.blocks.read", json!(null)).await;
    town.is_whole().await;

    // As a disk does that is nearly full.
    engine.set("index.blocks.read_only_allow_delete", json!(true)).await;
    let new = a_change_and_a_new_shop(&town, "unwritable").await;
    town.invalidator_says("make room on the engine's disks").await;
    town.is_whole().await;
    engine.set("index.blocks.read_only_allow_delete", json!(null)).await;
    is_listed(&town, new).await;
    others.end().await;
    watch.end().await;
    engine.clean().await;
}

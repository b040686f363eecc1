//! The dead writer's last section stays on the page, the others go on changing, and the answer says so.

use std::time::Duration;

use journey_tests::marketplace::{Settings, card_of};
use journey_tests::{Marketplace, eventually};
use serde_json::{Value, json};
use shop_id::Writer;

#[tokio::test(flavor = "multi_thread")]
async fn with_reviews_dead_the_stars_stay_and_names_go_on_changing() {
    let settings = Settings {
        changed_since_interval: Duration::from_millis(300),
        degraded_after: Duration::from_secs(2),
        ..Settings::default()
    };
    let mut marketplace = Marketplace::open(&settings).await.unwrap();
    let shop_id = marketplace.create_shop("Old").await.unwrap();
    marketplace.review(shop_id, 7).await.unwrap();
    marketplace.everywhere(shop_id, "the stars are there", |card| card["review_count"] == 7).await.unwrap();
    assert_eq!(degraded(&marketplace).await, Vec::<String>::new());

    marketplace.writer(Writer::Reviews).kill().unwrap();
    marketplace.rename(shop_id, "New").await.unwrap();
    marketplace
        .everywhere(shop_id, "the new name beside the old stars", |card| {
            card["name"] == "New" && card["review_count"] == 7 && card["rating"] == json!(4.0)
        })
        .await
        .unwrap();
    eventually("reviews are named as degraded", async || {
        Ok((degraded(&marketplace).await == ["reviews"]).then_some(()))
    })
    .await
    .unwrap();
    let list = marketplace.list(0).await.unwrap();
    assert!(card_of(&list, shop_id).is_some());
    let since = list["meta"]["degraded"][0]["since"].as_str().unwrap();
    since.parse::<jiff::Timestamp>().unwrap();

    marketplace.writer(Writer::Reviews).start().unwrap();
    eventually("nothing is degraded any more", async || {
        Ok(degraded(&marketplace).await.is_empty().then_some(()))
    })
    .await
    .unwrap();
    marketplace.review(shop_id, 8).await.unwrap();
    marketplace
        .everywhere(shop_id, "the next star is there", |card| card["review_count"] == 8)
        .await
        .unwrap();
}

async fn degraded(marketplace: &Marketplace) -> Vec<String> {
    let list = marketplace.list(0).await.unwrap();
    let none = Vec::new();
    let sections = list["meta"]["degraded"].as_array().unwrap_or(&none);
    sections.iter().filter_map(|section| section["section"].as_str().map(str::to_owned)).collect::<Vec<_>>()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_shop_and_ads_dead_stars_go_on_changing() {
    let mut marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let shop_id = marketplace.create_shop("Here").await.unwrap();
    marketplace.advertise(shop_id, "Free drink").await.unwrap();
    let advertised = |card: &Value| card["ad_label"] == "Free drink";
    marketplace.everywhere(shop_id, "the ad is there", advertised).await.unwrap();
    marketplace.writer(Writer::Shop).freeze().unwrap();
    marketplace.writer(Writer::Ads).kill().unwrap();
    marketplace.review(shop_id, 3).await.unwrap();
    marketplace
        .everywhere(shop_id, "new stars on the old card", |card| {
            card["review_count"] == 3 && card["name"] == "Here" && advertised(card)
        })
        .await
        .unwrap();
}

//! From a writer's commit to the list, and not before the store.

use journey_tests::marketplace::{Settings, card_of};
use journey_tests::{Marketplace, shops};
use reqwest::Method;
use serde_json::json;
use shop_id::Writer;

#[tokio::test(flavor = "multi_thread")]
async fn a_name_changed_at_the_shop_writer_is_in_detail_and_list() {
    let marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let shop_id = marketplace.create_shop("The Old Name").await.unwrap();
    marketplace
        .everywhere(shop_id, "the new shop is there", |card| card["name"] == "The Old Name")
        .await
        .unwrap();

    let token = marketplace.rename(shop_id, "The New Name").await.unwrap();
    let own_write = format!("/v1/shops/{shop_id}?min_revision={token}");
    let read = marketplace.read(&own_write).await.unwrap();
    assert_eq!(read.headers()["cache-control"], "no-store");
    let read: serde_json::Value = read.json().await.unwrap();
    assert_eq!(read["name"], "The New Name", "a client reads its own write");
    marketplace
        .everywhere(shop_id, "the new name is there", |card| card["name"] == "The New Name")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_not_seen_before_it_is_in_the_store() {
    let marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let shop_id = marketplace.create_shop("Before").await.unwrap();
    marketplace.everywhere(shop_id, "the shop is there", |card| card["name"] == "Before").await.unwrap();

    marketplace.invalidator.freeze().unwrap();
    let token = marketplace.rename(shop_id, "After").await.unwrap();
    // Waits its 500 ms for the token and then says that it did not come.
    let path = format!("/v1/shops/{shop_id}?min_revision={token}");
    let not_yet = marketplace.read_json(0, &path).await.unwrap();
    assert_eq!(not_yet["name"], "Before");
    let list = marketplace.list(0).await.unwrap();
    assert_eq!(card_of(&list, shop_id).unwrap()["name"], "Before");

    marketplace.invalidator.thaw().unwrap();
    marketplace.everywhere(shop_id, "the new name is there", |card| card["name"] == "After").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_delivers_less_far_says_so_at_the_door() {
    let marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let shop_id = marketplace.create_shop("Napoli").await.unwrap();
    marketplace.everywhere(shop_id, "the shop is there", |card| card["name"] == "Napoli").await.unwrap();
    // About 1,100 m to the north of the kitchen, whose area is a circle of 1,500.
    let door = format!("/v1/availability?ids={shop_id}&lat={:.4}&lng={:.4}", shops::LAT + 0.01, shops::LNG);
    let asked = marketplace.read_json(0, &door).await.unwrap();
    let shop = &asked["shops"][0];
    assert_eq!(shop["delivers_here"], true, "{asked}");
    assert_eq!(shop["delivery_fee"][0]["fee"]["amount"], 199, "{asked}");
    assert!((1_050..1_150).contains(&shop["distance_m"].as_u64().unwrap()), "{asked}");
    assert_eq!(shop["state"], "open");

    let mut delivery = shops::facts("Napoli")["delivery"].clone();
    delivery["area"] = json!({"radius_m": 500});
    let path = format!("/v1/shops/{shop_id}");
    marketplace.change(Method::PATCH, Writer::Shop, &path, &json!({"delivery": delivery})).await.unwrap();
    journey_tests::eventually("it no longer delivers here", async || {
        let asked = marketplace.read_json(0, &door).await?;
        Ok((asked["shops"][0]["delivers_here"] == false).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_of_a_shop_arrives_and_a_closed_shop_leaves() {
    let marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let shop_id = marketplace.create_shop("Napoli").await.unwrap();
    let other = marketplace.create_shop("Roma").await.unwrap();
    marketplace.review(shop_id, 12).await.unwrap();
    marketplace.advertise(shop_id, "Two for one").await.unwrap();
    marketplace
        .everywhere(shop_id, "stars and ad are there", |card| {
            card["rating"] == json!(4.0) && card["review_count"] == 12 && card["ad_label"] == "Two for one"
        })
        .await
        .unwrap();
    let card = card_of(&marketplace.list(0).await.unwrap(), shop_id).unwrap().clone();
    assert_eq!(card["state"], "open", "{card}");
    assert_eq!(card["min_order"], shops::gbp(1000), "{card}");
    assert!(card["distance_m"].as_u64().unwrap() < 1_000, "{card}");
    let detail = marketplace.detail(0, shop_id).await.unwrap();
    assert!(detail.to_string().contains("Margherita"), "{detail}");

    marketplace
        .change(Method::DELETE, Writer::Shop, &format!("/v1/shops/{shop_id}"), &json!(null))
        .await
        .unwrap();
    journey_tests::eventually("the closed shop is gone", async || {
        let detail = marketplace.read(&format!("/v1/shops/{shop_id}")).await?.status();
        let list = marketplace.list(0).await?;
        let left = card_of(&list, shop_id).is_none() && card_of(&list, other).is_some();
        Ok((detail == 410 && left).then_some(()))
    })
    .await
    .unwrap();
    journey_tests::eventually("every writer was asked, so unknown means unknown", async || {
        Ok((marketplace.read("/v1/shops/999999").await?.status() == 404).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_list_is_not_sent_again() {
    let marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let shop_id = marketplace.create_shop("Still").await.unwrap();
    marketplace.everywhere(shop_id, "the shop is there", |card| card["name"] == "Still").await.unwrap();
    let by_place = format!("/v1/shops?lat={}&lng={}", shops::LAT, shops::LNG);
    let path = format!("/v1/cells/{}/shops", shops::CELL);
    let (list, near) = (marketplace.read(&path).await.unwrap(), marketplace.read(&by_place).await.unwrap());
    assert_eq!(near.headers()["content-location"], path.as_str());
    let tag = list.headers()["etag"].clone();
    assert_eq!(list.bytes().await.unwrap(), near.bytes().await.unwrap(), "one cell, one page");

    let again = async || {
        let url = format!("{}{path}", marketplace.public(0));
        marketplace.client().get(url).header("if-none-match", &tag).send().await.unwrap().status()
    };
    assert_eq!(again().await, 304);
    marketplace.rename(shop_id, "Moved").await.unwrap();
    journey_tests::eventually("the changed list is sent", async || Ok((again().await == 200).then_some(())))
        .await
        .unwrap();
}

//! One change at a time.

use reqwest::Method;
use serde_json::{Value, json};
use shop_id::Writer;

use crate::running::{Running, campaign, facts, stars};

#[tokio::test(flavor = "multi_thread")]
async fn shops_get_ids_in_the_order_in_which_they_come() {
    let writer = Running::start(Writer::Shop).await;
    for number in 1..=3 {
        assert_eq!(writer.create(&format!("Shop {number}")).await.get(), number);
    }
    let (status, view) = writer.get("/v1/shops/2").await;
    assert_eq!((status, &view["shop_id"], &view["revision"]), (200, &json!("2"), &json!("1-2")));
    assert_eq!((&view["revision_token"], &view["facts"]["name"]), (&json!("shop:1-2"), &json!("Shop 2")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_source_and_key_again_is_the_same_shop() {
    let writer = Running::start(Writer::Shop).await;
    let bring = async |source: Value, name: &str| {
        let body = json!({"source": source, "facts": facts(name)});
        let changed = writer.change(Method::POST, "/v1/shops", &body).await;
        format!("{} {}", changed.shop_id, changed.said())
    };
    let leeds = json!({"name": "leeds", "key": "17"});
    assert_eq!(bring(leeds.clone(), "Blue Door").await, "1 created shop:1-1");
    assert_eq!(bring(leeds.clone(), "Blue Door").await, "1 unchanged shop:1-1");
    assert_eq!(bring(json!({"name": "york", "key": "17"}), "Red Door").await, "2 created shop:1-2");
    assert_eq!(bring(leeds.clone(), "Green Door").await, "1 changed shop:1-3");
    writer.change(Method::DELETE, "/v1/shops/1", &Value::Null).await;
    assert_eq!(bring(leeds, "Green Door").await, "1 changed shop:1-5", "brought again, it opens again");
    assert_eq!(writer.create("Green Door").await.get(), 3, "without a source every call makes a shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let writer = Running::start(Writer::Shop).await;
    let shop_id = writer.create("Old").await;
    let path = format!("/v1/shops/{shop_id}");
    let before = writer.get(&path).await.1["facts"].clone();
    let patch = json!({"name": "New", "delivery": {"eta_minutes": {"to": 50}}});
    assert_eq!(writer.change(Method::PATCH, &path, &patch).await.said(), "changed shop:1-2");
    assert_eq!(writer.change(Method::PATCH, &path, &patch).await.said(), "unchanged shop:1-2");
    assert_eq!(writer.change(Method::PATCH, &path, &json!({})).await.said(), "unchanged shop:1-2");
    let mut expected = before;
    expected["name"] = json!("New");
    expected["delivery"]["eta_minutes"]["to"] = json!(50);
    assert_eq!(writer.get(&path).await.1["facts"], expected);
    let request = writer.request(Method::PATCH, &path).header("content-type", "application/merge-patch+json");
    let answer = request.body(r#"{"address":"1 Strand"}"#).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        writer.change(Method::PATCH, &path, &json!({"address": null})).await.said(),
        "changed shop:1-4"
    );
    assert_eq!(writer.get(&path).await.1["facts"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_can_be_sent_back_unchanged() {
    let writer = Running::start(Writer::Shop).await;
    let shop_id = writer.create("Round").await;
    let path = format!("/v1/shops/{shop_id}");
    let view = writer.get(&path).await.1;
    assert_eq!(writer.change(Method::PUT, &path, &view["facts"]).await.said(), "unchanged shop:1-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_shop_is_gone_until_it_comes_back() {
    let writer = Running::start(Writer::Shop).await;
    let shop_id = writer.create("Here").await;
    let path = format!("/v1/shops/{shop_id}");
    assert_eq!(writer.change(Method::DELETE, &path, &Value::Null).await.said(), "changed shop:1-2");
    assert_eq!(writer.change(Method::DELETE, &path, &Value::Null).await.said(), "unchanged shop:1-2");
    let (status, gone) = writer.get(&path).await;
    assert_eq!((status, &gone["code"]), (410, &json!("shop_closed")));
    let (status, refused) = writer.ask(Method::PATCH, &path, &json!({"name": "X"})).await;
    assert_eq!((status, &refused["code"]), (410, &json!("shop_closed")));
    assert_eq!(writer.get(&format!("/v1/sections/{shop_id}")).await.1["state"], "gone");
    assert_eq!(writer.create("Next").await.get(), 2, "a closed shop keeps its ID");
    assert_eq!(writer.change(Method::PUT, &path, &facts("Here")).await.said(), "changed shop:1-4");
    assert_eq!(writer.get(&path).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_chooses_a_shop_id() {
    let writer = Running::start(Writer::Shop).await;
    for (method, body) in [
        (Method::GET, Value::Null),
        (Method::PUT, facts("Chosen")),
        (Method::PATCH, json!({})),
        (Method::DELETE, Value::Null),
    ] {
        let (status, refused) = writer.ask(method.clone(), "/v1/shops/7", &body).await;
        assert_eq!((status, &refused["code"]), (404, &json!("unknown_shop")), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ads_of_any_shop_come_and_go() {
    let writer = Running::start(Writer::Ads).await;
    assert_eq!(writer.get("/v1/ads/7").await.0, 404);
    let path = "/v1/ads/7";
    assert_eq!(writer.change(Method::DELETE, path, &Value::Null).await.said(), "unchanged ads:0-0");
    assert_eq!(writer.change(Method::PUT, path, &campaign("Two for one")).await.said(), "created ads:1-1");
    assert_eq!(writer.change(Method::PUT, path, &campaign("Two for one")).await.said(), "unchanged ads:1-1");
    assert_eq!(writer.get(path).await.1["facts"]["campaigns"][0]["label"], "Two for one");
    assert_eq!(writer.change(Method::DELETE, path, &Value::Null).await.said(), "changed ads:1-2");
    let section = writer.get("/v1/sections/7").await.1;
    assert_eq!((&section["state"], &section["revision"]), (&json!("nothing"), &json!("1-2")));
    assert_eq!(writer.get(path).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_are_counted_and_the_newest_stand_first() {
    let writer = Running::start(Writer::Reviews).await;
    assert_eq!(writer.change(Method::PUT, "/v1/reviews/7", &stars(3)).await.said(), "created reviews:1-1");
    let added = json!({"stars": 5, "text": "Perfect as always."});
    assert_eq!(
        writer.change(Method::POST, "/v1/reviews/7/reviews", &added).await.said(),
        "changed reviews:1-2"
    );
    let added = json!({"stars": 1, "text": "Cold."});
    writer.change(Method::POST, "/v1/reviews/7/reviews", &added).await;
    let facts = writer.get("/v1/reviews/7").await.1["facts"].clone();
    assert_eq!(facts["by_stars"], json!([1, 0, 0, 3, 1]));
    let texts: Vec<&str> =
        facts["latest"].as_array().unwrap().iter().map(|review| review["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["Cold.", "Perfect as always."]);
    let first = json!({"stars": 4});
    assert_eq!(
        writer.change(Method::POST, "/v1/reviews/8/reviews", &first).await.said(),
        "created reviews:1-4"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_each_get_an_answer_and_a_counter_of_their_own() {
    let writer = Running::start(Writer::Ads).await;
    let changes = (1..=200).map(|number| {
        let (request, body) = (writer.request(Method::PUT, &format!("/v1/ads/{number}")), campaign("Ad"));
        tokio::spawn(
            async move { crate::running::answer_of(request.json(&body).send().await.unwrap()).await },
        )
    });
    let mut counters = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        let (status, answer) = change.await.unwrap();
        assert_eq!((status, &answer["outcome"]), (201, &json!("created")));
        let token: shop_id::RevisionToken = answer["revision_token"].as_str().unwrap().parse().unwrap();
        counters.push(token.revision.counter);
    }
    counters.sort_unstable();
    assert_eq!(counters, (1..=200).collect::<Vec<u64>>());
    assert!(writer.counted("commits_total") <= 200.0);
    assert!((writer.counted("changes_total") - 200.0).abs() < 0.5);
}

//! Many changes in one request.

use reqwest::Method;
use serde_json::{Value, json};
use shop_id::Writer;
use writer_api::change::{BULK_BYTES_MAX, BULK_ROWS_MAX};

use crate::running::{Running, campaign, facts, stars};

async fn outcomes(writer: &Running, path: &str, rows: &Value) -> Vec<String> {
    let (status, answer) = writer.ask(Method::POST, path, rows).await;
    assert_eq!(status, 200, "{answer}");
    let said = |row: &Value| {
        let parts = ["shop_id", "outcome", "revision_token", "reason"];
        let parts: Vec<&str> = parts.iter().filter_map(|part| row[part].as_str()).collect();
        parts.join(" ")
    };
    answer.as_array().unwrap().iter().map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_costs_only_itself() {
    let writer = Running::start(Writer::Shop).await;
    let source = |key: &str| json!({"name": "leeds", "key": key});
    let mut without_place = facts("Nowhere");
    without_place["location"]["lat"] = json!(91);
    let rows = json!([
        {"source": source("1"), "facts": facts("First")},
        {"source": source("2"), "facts": without_place},
        {"source": source("3"), "facts": {"name": "Half"}},
        {"source": source(""), "facts": facts("No key")},
        7,
        {"source": source("1"), "facts": facts("First")},
        {"source": source("4"), "facts": facts("Last")},
    ]);
    assert_eq!(
        outcomes(&writer, "/v1/shops/bulk", &rows).await,
        [
            "1 created shop:1-1",
            "refused `facts.location.lat` is `91`, expected -90 to 90 degrees",
            "refused `facts.location` is missing, expected degrees, for example `{\"lat\": 51.5, \"lng\": -0.12}`",
            "refused `source.key` is ``, expected 1 to 200 characters, not only blanks",
            "refused `.` is `7`, expected an object",
            "1 unchanged shop:1-1",
            "2 created shop:1-2",
        ]
    );
    assert!((writer.counted("commits_total") - 1.0).abs() < 0.5, "one bulk, one commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn bulks_of_sections_name_their_shops() {
    let ads = Running::start(Writer::Ads).await;
    let rows = json!([
        {"shop_id": "7", "facts": campaign("One")},
        {"shop_id": "8", "facts": campaign("far too long for any card")},
        {"shop_id": 9, "facts": campaign("Number")},
        {"shop_id": "7", "facts": campaign("Two")},
        {"shop_id": "18446744073709551615", "facts": campaign("Far")},
    ]);
    assert_eq!(
        outcomes(&ads, "/v1/ads/bulk", &rows).await,
        [
            "7 created ads:1-1",
            "8 refused `facts.campaigns[0].label` is `far too long for any card`, expected 1 to 24 characters, not only blanks",
            "refused `shop_id` is `9`, expected a shop ID as text, `\"1\"` to `\"18446744073709551615\"` without leading zeros",
            "7 changed ads:1-2",
            "18446744073709551615 refused shop ID `18446744073709551615` is too large, expected at most 9223372036854775807",
        ]
    );
    let reviews = Running::start(Writer::Reviews).await;
    let rows = json!([{"shop_id": "7", "facts": stars(2)}]);
    assert_eq!(outcomes(&reviews, "/v1/reviews/bulk", &rows).await, ["7 created reviews:1-1"]);
    assert_eq!(outcomes(&reviews, "/v1/reviews/bulk", &rows).await, ["7 unchanged reviews:1-1"]);
    assert_eq!(outcomes(&reviews, "/v1/reviews/bulk", &json!([])).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_is_as_large_as_agreed_and_no_larger() {
    let writer = Running::start(Writer::Reviews).await;
    let rows = |count: usize| -> Value {
        (1..=count).map(|number| json!({"shop_id": number.to_string(), "facts": stars(1)})).collect()
    };
    assert_eq!(outcomes(&writer, "/v1/reviews/bulk", &rows(BULK_ROWS_MAX)).await.len(), BULK_ROWS_MAX);
    let (status, refused) = writer.ask(Method::POST, "/v1/reviews/bulk", &rows(BULK_ROWS_MAX + 1)).await;
    assert_eq!((status, &refused["code"]), (413, &json!("too_many_rows")));
    let blanks = " ".repeat(BULK_BYTES_MAX);
    let request = writer.request(Method::POST, "/v1/reviews/bulk").header("content-type", "application/json");
    let (status, refused) =
        crate::running::answer_of(request.body(format!("[]{blanks}")).send().await.unwrap()).await;
    assert_eq!((status, &refused["code"]), (413, &json!("body_too_large")));
    let (status, refused) = writer.ask(Method::POST, "/v1/reviews/bulk", &json!({"rows": []})).await;
    assert_eq!((status, &refused["code"]), (400, &json!("not_json")));
}

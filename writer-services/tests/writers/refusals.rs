//! Whoever asks wrongly learns what is right.

use reqwest::Method;
use serde_json::{Value, json};
use shop_id::Writer;
use writer_api::change::FACTS_BYTES_MAX;

use crate::running::{Running, answer_of, campaign, facts, stars};

async fn refused(writer: &Running, method: &str, path: &str, kind: &str, body: &str) -> String {
    let request = writer.request(method.parse().unwrap(), path).header("content-type", kind);
    let response = request.body(body.to_owned()).send().await.unwrap();
    let headers = response.headers().clone();
    let (status, problem) = answer_of(response).await;
    assert_eq!(headers["content-type"], "application/problem+json", "{method} {path}");
    assert_eq!(headers["cache-control"], "no-store", "{method} {path}");
    assert_eq!(problem["status"], status, "{problem}");
    let allow = headers.get("allow").map_or("", |allow| allow.to_str().unwrap());
    let said = format!(
        "{status} {} {allow}: {}",
        problem["code"].as_str().unwrap(),
        problem["detail"].as_str().unwrap()
    );
    said.replace(" :", ":")
}

const JSON: &str = "application/json";

/// Method, path, content type, body; status, code, allowed methods, sentence.
const REFUSED: &[(&str, &str, &str, &str, &str)] = &[
    (
        "GET",
        "/v1/shops/1",
        JSON,
        "",
        "404 no_such_path: `/v1/shops/1` is no path of the reviews writer, expected /v1/sections, /v1/changes or /v1/reviews",
    ),
    (
        "GET",
        "/",
        JSON,
        "",
        "404 no_such_path: `/` is no path of the reviews writer, expected /v1/sections, /v1/changes or /v1/reviews",
    ),
    (
        "POST",
        "/v1/sections",
        JSON,
        "",
        "405 method_not_allowed GET,HEAD: `POST` cannot be done to `/v1/sections`, see `Allow`",
    ),
    (
        "PATCH",
        "/v1/reviews/7",
        JSON,
        "{}",
        "405 method_not_allowed GET,HEAD,PUT,DELETE: `PATCH` cannot be done to `/v1/reviews/7`, see `Allow`",
    ),
    (
        "GET",
        "/v1/reviews/bulk",
        JSON,
        "",
        "405 method_not_allowed POST: `GET` cannot be done to `/v1/reviews/bulk`, see `Allow`",
    ),
    (
        "GET",
        "/v1/reviews/07",
        JSON,
        "",
        "400 malformed_id: parameter `id` is `07`, expected a whole number from 1 to 18446744073709551615 without leading zeros",
    ),
    (
        "GET",
        "/v1/sections/%ff",
        JSON,
        "",
        "400 no_text: parameter `id` is `/v1/sections/%ff`, expected percent-encoded UTF-8",
    ),
    (
        "GET",
        "/v1/sections/7?pretty=1",
        JSON,
        "",
        "400 unknown_parameter: parameter `pretty` is `1`, expected no parameters here",
    ),
    (
        "GET",
        "/v1/sections?ids=1&limit=2",
        JSON,
        "",
        "400 unknown_parameter: parameter `limit` is `2`, expected no other parameter beside `ids`",
    ),
    (
        "GET",
        "/v1/sections?ids=",
        JSON,
        "",
        "400 malformed_id: parameter `ids` is ``, expected a whole number from 1 to 18446744073709551615 without leading zeros",
    ),
    (
        "GET",
        "/v1/sections?page_after=0",
        JSON,
        "",
        "400 malformed_id: parameter `page_after` is `0`, expected the last ID of the page before",
    ),
    (
        "GET",
        "/v1/changes?after=1-2-3",
        JSON,
        "",
        "400 malformed_cursor: parameter `after` is `1-2-3`, expected a cursor, `<epoch>-<counter>`",
    ),
    (
        "GET",
        "/v1/changes?since=1-2",
        JSON,
        "",
        "400 unknown_parameter: parameter `since` is `1-2`, expected one of `after`, `limit`",
    ),
    ("PUT", "/v1/reviews/7", JSON, "{", "400 not_json: not JSON: line 1, column 1: it ends too soon"),
    ("PUT", "/v1/reviews/7", JSON, "", "400 not_json: not JSON: nothing was given, expected one JSON value"),
    (
        "PUT",
        "/v1/reviews/7?force=1",
        JSON,
        "{}",
        "400 unknown_parameter: parameter `force` is `1`, expected no parameters here",
    ),
    (
        "PUT",
        "/v1/reviews/7",
        "application/x-www-form-urlencoded",
        "{}",
        "415 unsupported_media_type: content type `application/x-www-form-urlencoded`, expected `application/json`",
    ),
    (
        "PUT",
        "/v1/reviews/7",
        JSON,
        "{}",
        "422 invalid_facts: `by_stars` is missing, expected a list of five whole numbers: how many gave 1, 2, 3, 4, 5 stars",
    ),
    (
        "PUT",
        "/v1/reviews/9223372036854775808",
        JSON,
        r#"{"by_stars":[0,0,0,0,0]}"#,
        "422 shop_id_too_large: shop ID `9223372036854775808` is too large, expected at most 9223372036854775807",
    ),
    (
        "POST",
        "/v1/reviews/7/reviews",
        JSON,
        r#"{"stars":"5"}"#,
        "422 invalid_facts: `stars` is `\"5\"`, expected a whole number, 1 to 5",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_says_what_is_expected() {
    let writer = Running::start(Writer::Reviews).await;
    for (method, path, kind, body, said) in REFUSED {
        assert_eq!(&refused(&writer, method, path, kind, body).await, said);
    }
    let long = format!("/v1/sections?ids={}", "1,".repeat(5_000));
    let said = refused(&writer, "GET", &long, JSON, "").await;
    assert!(said.starts_with("414 uri_too_long"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_value_is_listed_by_its_path() {
    let writer = Running::start(Writer::Ads).await;
    let mut campaigns = campaign("");
    campaigns["campaigns"][0]["weight"] = json!(0);
    let (status, problem) = writer.ask(Method::PUT, "/v1/ads/7", &campaigns).await;
    assert_eq!(status, 422);
    assert_eq!(
        problem["errors"],
        json!([
            {"path": "campaigns[0].label", "given": "", "expected": "1 to 24 characters, not only blanks"},
            {"path": "campaigns[0].weight", "given": "0", "expected": "1 to 1000"},
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_and_bodies_are_bounded() {
    let writer = Running::start(Writer::Shop).await;
    let mut large = facts("Large");
    let item = |id: usize| json!({"id": id.to_string(), "group": "G", "name": "N", "description": "x".repeat(1_000), "price": {"amount": 1, "currency": "GBP"}});
    large["menu"] = (0..600).map(item).collect();
    let (status, problem) = writer.ask(Method::POST, "/v1/shops", &json!({"facts": large})).await;
    assert_eq!((status, &problem["code"]), (413, &json!("facts_too_large")));
    let huge = "x".repeat(2 * FACTS_BYTES_MAX);
    let (status, problem) = writer.ask(Method::POST, "/v1/shops", &json!({"facts": huge})).await;
    assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")));
    assert_eq!(writer.create("Small").await.get(), 1, "nothing of the refused ones was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_refuses_changes_whole_and_goes_on_reading() {
    let writer = Running::start_with(Writer::Reviews, |config| config.database_bytes_max = 300_000).await;
    let review = |number: usize| json!({"stars": 5, "at": "2026-11-23T17:00:00Z", "text": number.to_string().repeat(500)});
    let body = json!({"by_stars": [0, 0, 0, 0, 1], "latest": vec![review(1); 10]});
    let mut taken = 0;
    let refused = loop {
        let (status, problem) = writer.ask(Method::PUT, &format!("/v1/reviews/{}", taken + 1), &body).await;
        if status != 201 {
            break (status, problem);
        }
        taken += 1;
        assert!(taken < 1_000, "never full");
    };
    assert_eq!((refused.0, &refused.1["code"]), (507, &json!("database_full")), "{}", refused.1);
    assert!(refused.1["detail"].as_str().unwrap().contains("nothing was changed"));
    assert!(taken > 5, "{taken}");
    let section = writer.get(&format!("/v1/sections/{}", taken + 1)).await.1;
    assert_eq!(
        (&section["state"], &section["as_of_sequence"]),
        (&json!("nothing"), &json!(format!("1-{taken}")))
    );
    // A change that needs no room is taken, under the very next counter.
    let changed = writer.change(Method::DELETE, "/v1/reviews/1", &Value::Null).await;
    assert_eq!(changed.token.revision.counter, taken + 1);
    assert_eq!(writer.change(Method::PUT, "/v1/reviews/1", &stars(1)).await.outcome, "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_changes_nothing() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let writer = Running::start(Writer::Reviews).await;
    let address = writer.url.trim_start_matches("http://");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "PUT /v1/reviews/7 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    connection.write_all(format!("{head}{}", stars(1)).as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut said = String::new();
    // Whatever is said to somebody who has gone: the connection ends, and nothing was taken.
    drop(connection.read_to_string(&mut said).await);
    assert!(!said.starts_with("HTTP/1.1 2"), "{said}");
    assert_eq!(writer.get("/v1/sections/7").await.1["revision"], "0-0");
}

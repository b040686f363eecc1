//! Whether and for what shops deliver to a place.

use document_store::DocumentReader;
use expect_test::expect;
use shop_document::{Area, Held, Place, Sections};

use super::shops::*;
use crate::front::Answering;

const LADDER: &str = r#"[{"order_at_least":{"amount":0,"currency":"GBP"},"fee":{"amount":199,"currency":"GBP"}},{"order_at_least":{"amount":2000,"currency":"GBP"},"fee":{"amount":0,"currency":"GBP"}}]"#;

/// At 51.5, -0.1, with two rungs.
fn delivering(name: &str, counter: u64, area: Area) -> Sections {
    let mut sections = sections(name, counter);
    if let Held::Present(_, section) = &mut sections.shop {
        section.area = area;
        section.card = format!(r#""name":"{name}","delivery_fee":{LADDER}"#);
    }
    sections
}

fn url(shop_ids: &str) -> String {
    format!("/v1/availability?ids={shop_ids}&lat=51.501&lng=-0.1")
}

#[tokio::test(start_paused = true)]
async fn shops_say_in_the_asked_order_whether_and_for_what_they_deliver_here() {
    let server = Server::usual().await;
    server.save(7, delivering("Napoli", 1, Area::Circle(1_000))).await;
    let mut roma = delivering("Roma", 2, Area::Circle(100));
    open_minutes(&mut roma, vec![(0, 18 * 60)]);
    server.save(8, roma).await;
    server.save(9, delivering("Pisa", 3, Area::Circle(1_000))).await;
    server.save(9, closed(4)).await;
    let answer = server.get(&url("9,8,99,7")).await;
    assert!(!answer.at_once, "details are got when they are asked for");
    expect![[r#"
        200
        cache-control: no-store
        cache-status: shopfront; fwd=miss; detail=composed
        content-type: application/json
        vary: accept-encoding

        {"shops":[{"id":"8","delivers_here":false,"delivery_fee":null,"distance_m":111,"state":"open","next_change_at":"2026-11-23T18:00:00+00:00"},{"id":"7","delivers_here":true,"delivery_fee":[{"order_at_least":{"amount":0,"currency":"GBP"},"fee":{"amount":199,"currency":"GBP"}},{"order_at_least":{"amount":2000,"currency":"GBP"},"fee":{"amount":0,"currency":"GBP"}}],"distance_m":111,"state":"open","next_change_at":null}],"meta":{"lat":51.501,"lng":-0.1,"degraded":[],"missing":[{"id":"9","reason":"closed"},{"id":"99","reason":"unknown"}]}}
    "#]]
    .assert_eq(&answer.shown());
    let again = server.get(&url("8,7")).await;
    assert!(again.at_once, "all is resident now");
    assert_eq!(again.shops(), [8, 7]);
}

#[tokio::test(start_paused = true)]
async fn many_shops_come_packed_for_who_takes_it_and_without_a_tag() {
    let server = Server::usual().await;
    let mut ids = Vec::new();
    for number in 1..=20 {
        server.save(number, delivering("Napoli", number, Area::Circle(1_000))).await;
        ids.push(number.to_string());
    }
    server.get(&url(&ids.join(","))).await;
    let request = http::Request::get(url(&ids.join(","))).header("host", "shops");
    let request = request.header("accept-encoding", "gzip").body(()).unwrap();
    let (_, answering) = server.door().answer(&request);
    let Answering::Now(response) = answering else { panic!("all is resident now") };
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers().get("etag"), None);
}

#[tokio::test(start_paused = true)]
async fn the_corners_of_an_area_decide_not_its_cells() {
    let server = Server::usual().await;
    let corners = [(51.49, -0.11), (51.49, -0.09), (51.505, -0.1)];
    let ring = corners.map(|(lat, lng)| Place { lat, lng }).to_vec();
    server.save(7, delivering("Napoli", 1, Area::Ring(ring))).await;
    let delivers = async |lat: &str, lng: &str| {
        let answer = server.get(&format!("/v1/availability?ids=7&lat={lat}&lng={lng}")).await;
        answer.json()["shops"][0]["delivers_here"].as_bool().unwrap()
    };
    assert!(delivers("51.5", "-0.1").await);
    assert!(!delivers("51.5", "-0.108").await, "in the same cell, beside the corner");
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_changes_its_mind_is_asked_anew() {
    let server = Server::usual().await;
    server.save(7, delivering("Napoli", 1, Area::Circle(1_000))).await;
    let delivers = async || server.get(&url("7")).await.json()["shops"][0]["delivers_here"].clone();
    assert_eq!(delivers().await, true);
    server.save(7, delivering("Napoli", 2, Area::Circle(100))).await;
    assert_eq!(delivers().await, false);
}

#[tokio::test(start_paused = true)]
async fn late_and_unreadable_shops_are_named_and_the_others_judged() {
    let server = Server::usual().await;
    for number in 1..=50 {
        server.save(number, delivering("Napoli", number, Area::Circle(1_000))).await;
    }
    server.store.late.lock().unwrap().insert(id(20));
    server.store.corrupt.lock().unwrap().insert(id(30));
    let ids: Vec<String> = (1..=50).map(|number| number.to_string()).collect();
    let answer = server.get(&url(&ids.join(","))).await;
    assert_eq!(answer.missing(), ["20 late", "30 unreadable"]);
    let expected: Vec<u64> = (1..=50).filter(|number| ![20, 30].contains(number)).collect();
    assert_eq!(answer.shops(), expected);
    assert!(server.store.inner.identity().await.unwrap().complete);
}

#[tokio::test(start_paused = true)]
async fn wrong_questions_about_a_place_are_told_what_is_allowed() {
    let server = Server::usual().await;
    expect![[r#"
        400
        cache-control: no-store
        content-type: application/problem+json
        vary: accept-encoding

        {"status":400,"code":"malformed_number","detail":"expected degrees from -90 to 90 in decimal notation","parameter":"lat","given":"north","allowed":["-90 to 90"]}
    "#]]
    .assert_eq(&server.get("/v1/availability?ids=7&lat=north&lng=-0.1").await.shown());
}

//! Shops that are late, broken or away; clients that wait for their own change.

use std::sync::atomic::Ordering;
use std::time::Duration;

use document_store::StoreError;
use tokio::time::Instant;

use super::shops::*;
use crate::config::Config;

/// Nothing is resident.
fn nothing_resident() -> Config {
    Config { cards_bytes_max: 0, details_bytes_max: 0, ..Config::default() }
}

async fn ten_shops(config: Config) -> Server {
    let server = Server::open(config).await;
    for number in 1..=10 {
        server.save(number, sections(&format!("Shop {number}"), number)).await;
    }
    server
}

fn away() -> StoreError {
    StoreError::Unavailable { store: "memory".into(), reason: "switched off".into() }
}

#[tokio::test(start_paused = true)]
async fn two_unreadable_shops_are_named_and_the_others_come_back() {
    let server = ten_shops(nothing_resident()).await;
    let whole = server.get(&list_url()).await;
    assert_eq!((whole.shops().len(), whole.missing()), (10, vec![]));
    server.store.corrupt.lock().unwrap().extend([id(3), id(4)]);
    let page = server.get(&list_url()).await;
    assert_eq!((page.status, page.shops().len()), (200, 8));
    assert_eq!(page.missing(), ["3 unreadable", "4 unreadable"]);
    assert_eq!(page.header("cache-control"), "public, max-age=2, s-maxage=2");
    assert_ne!(page.header("etag"), whole.header("etag"));
    assert!(page.header("surrogate-key").contains("shop-3 "), "its return purges the page");
    assert!(!server.get(&list_url()).await.is_kept(), "an incomplete page is never kept");
    let detail = server.get("/v1/shops/3").await;
    assert_eq!((detail.status, detail.header("retry-after")), (503, "1"));
    server.store.corrupt.lock().unwrap().clear();
    let healed = server.get(&list_url()).await;
    assert_eq!((healed.body, healed.headers["etag"].clone()), (whole.body, whole.headers["etag"].clone()));
}

#[tokio::test(start_paused = true)]
async fn a_late_group_costs_its_own_shops_and_the_page_is_in_time() {
    let server = ten_shops(nothing_resident()).await;
    server.store.late.lock().unwrap().insert(id(5));
    let began = Instant::now();
    let page = server.get(&list_url()).await;
    assert_eq!(began.elapsed(), server.config.gather_wait());
    assert!(page.missing().contains(&"5 late".to_owned()), "{:?}", page.missing());
    assert!(page.missing().len() <= 2 && page.shops().len() >= 8, "{}", page.body);
    let detail = server.get("/v1/shops/5").await;
    assert_eq!((detail.status, detail.json()["code"].as_str()), (503, Some("store_unavailable")));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_requests_for_a_cold_shop_cost_one_get() {
    let server = ten_shops(nothing_resident()).await;
    server.store.late.lock().unwrap().insert(id(5));
    server.store.gets.store(0, Ordering::Relaxed);
    let url = "/v1/shops?ids=5";
    let requests = (0..100).map(|_| server.get(url));
    for page in futures_util::future::join_all(requests).await {
        assert_eq!(page.missing(), ["5 late"]);
    }
    assert_eq!(server.store.gets.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_resident_shops_are_read_and_others_named() {
    let server = ten_shops(Config::default()).await;
    server.save(11, closed(11)).await;
    // The detail of shop 1 is resident, that of shop 2 is not.
    let (list, detail) = (server.get(&list_url()).await, server.get("/v1/shops/1").await);
    server.store.inner.set_broken(Some(away()));
    assert_eq!(server.get(&list_url()).await.body, list.body);
    assert_eq!(server.get("/v1/shops/1").await.body, detail.body);
    assert_eq!(server.get("/v1/shops/11").await.status, 410, "its card says so");
    let other = server.get("/v1/shops/2").await;
    assert_eq!(
        (other.status, other.header("retry-after"), other.header("cache-control")),
        (503, "1", "no-store")
    );
    assert_eq!(server.get("/v1/shops/99").await.status, 503, "never 404: who knows");
    let batch = server.get("/v1/shops?ids=1,99,2").await;
    assert_eq!((batch.shops(), batch.missing()), (vec![1, 2], vec!["99 unavailable".to_owned()]));
    server.store.inner.set_broken(None);
    assert_eq!(server.get("/v1/shops/99").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn in_a_store_that_is_being_filled_unknown_is_not_known_yet() {
    let store = std::sync::Arc::<TestStore>::default();
    let server = Server::on(store, service_runtime::Clock::manual(at(MONDAY_AT_5)), Config::default()).await;
    let unknown = server.get("/v1/shops/7").await;
    assert_eq!((unknown.status, unknown.header("cache-control")), (503, "no-store"), "never 404: who knows");
    assert_eq!((unknown.header("retry-after"), &unknown.json()["code"]), ("1", &"shop_not_known_yet".into()));
    let batch = server.get("/v1/shops?ids=7").await;
    assert_eq!(
        (batch.header("cache-control"), batch.missing()),
        ("no-store", vec!["7 unavailable".to_owned()])
    );
    let availability = server.get("/v1/availability?ids=7&lat=51.5&lng=-0.1").await;
    assert_eq!(availability.missing(), ["7 unavailable"]);
    let empty = server.get(&list_url()).await;
    assert_eq!((empty.status, empty.shops()), (200, vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_evicted_card_is_gathered_and_the_kept_page_sent() {
    // Room for the kept pages and for nothing else.
    let server = ten_shops(nothing_resident()).await;
    let first = server.get(&list_url()).await;
    let second = server.get(&list_url()).await;
    assert!(!first.is_kept() && !first.at_once && second.is_kept() && !second.at_once);
    let detail = [server.get("/v1/shops/7").await, server.get("/v1/shops/7").await];
    assert!(!detail[0].is_kept() && detail[1].is_kept());
    server.save(7, sections("Renamed", 70)).await;
    assert!(server.get(&list_url()).await.body.contains("Renamed"));
    assert!(server.get("/v1/shops/7").await.body.contains("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_its_own_change_and_gets_it_as_soon_as_it_is_there() {
    for config in [Config::default(), nothing_resident()] {
        let server = std::sync::Arc::new(ten_shops(config).await);
        server.get("/v1/shops/7").await;
        for url in ["/v1/shops/7?min_revision=shop:1-70", "/v1/shops?ids=6,7&min_revision=shop:1-70"] {
            let began = Instant::now();
            let reader = std::sync::Arc::clone(&server);
            let waiting = tokio::spawn(async move { reader.get(url).await });
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!waiting.is_finished() || url.contains("ids"));
            if !url.contains("ids") {
                server.save(7, sections("Renamed", 70)).await;
            }
            let answer = waiting.await.unwrap();
            assert_eq!(began.elapsed(), Duration::from_millis(100), "woken, not polling");
            assert!(answer.body.contains("Renamed"), "{}", answer.body);
            assert_eq!(answer.header("shopfront-min-revision"), "reached");
            assert_eq!((answer.header("cache-control"), answer.header("etag")), ("no-store", ""));
            let said = &answer.json()["meta"]["min_revision"];
            assert_eq!(said, &serde_json::json!({"asked": "shop:1-70", "is_reached": true}));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_does_not_come_is_waited_for_half_a_second() {
    let server = ten_shops(Config::default()).await;
    for url in ["/v1/shops/7?min_revision=shop:1-99", "/v1/shops?ids=6,7&min_revision=ads:1-1"] {
        let began = Instant::now();
        let answer = server.get(url).await;
        assert_eq!(began.elapsed(), Duration::from_millis(500), "{url}");
        assert_eq!((answer.status, answer.header("shopfront-min-revision")), (200, "not-reached"));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.body.contains("Shop 7"), "what is there is answered");
    }
    let unknown = server.get("/v1/shops/99?min_revision=shop:1-99").await;
    assert_eq!((unknown.status, unknown.header("shopfront-min-revision")), (404, "not-reached"));
    assert_eq!((unknown.header("cache-control"), unknown.header("surrogate-key")), ("no-store", ""));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closed_its_shop_reads_that_it_is_closed() {
    let server = ten_shops(Config::default()).await;
    server.save(7, closed(70)).await;
    let answer = server.get("/v1/shops/7?min_revision=shop:1-70").await;
    assert_eq!((answer.status, answer.header("shopfront-min-revision")), (410, "reached"));
}

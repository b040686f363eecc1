//! What is answered, to the byte.

use expect_test::{Expect, expect};
use shop_document::{AdsSection, Campaign, Sections};

use super::shops::*;

fn check(answer: &Answer, expected: &Expect) {
    expected.assert_eq(&answer.shown());
}

fn advertised(label: &str) -> Sections {
    let campaign = Campaign {
        label: label.to_owned(),
        starts: at("2026-11-23T16:00:00Z").as_second(),
        ends: at("2026-11-23T17:00:12Z").as_second(),
        weight: 10,
    };
    let ads = AdsSection { campaigns: vec![campaign] };
    Sections { ads: shop_document::Held::Present(shop_id::Revision::new(1, 1), ads), ..Sections::default() }
}

/// Two shops: one advertises for another twelve seconds, one closes at six.
async fn two_shops() -> Server {
    let server = Server::usual().await;
    server.save(7, sections("Napoli", 1)).await;
    server.save(7, advertised("Two \"for\" one")).await;
    let mut closing = sections("Roma", 2);
    open_minutes(&mut closing, vec![(0, 18 * 60)]);
    server.save(8, closing).await;
    server
}

#[tokio::test(start_paused = true)]
async fn a_list_its_headers_and_every_byte_of_it() {
    let server = two_shops().await;
    check(
        &server.get(&list_url()).await,
        &expect![[r#"
            200
            cache-control: public, max-age=2, s-maxage=10, stale-while-revalidate=2, stale-if-error=3600
            cache-status: shopfront; fwd=miss; detail=composed
            cdn-cache-control: public, max-age=10, stale-while-revalidate=2, stale-if-error=3600
            content-type: application/json
            etag: "194f4a7f39d5e2e95daf3282779a3567"
            surrogate-key: cell-88195da49bfffff shop-7 shop-8
            vary: accept-encoding

            {"shops":[{"id":"7","name":"Napoli","rating":null,"review_count":0,"state":"open"     ,"next_change_at":null                       ,"distance_m":2263  ,"ad_label":"Two \"for\" one","promotions":[]},{"id":"8","name":"Roma","rating":null,"review_count":0,"state":"open"     ,"next_change_at":"2026-11-23T18:00:00+00:00","distance_m":2263  ,"ad_label":null,"promotions":[]}],"next_cursor":null,"meta":{"cell":"88195da49bfffff","sort":"recommended","degraded":[],"missing":[]}}
        "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn a_detail_its_headers_and_every_byte_of_it() {
    let server = two_shops().await;
    check(
        &server.get("/v1/shops/8").await,
        &expect![[r#"
            200
            cache-control: public, max-age=2, s-maxage=10, stale-while-revalidate=20, stale-if-error=3600
            cache-status: shopfront; fwd=miss; detail=composed
            cdn-cache-control: public, max-age=10, stale-while-revalidate=20, stale-if-error=3600
            content-type: application/json
            etag: "f8ab6576ebd540ed980f5cc92f3dbacf"
            surrogate-key: shop-8
            vary: accept-encoding

            {"id":"8","name":"Roma","rating":null,"review_count":0,"state":"open"     ,"next_change_at":"2026-11-23T18:00:00+00:00","distance_m":null  ,"ad_label":null,"promotions":[],"menus":[],"reviews":null,"meta":{"degraded":[]}}
        "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_its_headers_and_every_byte_of_it() {
    let server = two_shops().await;
    server.save(9, sections("Pisa", 3)).await;
    server.save(9, closed(4)).await;
    check(
        &server.get("/v1/shops?ids=9,8,99,7").await,
        &expect![[r#"
            200
            cache-control: public, max-age=2, s-maxage=2
            cache-status: shopfront; fwd=miss; detail=composed
            cdn-cache-control: public, max-age=2
            content-type: application/json
            etag: "f9674a122c998a6706b066ace0058e3d"
            surrogate-key: shop-9 shop-8 shop-99 shop-7
            vary: accept-encoding

            {"shops":[{"id":"8","name":"Roma","rating":null,"review_count":0,"state":"open"     ,"next_change_at":"2026-11-23T18:00:00+00:00","distance_m":null  ,"ad_label":null,"promotions":[]},{"id":"7","name":"Napoli","rating":null,"review_count":0,"state":"open"     ,"next_change_at":null                       ,"distance_m":null  ,"ad_label":"Two \"for\" one","promotions":[]}],"meta":{"degraded":[],"missing":[{"id":"9","reason":"closed"},{"id":"99","reason":"unknown"}]}}
        "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_and_a_closed_shop_are_told_apart() {
    let server = two_shops().await;
    server.save(9, closed(4)).await;
    check(
        &server.get("/v1/shops/99").await,
        &expect![[r#"
        404
        cache-control: public, max-age=2, s-maxage=2
        cdn-cache-control: public, max-age=2
        content-type: application/problem+json
        surrogate-key: shop-99
        vary: accept-encoding

        {"status":404,"code":"unknown_shop","detail":"there is no shop 99"}
    "#]],
    );
    check(
        &server.get("/v1/shops/9").await,
        &expect![[r#"
        410
        cache-control: public, max-age=2, s-maxage=2
        cdn-cache-control: public, max-age=2
        content-type: application/problem+json
        surrogate-key: shop-9
        vary: accept-encoding

        {"status":410,"code":"shop_closed","detail":"shop 9 has closed for good"}
    "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_questions_are_told_what_is_allowed() {
    let server = two_shops().await;
    check(
        &server.get("/v1/shops?ids=1,x").await,
        &expect![[r#"
        400
        cache-control: no-store
        content-type: application/problem+json
        vary: accept-encoding

        {"status":400,"code":"malformed_id","detail":"`x` is not an ID, expected a whole number from 1 to 18446744073709551615 without leading zeros","parameter":"ids","given":"x","allowed":["1 to 18446744073709551615 without leading zeros"]}
    "#]],
    );
    check(
        &server.get(&format!("{}?sort=stars", list_url())).await,
        &expect![[r#"
        400
        cache-control: no-store
        content-type: application/problem+json
        vary: accept-encoding

        {"status":400,"code":"unknown_sort","detail":"there is no such sort","parameter":"sort","given":"stars","allowed":["recommended","distance","rating","delivery_fee","min_order"]}
    "#]],
    );
    check(
        &server.get("/nowhere").await,
        &expect![[r#"
        404
        cache-control: no-store
        content-type: application/problem+json
        vary: accept-encoding

        {"status":404,"code":"no_such_path","detail":"nothing is served here; `allowed` lists the paths there are","given":"/nowhere","allowed":["/v1/cells/{h3}/shops?category=&sort=&cursor=","/v1/shops?lat=&lng=&category=&sort=&cursor=","/v1/search?q=&cell=&category=&sort=&cursor=","/v1/shops?ids=&min_revision=","/v1/shops/{id}?min_revision=","/v1/availability?ids=&lat=&lng=","/"]}
    "#]],
    );
    let post = http::Request::post("/v1/shops/7").body(()).unwrap();
    check(
        &server.ask(post).await,
        &expect![[r#"
        405
        allow: GET, HEAD
        cache-control: no-store
        content-type: application/problem+json
        vary: accept-encoding

        {"status":405,"code":"method_not_allowed","detail":"`POST` changes nothing here; things are read with GET","allowed":["GET","HEAD"]}
    "#]],
    );
    check(
        &server.get(&format!("{}?sort=Rating", list_url())).await,
        &expect![[r#"
        308
        cache-control: public, max-age=3600
        location: /v1/cells/88195da49bfffff/shops?sort=rating


    "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_by_place_has_the_bytes_of_its_cell_and_names_its_url() {
    let server = two_shops().await;
    let by_cell = server.get(&list_url()).await;
    let by_place = server.get("/v1/shops?lat=51.5076&lng=-0.1303").await;
    assert_eq!(by_place.body, by_cell.body);
    assert_eq!(by_place.header("etag"), by_cell.header("etag"));
    assert_eq!(by_place.header("content-location"), list_url());
    assert!(by_place.is_kept() && !by_cell.is_kept(), "one page for both");
    assert_eq!(by_cell.header("content-location"), "");
    let sorted = server.get("/v1/shops?lat=51.5076&lng=-0.1303&category=pizza&sort=rating").await;
    assert_eq!(sorted.header("content-location"), format!("{}?category=pizza&sort=rating", list_url()));
}

#[tokio::test(start_paused = true)]
async fn who_holds_the_page_gets_no_second_one() {
    let server = two_shops().await;
    for url in [list_url(), "/v1/shops/7".into(), "/v1/shops?ids=7,8".into(), "/".into()] {
        // Before any page is kept, and after.
        for _ in 0..2 {
            let full = server.get(&url).await;
            let tag = full.header("etag").to_owned();
            for held in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
                let held = server.get_if_changed(&url, &held).await;
                assert_eq!((held.status, held.body.as_str()), (304, ""), "{url}");
                assert_eq!(held.header("etag"), tag);
                for same in ["cache-control", "cdn-cache-control", "vary", "surrogate-key"] {
                    assert_eq!(held.header(same), full.header(same), "{url} {same}");
                }
            }
            assert_eq!(server.get_if_changed(&url, "\"other\"").await.status, 200);
        }
    }
    let composed = server.front.counters.pages_composed.load(std::sync::atomic::Ordering::Relaxed);
    let fresh = Server::on(server.store.clone(), server.clock.clone(), server.config.clone()).await;
    let tag = server.get(&list_url()).await.header("etag").to_owned();
    assert_eq!(fresh.get_if_changed(&list_url(), &tag).await.status, 304);
    assert_eq!(
        fresh.front.counters.pages_composed.load(std::sync::atomic::Ordering::Relaxed),
        0,
        "no page needed"
    );
    assert!(composed > 0);
}

#[tokio::test(start_paused = true)]
async fn cursors_lead_through_all_shops_once() {
    let server = Server::usual().await;
    for number in 1..=60 {
        server.save(number, sections(&format!("Shop {number}"), number)).await;
    }
    for sort in ["recommended", "distance", "rating", "delivery_fee", "min_order"] {
        let (mut url, mut seen, mut pages) = (format!("/v1/cells/{CELL}/shops?sort={sort}"), Vec::new(), 0);
        if sort == "recommended" {
            url = list_url();
        }
        loop {
            let page = server.get(&url).await;
            assert_eq!(page.status, 200, "{}", page.body);
            assert!(page.at_once, "all is resident");
            seen.extend(page.shops());
            pages += 1;
            let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
            let sort = if sort == "recommended" { String::new() } else { format!("sort={sort}&") };
            url = format!("/v1/cells/{CELL}/shops?{sort}cursor={cursor}");
        }
        seen.sort_unstable();
        assert_eq!((pages, seen), (3, (1..=60).collect::<Vec<u64>>()), "{sort}");
    }
    let made_up = server.get(&format!("{}?cursor=made-up", list_url())).await;
    assert_eq!((made_up.status, made_up.json()["parameter"].as_str()), (400, Some("cursor")));
}

#[tokio::test(start_paused = true)]
async fn a_closed_shop_leaves_the_list_before_the_lists_are_published() {
    let server = two_shops().await;
    assert_eq!(server.get(&list_url()).await.shops(), [7, 8]);
    // Folded, but not published yet.
    assert!(server.save_unseen(7, closed(9)).await);
    while server.reading.near.pin().get(id(7)).unwrap().part.is_visible() {
        tokio::task::yield_now().await;
    }
    let page = server.get(&list_url()).await;
    assert_eq!((page.shops(), page.missing()), (vec![8], vec![]));
    assert_eq!(server.get("/v1/shops/7").await.status, 410);
}

#[tokio::test(start_paused = true)]
async fn a_card_that_is_newer_than_its_list_ends_the_page_in_time() {
    let server = Server::usual().await;
    server.save(7, sections("Napoli", 1)).await;
    let open = server.get(&list_url()).await;
    assert_eq!(
        open.header("cache-control"),
        "public, max-age=2, s-maxage=10, stale-while-revalidate=20, stale-if-error=3600"
    );
    // Folded, but not published yet: the list does not know that it closes within a minute.
    let mut closing = sections("Napoli", 2);
    open_minutes(&mut closing, vec![(0, 17 * 60 + 1)]);
    server.later(50);
    assert!(server.save_unseen(7, closing).await);
    let revision =
        |server: &Server| server.reading.near.pin().get(id(7)).unwrap().part.revision(shop_id::Writer::Shop);
    while revision(&server) < Some(shop_id::Revision::new(1, 2)) {
        tokio::task::yield_now().await;
    }
    let page = server.get(&list_url()).await;
    assert_eq!(page.header("cache-control"), "public, max-age=2, s-maxage=10, stale-if-error=3600");
    server.clock.set(at("2026-11-23T17:00:53Z"));
    let kept = server.get(&list_url()).await;
    assert!(kept.is_kept());
    assert_eq!(kept.header("cache-control"), "public, max-age=2, s-maxage=7, stale-if-error=3600");
}

#[tokio::test(start_paused = true)]
async fn a_large_batch_stays_with_who_asked() {
    let server = Server::usual().await;
    let ids = |until: u64| (1..=until).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    for number in 1..=41 {
        server.save(number, sections("x", number)).await;
    }
    let fits = server.get(&format!("/v1/shops?ids={}", ids(40))).await;
    assert!(fits.header("cache-control").starts_with("public"), "{}", fits.shown());
    assert_eq!(fits.header("surrogate-key").split(' ').count(), 40);
    let large = server.get(&format!("/v1/shops?ids={}", ids(41))).await;
    assert_eq!(large.header("cache-control"), "private, max-age=2");
    assert_eq!((large.header("surrogate-key"), large.header("cdn-cache-control")), ("", "no-store"));
    assert_eq!(large.shops().len(), 41);
}

#[tokio::test(start_paused = true)]
async fn a_silent_writer_is_named_until_it_speaks_again() {
    use document_store::DocumentWriter;
    use shop_id::Writer;
    let server = two_shops().await;
    for writer in Writer::OF_THE_DOCUMENT {
        server.store.inner.record_heard(writer, at(MONDAY_AT_5)).await.unwrap();
    }
    let urls = [list_url(), "/v1/shops/7".to_owned(), "/v1/shops?ids=7".to_owned()];
    let mut before = Vec::new();
    for url in &urls {
        before.push(server.get(url).await);
    }
    server.later(61);
    for writer in [Writer::Shop, Writer::Ads] {
        server.store.inner.record_heard(writer, server.clock.now()).await.unwrap();
    }
    server.look().await;
    for (url, before) in urls.iter().zip(&before) {
        let degraded = server.get(url).await;
        assert_ne!(degraded.header("etag"), before.header("etag"));
        let said = &degraded.json()["meta"]["degraded"];
        assert_eq!(
            said,
            &serde_json::json!([{"section": "reviews", "since": "2026-11-23T17:00:00Z"}]),
            "{url}"
        );
        server.later(1);
        assert_eq!(server.get(url).await.body, degraded.body, "no byte changes while it is silent");
    }
    server.store.inner.record_heard(Writer::Reviews, server.clock.now()).await.unwrap();
    server.look().await;
    for url in &urls {
        assert_eq!(server.get(url).await.json()["meta"]["degraded"], serde_json::json!([]), "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_for_people_is_served_at_the_root() {
    let server = Server::usual().await;
    let page = server.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.body, "<!doctype html>");
}

#[tokio::test(start_paused = true)]
async fn too_long_too_large_and_unwanted_requests_are_refused() {
    let server = two_shops().await;
    let long = server.get(&format!("{}?cursor={}", list_url(), "x".repeat(5_000))).await;
    assert_eq!((long.status, long.json()["code"].as_str()), (414, Some("uri_too_long")));
    let ask =
        |name: &str, value: String| http::Request::get("/v1/shops/7").header(name, value).body(()).unwrap();
    let large = server.ask(ask("x-large", "x".repeat(17_000))).await;
    assert_eq!((large.status, large.json()["code"].as_str()), (431, Some("headers_too_large")));
    let with_body = server.ask(ask("content-length", "16385".into())).await;
    assert_eq!((with_body.status, with_body.header("connection")), (413, "close"));
    assert_eq!(server.ask(ask("content-length", "10".into())).await.status, 200);
    let unwanted = server.ask(ask("accept-encoding", "deflate, identity;q=0".into())).await;
    assert_eq!((unwanted.status, unwanted.json()["allowed"][0].as_str()), (406, Some("zstd")));
    let post = http::Request::post("/nowhere").body(()).unwrap();
    assert_eq!(server.ask(post).await.status, 404);
    for refused in [long, large, with_body, unwanted] {
        assert_eq!(refused.header("cache-control"), "no-store");
        assert_eq!(refused.header("content-type"), "application/problem+json");
    }
}

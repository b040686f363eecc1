//! What somebody typed, and what is said when the store that it is looked up in fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use document_store::StoreError;
use expect_test::expect;
use service_runtime::program::Context;

use super::shops::*;
use crate::config::Config;
use crate::follow;
use crate::front::{Front, Reading};
use crate::metrics::Counters;
use crate::searches::Searches;

/// A kebab house that closes at six, a chicken house, and one that has nothing to do with either.
async fn three_shops() -> Server {
    let server = Server::usual().await;
    let mut closing = sections("Kebab Napoli", 1);
    open_minutes(&mut closing, vec![(0, 18 * 60)]);
    server.save(7, closing).await;
    server.save(8, sections("원조치킨집", 2)).await;
    server.save(9, sections("Sushi Bar", 3)).await;
    server
}

#[tokio::test(start_paused = true)]
async fn a_search_its_headers_and_every_byte_of_it() {
    let server = three_shops().await;
    let answer = server.get(&search_url("kebab%20%22n")).await;
    assert!(answer.at_once, "all is resident");
    expect![[r#"
        200
        cache-control: public, max-age=2, s-maxage=10, stale-while-revalidate=20, stale-if-error=3600
        cache-status: shopfront; fwd=miss; detail=composed
        cdn-cache-control: public, max-age=10, stale-while-revalidate=20, stale-if-error=3600
        content-type: application/json
        etag: "5920dfdfd741676df7a09b40e17d6350"
        surrogate-key: cell-88195da49bfffff shop-7
        vary: accept-encoding

        {"shops":[{"id":"7","name":"Kebab Napoli","rating":null,"review_count":0,"state":"open"     ,"next_change_at":"2026-11-23T18:00:00+00:00","distance_m":2263  ,"ad_label":null,"promotions":[]}],"next_cursor":null,"meta":{"cell":"88195da49bfffff","q":"kebab \"n","degraded":[],"missing":[]}}
    "#]].assert_eq(&answer.shown());
    let sorted = server.get(&format!("{}&sort=distance", search_url("%EC%B9%98%ED%82%A8"))).await;
    expect![[r#"{"shops":[{"id":"8","name":"원조치킨집","rating":null,"review_count":0,"state":"open"     ,"next_change_at":null                       ,"distance_m":2263  ,"ad_label":null,"promotions":[]}],"next_cursor":null,"meta":{"cell":"88195da49bfffff","q":"치킨","sort":"distance","degraded":[],"missing":[]}}"#]].assert_eq(&sorted.body);
}

#[tokio::test(start_paused = true)]
async fn a_typed_word_in_any_spelling_leads_to_one_url_and_its_shops() {
    let server = three_shops().await;
    let typed = server.get(&format!("/v1/search?cell={CELL}&q=+KEBAB%09Napoli")).await;
    assert_eq!((typed.status, typed.header("location")), (308, &*search_url("kebab%20napoli")));
    for (text, found) in [
        ("kebab%20napoli", vec![7]),
        // One slip of the finger.
        ("kebap", vec![7]),
        ("%EC%B9%98%ED%82%A8", vec![8]),
        ("burger", vec![]),
        ("%21", vec![]),
    ] {
        let answer = server.get(&search_url(text)).await;
        assert_eq!((answer.status, answer.shops()), (200, found), "{text}");
    }
    assert_eq!(server.get(&format!("{}&category=none", search_url("kebab"))).await.shops(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_search_says_what_is_wrong_with_it() {
    let server = three_shops().await;
    let refused = server.get(&format!("/v1/search?cell={CELL}&q=%20%00")).await;
    expect![[r#"
        400
        cache-control: no-store
        content-type: application/problem+json
        vary: accept-encoding

        {"status":400,"code":"nothing_to_search","detail":"the search text is empty; expected 1 to 100 characters","parameter":"q","given":" \u0000","allowed":["1 to 100 characters, not only blanks"]}
    "#]].assert_eq(&refused.shown());
    let refused = server.get("/v1/search?q=kebab").await;
    expect![[r#"{"status":400,"code":"missing_parameter","detail":"say where the shops have to deliver to","parameter":"cell","allowed":["an H3 cell of resolution 8, for example 88195da49bfffff"]}"#]].assert_eq(&refused.body);
    let made_up = server.get(&format!("{}&cursor=made-up", search_url("kebab"))).await;
    assert_eq!((made_up.status, made_up.json()["parameter"].as_str()), (400, Some("cursor")));
    assert_eq!(made_up.json()["code"], "malformed_cursor");
}

#[tokio::test(start_paused = true)]
async fn who_holds_what_was_found_gets_no_second_copy() {
    let server = three_shops().await;
    let url = search_url("kebab");
    let full = server.get(&url).await;
    assert!(!server.get(&url).await.is_kept(), "pages of searches are not kept");
    assert_eq!(server.reading.pages.count(), 0);
    let composed = server.front.counters.pages_composed.load(Ordering::Relaxed);
    let held = server.get_if_changed(&url, full.header("etag")).await;
    assert_eq!((held.status, held.body.as_str()), (304, ""));
    for same in ["etag", "cache-control", "cdn-cache-control", "vary", "surrogate-key"] {
        assert_eq!(held.header(same), full.header(same), "{same}");
    }
    assert_eq!(server.front.counters.pages_composed.load(Ordering::Relaxed), composed, "no page needed");
    let other = server.get_if_changed(&search_url("napoli"), full.header("etag")).await;
    assert_eq!((other.status, other.shops()), (200, vec![7]), "the same shops, another page");
    server.save(7, sections("Kebab Roma", 4)).await;
    assert_eq!(server.get_if_changed(&url, full.header("etag")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn cursors_lead_through_all_that_was_found_once() {
    let server = Server::usual().await;
    for number in 1..=60 {
        let name = if number % 10 == 0 { "Sushi" } else { "Kebab" };
        server.save(number, sections(&format!("{name} {number}"), number)).await;
    }
    let first = server.get(&search_url("kebab")).await.json();
    let elsewhere = format!("{}&cursor={}", search_url("keba"), first["next_cursor"].as_str().unwrap());
    assert_eq!(server.get(&elsewhere).await.status, 400, "a cursor of another search is none of this one");
    for sort in ["", "&sort=recommended", "&sort=distance"] {
        let (mut url, mut seen, mut pages) = (search_url("kebab") + sort, Vec::new(), 0);
        loop {
            let page = server.get(&url).await;
            assert_eq!(page.status, 200, "{}", page.body);
            seen.extend(page.shops());
            pages += 1;
            let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
            url = format!("{}{sort}&cursor={cursor}", search_url("kebab"));
        }
        seen.sort_unstable();
        let expected: Vec<u64> = (1..=60).filter(|number| number % 10 > 0).collect();
        assert_eq!((pages, seen), (3, expected), "{sort}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_found_but_not_resident_is_got_from_the_store() {
    let config = Config { cards_bytes_max: 0, details_bytes_max: 0, ..Config::default() };
    let server = Server::open(config).await;
    for number in [7, 8] {
        server.save(number, sections("Kebab", number)).await;
    }
    let whole = server.get(&search_url("kebab")).await;
    assert!(!whole.at_once);
    assert_eq!(whole.shops(), [7, 8]);
    server.store.corrupt.lock().unwrap().insert(id(8));
    let page = server.get(&search_url("kebab")).await;
    assert_eq!((page.shops(), page.missing()), (vec![7], vec!["8 unreadable".to_owned()]));
    assert_eq!(page.header("cache-control"), "public, max-age=2, s-maxage=2");
}

/// A server whose background tasks all run, and the clock that both of its times are moved with.
struct Running {
    server: Server,
    context: Context,
}

impl Running {
    async fn start() -> Self {
        let mut server = three_shops().await;
        let context = Context { clock: server.clock.clone(), ..Context::default() };
        follow::expect_store(&context.readiness);
        context.readiness.hold("store");
        let (config, counters) = (Config::default(), Arc::<Counters>::default());
        let search = Arc::new(Searches::new().unwrap());
        let store = Arc::clone(&server.store);
        server.front = Arc::new(Front::new(&config, server.clock.clone(), Arc::clone(&counters), None));
        server.reading = Arc::new(Reading::new(store, search, &config, server.clock.clone(), counters));
        server.front.open(Arc::clone(&server.reading));
        Self { server, context }
    }

    fn follow(&self) {
        follow::start(&self.server.reading, &self.context);
    }

    async fn pass(&self, seconds: i64) {
        for _ in 0..seconds {
            let now = self.server.clock.now() + jiff::SignedDuration::from_secs(1);
            self.server.clock.set(now);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn searches_wait_for_the_first_indexing_and_readiness_with_them() {
    let running = Running::start().await;
    let search = &search_url("kebab");
    let refused = running.server.get(search).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.json()["code"], "starting");
    assert!(running.context.readiness.ready().is_err_and(|why| why.contains("text search")));
    running.follow();
    running.pass(2).await;
    assert_eq!(running.server.get(search).await.shops(), [7]);
    running.context.readiness.ready().unwrap();
}

#[tokio::test(start_paused = true)]
async fn lists_are_there_while_words_are_still_being_indexed() {
    let Running { server, .. } = Running::start().await;
    let reading = &server.reading;
    let followers = follow::followers(reading, &server.clock);
    let following =
        document_store::follow(Arc::clone(&server.store), followers, Arc::clone(&reading.progress));
    let following = tokio::spawn(following);
    while !reading.progress.is_caught_up() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.get(&list_url()).await.shops(), [7, 8, 9]);
    let refused = server.get(&search_url("kebab")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.json()["code"], "search_unavailable");
    following.abort();
}

#[tokio::test(start_paused = true)]
async fn lists_and_searches_say_since_when_the_store_is_away() {
    let running = Running::start().await;
    running.follow();
    running.pass(2).await;
    let (server, urls) = (&running.server, [list_url(), search_url("kebab")]);
    let stale_since = async |url: &String| {
        let answer = server.get(url).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.shops().contains(&7), "what was read last is shown all the same");
        (answer.json()["meta"]["stale_since"].as_str().map(str::to_owned), answer)
    };
    server.store.inner.set_broken(Some(StoreError::TimedOut { store: "memory".to_owned(), waited_ms: 1 }));
    running.pass(10).await;
    for url in &urls {
        let (since, answer) = stale_since(url).await;
        assert!(since.is_some_and(|since| since.starts_with("2026-11-23T17:00:0")), "{}", answer.body);
        assert_eq!(answer.header("cache-control"), "public, max-age=2, s-maxage=2");
    }
    server.store.inner.set_broken(None);
    running.pass(5).await;
    for url in &urls {
        assert_eq!(stale_since(url).await.0, None, "the store is back");
    }
}

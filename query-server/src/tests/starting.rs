//! Before the store is there: the port listens, says why it refuses, and goes on without a restart.

use std::sync::Arc;
use std::time::Duration;

use document_store::lmdb::{LmdbOptions, LmdbWriter};
use document_store::memory::MemoryStore;
use document_store::{DocumentReader, DocumentWriter, conformance::merging};
use service_runtime::program::Context;
use service_runtime::{Clock, Drain};

use super::shops::*;
use super::sockets::talk;
use crate::config::Config;
use crate::front::{Answering, Front, Reading};
use crate::metrics::Counters;
use crate::searches::Searches;
use crate::validator::Conditions;

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    // Some hundred rounds of real files and threads; it says "broken", never "slow".
    for _ in 0..3_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came true: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_before_its_store_answers_once_it_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("store");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config {
        public: free,
        ops: "127.0.0.1:0".parse().unwrap(),
        store: at.clone().into(),
        worker_threads: 2,
        ..Config::default()
    };
    let context = Context::default();
    let running = tokio::spawn(crate::run(config, context.clone()));
    let get = async |url: &str| {
        let asked = format!("GET {url} HTTP/1.1\r\nhost: shops\r\nconnection: close\r\n\r\n");
        talk(free, asked.as_bytes()).await.unwrap_or_default()
    };
    until("it listens", async || !get("/v1/shops/7").await.is_empty()).await;
    for url in ["/v1/shops/7", &list_url()] {
        let answer = get(url).await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1\r\n"), "{answer}");
        assert!(answer.contains(r#""code":"starting""#), "{answer}");
    }
    until("readiness names the store", async || {
        context.readiness.ready().is_err_and(|why| why.contains("store") && why.contains("data.mdb"))
    })
    .await;

    // Made elsewhere and moved, since one process opens one store once.
    let elsewhere = directory.path().join("elsewhere");
    let options = LmdbOptions { map_bytes: 16 << 20, ..LmdbOptions::default() };
    let writer = LmdbWriter::open(&elsewhere, options).unwrap();
    writer.update(id(7), merging(id(7), sections("Early", 1))).await.unwrap();
    writer.mark_complete(writer.identity().await.unwrap().activation).await.unwrap();
    drop(writer);
    std::fs::rename(&elsewhere, &at).unwrap();
    until("it is ready", async || context.readiness.ready().is_ok()).await;
    assert!(get(&list_url()).await.contains("Early"), "the first scan is published at once");
    assert!(get("/v1/shops/7").await.contains("Early"));
    assert!(get(&search_url("early")).await.contains("Early"), "its words are indexed before it is ready");
    let unknown = get("/v1/shops/8").await;
    assert!(unknown.starts_with("HTTP/1.1 404") && unknown.contains("unknown_shop"), "{unknown}");

    context.drain.begin();
    running.await.unwrap().unwrap();
    assert!(context.drain.finished(Duration::from_secs(30)).await, "all threads ended");
    assert!(talk(free, b"GET / HTTP/1.1\r\n\r\n").await.is_err(), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn lists_wait_for_the_first_scan_details_do_not() {
    let store = Arc::new(MemoryStore::new());
    store.update(id(7), merging(id(7), sections("There", 1))).await.unwrap();
    let (config, clock, counters) =
        (Config::default(), Clock::manual(at(MONDAY_AT_5)), Arc::<Counters>::default());
    let front = Arc::new(Front::new(&config, clock.clone(), Arc::clone(&counters), None));
    let search = Arc::new(Searches::new().unwrap());
    front.open(Arc::new(Reading::new(store, search, &config, clock, counters)));
    let status = async |url: &str| match front.answer(&url.parse().unwrap(), Conditions::default()).1 {
        Answering::Now(response) => response.status().as_u16(),
        Answering::Later(answering) => answering.await.status().as_u16(),
    };
    assert_eq!(status(&list_url()).await, 503);
    assert_eq!(status(&search_url("there")).await, 503);
    assert_eq!(status("/v1/shops/7").await, 200);
    assert_eq!(status("/v1/shops?ids=7").await, 200);
    assert_eq!(status("/").await, 404, "no page is configured");
}

#[tokio::test]
async fn a_directory_of_something_else_ends_the_start_with_a_reason() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("page.html"), vec![b'x'; 5 << 20]).unwrap();
    for (home_page, said) in [("none.html", "none.html"), ("page.html", "expected at most")] {
        let config = Config {
            ops: "127.0.0.1:0".parse().unwrap(),
            public: "127.0.0.1:0".parse().unwrap(),
            home_page: Some(directory.path().join(home_page)),
            ..Config::default()
        };
        let refused = crate::run(config, Context::default()).await.unwrap_err().to_string();
        assert!(refused.contains("home_page") && refused.contains(said), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_swapped_store_is_read_anew() {
    let server = Server::usual().await;
    for number in [7, 8] {
        server.save(number, sections("Before", number)).await;
    }
    assert_eq!(server.get(&list_url()).await.shops(), [7, 8]);
    let tag = server.get("/v1/shops/8").await.header("etag").to_owned();
    server.store.inner.lose(id(7));
    server.store.inner.raise_activation();
    server.arrived(1).await;
    assert_eq!(server.get(&list_url()).await.shops(), [8]);
    assert_eq!(server.get("/v1/shops/7").await.status, 404);
    assert_eq!(server.get("/v1/shops/8").await.header("etag"), tag, "the document is the same");
    assert_eq!(server.store.identity().await.unwrap().activation, 2);
}

#[tokio::test]
async fn a_drain_that_has_begun_ends_a_start_that_still_waits() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        ops: "127.0.0.1:0".parse().unwrap(),
        public: "127.0.0.1:0".parse().unwrap(),
        store: directory.path().join("never").into(),
        ..Config::default()
    };
    let context = Context { drain: Drain::new(), ..Context::default() };
    let running = tokio::spawn(crate::run(config, context.clone()));
    context.drain.begin();
    running.await.unwrap().unwrap();
}

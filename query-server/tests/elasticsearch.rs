//! The whole query server over a real search engine: asked by HTTP, fed by nobody here.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use document_store::conformance::{merging, shop_section};
use document_store::lmdb::{LmdbOptions, LmdbWriter};
use document_store::{DocumentReader, DocumentWriter, Lookup};
use jiff::Timestamp;
use query_server::Config;
use service_runtime::program::Context;
use shop_id::ShopId;
use shop_search::elasticsearch::{Bulk, Engine, Index, IndexLayout, Version};
use shop_search::{EngineAddress, SearchAccess, SearchPlace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// In the middle of London.
const CELL: &str = "88195da49bfffff";

fn id(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

fn address(variable: &str) -> EngineAddress {
    let base = std::env::var(variable).unwrap_or_else(|_| {
        let server = if variable.ends_with("OPENSEARCH") { "opensearch" } else { "elasticsearch" };
        panic!("`{variable}` is not set; start a server with `cargo xtask servers up {server}`")
    });
    EngineAddress::parse(&format!("{base}/query-{}", std::process::id())).unwrap()
}

async fn get(server: SocketAddr, url: &str) -> String {
    let asked = format!("GET {url} HTTP/1.1\r\nhost: shops\r\nconnection: close\r\n\r\n");
    let talking = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(asked.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    talking.await.unwrap_or_default()
}

/// What an operator sees.
fn shown(context: &Context) -> String {
    let mut shown = String::new();
    prometheus_client::encoding::text::encode(&mut shown, &context.metrics.lock().unwrap()).unwrap();
    shown
}

/// The IDs on a page, and its next cursor.
fn page(answer: &str) -> Option<(Vec<u64>, Option<String>)> {
    let page: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
    let shops = page["shops"].as_array()?.iter();
    let ids = shops.map(|shop| shop["id"].as_str().unwrap().parse().unwrap()).collect();
    Some((ids, page["next_cursor"].as_str().map(str::to_owned)))
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// Forty shops, in the store and in an index.
async fn fill(store: &Path, engine: &Engine) -> Index {
    let writer =
        LmdbWriter::open(store, LmdbOptions { map_bytes: 16 << 20, ..LmdbOptions::default() }).unwrap();
    let layout = IndexLayout { replicas: 0, ..IndexLayout::default() };
    let index = engine.create(layout, Timestamp::now()).await.unwrap();
    let (cell, mut bulk) = (u64::from_str_radix(CELL, 16).unwrap(), Bulk::default());
    for number in 1..=40 {
        let name = if number == 33 { "원조치킨집".to_owned() } else { format!("Shop {number}") };
        let sections = shop_section(number, &name, &[cell]);
        writer.update(id(number), merging(id(number), sections)).await.unwrap();
        let Ok(Lookup::Found(stored)) = writer.gather(&[id(number)]).await.remove(0) else { panic!("saved") };
        bulk.put(id(number), Version::of(1, number), &stored.part, false);
    }
    writer.mark_complete(writer.identity().await.unwrap().activation).await.unwrap();
    index.write(&bulk).await.unwrap();
    index
}

/// As apps and operators see it, from before there is an index until after it is gone.
async fn is_served(variable: &str) {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let engine = Engine::new(address(variable), &SearchAccess::default()).unwrap();
    // Made elsewhere and moved, since one process opens one store once.
    let elsewhere = directory.path().join("elsewhere");
    let index = fill(&elsewhere, &engine).await;
    std::fs::rename(&elsewhere, &store).unwrap();
    let public = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config {
        public,
        ops: "127.0.0.1:0".parse().unwrap(),
        store: store.into(),
        search: SearchPlace::Engine(address(variable)),
        // A busy machine must not fail a test.
        search_wait_ms: 30_000,
        ..Config::default()
    };
    let context = Context::default();
    let running = tokio::spawn(query_server::run(config, context.clone()));
    let list = format!("/v1/cells/{CELL}/shops?sort=min_order");
    until("it refuses for want of an index", async || {
        let refused = get(public, &list).await;
        refused.starts_with("HTTP/1.1 503") && refused.contains("an invalidator with this `search` builds it")
    })
    .await;

    engine.indexes().await.unwrap().replace(&index, 1).await.unwrap();
    until("the list is there", async || page(&get(public, &list).await).is_some()).await;
    let (first, cursor) = page(&get(public, &list).await).unwrap();
    let next = format!("/v1/cells/{CELL}/shops?sort=min_order&cursor={}", cursor.unwrap());
    let (second, end) = page(&get(public, &next).await).unwrap();
    assert_eq!((first.len(), end), (25, None));
    assert_eq!([first, second].concat(), (1..=40).collect::<Vec<_>>());
    let found = get(public, &format!("/v1/search?q=%EC%B9%98%ED%82%A8&cell={CELL}")).await;
    assert_eq!(page(&found).unwrap().0, [33]);

    index.discard().await.unwrap();
    until("the list is said to be old", async || get(public, &list).await.contains("\"stale_since\":\""))
        .await;
    let (kept, _) = page(&get(public, &list).await).unwrap();
    assert_eq!(kept, (1..=25).collect::<Vec<_>>());
    let shown = shown(&context);
    let stale =
        shown.lines().find_map(|line| line.strip_prefix("shopfront_query_server_engine_stale_answers "));
    assert!(stale.is_some_and(|stale| stale.parse::<f64>().unwrap() > 0.0), "{shown}");
    context.drain.begin();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_searches_are_served_from_elasticsearch() {
    is_served("SHOPFRONT_TEST_ELASTICSEARCH").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_searches_are_served_from_opensearch() {
    is_served("SHOPFRONT_TEST_OPENSEARCH").await;
}

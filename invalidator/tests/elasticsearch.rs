//! The change log followed into real engines: what is saved is found, whatever happens in between.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use document_store::memory::MemoryStore;
use document_store::{DocumentReader, DocumentWriter, KeptLog, Lookup, Projected, Put, StoreError};
use invalidator::index::{IndexMetrics, IndexSettings, Indexing, OnStart};
use jiff::Timestamp;
use service_runtime::{Clock, Drain};
use shop_document::hours::Times;
use shop_document::{Area, Held, Place, Sections, ShopDocument, ShopSection};
use shop_id::{Revision, ShopId};
use shop_search::elasticsearch::{Asking, Engine, Index};
use shop_search::{EngineAddress, ListQuestion, SearchAccess, ShopSearch, Sort};

const CELL: u64 = 0x0881_95da_49bf_ffff;
/// A busy machine with two cores must not fail a test; what is waited for comes in milliseconds.
const LONG: Duration = Duration::from_secs(120);

fn engine(variable: &str) -> Engine {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let base = std::env::var(variable).unwrap_or_else(|_| {
        let server = if variable.ends_with("OPENSEARCH") { "opensearch" } else { "elasticsearch" };
        panic!("`{variable}` is not set; start a server with `cargo xtask servers up {server}`")
    });
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let address = EngineAddress::parse(&format!("{base}/index-{}-{number}", std::process::id())).unwrap();
    Engine::new(address, &SearchAccess::default()).unwrap()
}

fn id(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

fn settings(on_start: OnStart) -> IndexSettings {
    // Of a few shops each, so that there are several.
    let bulk_bytes_max = NonZeroUsize::new(2_000).unwrap();
    IndexSettings { on_start, replicas: 0, bulk_bytes_max, ..IndexSettings::default() }
}

/// `fee: None`: closed for good.
fn document(shop_id: ShopId, revision: u64, fee: Option<i64>) -> ShopDocument {
    let revision = Revision::new(1, revision);
    let always =
        Times { time_zone: "Europe/London".to_owned(), open_minutes: vec![(0, 10_080)], pauses: Vec::new() };
    let section = |fee| ShopSection {
        categories: vec!["pizza".to_owned()],
        location: Place { lat: 51.51, lng: -0.12 },
        times: always,
        lowest_fee_amount: fee,
        min_order_amount: 0,
        area: Area::Circle(1_500),
        cells: vec![CELL],
        card: format!("\"name\":\"Shop {shop_id}\",\"menu_previews\":[]"),
        detail: "\"menus\":[]".to_owned(),
    };
    let shop = match fee {
        Some(fee) => Held::Present(revision, section(fee)),
        None => Held::Gone(revision),
    };
    ShopDocument::assemble(shop_id, &Sections { shop, ..Sections::default() })
}

async fn save(store: &MemoryStore, number: u64, revision: u64, fee: Option<i64>) {
    let document = document(id(number), revision, fee);
    let projection = move |_: &Lookup<ShopDocument>| Projected::Save(Box::new(document.clone()));
    assert!(matches!(store.update(id(number), projection).await.unwrap(), Put::Applied(_)));
}

async fn save_all(store: &MemoryStore, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        save(store, number, 1, Some(i64::try_from(number).unwrap())).await;
    }
}

async fn complete(store: &MemoryStore) {
    let activation = store.identity().await.unwrap().activation;
    store.mark_complete(activation).await.unwrap();
}

async fn listed(engine: &Engine) -> Option<Vec<u64>> {
    let asking = Asking::new(engine.clone(), LONG);
    let cell = h3o::CellIndex::try_from(CELL).unwrap();
    let question = ListQuestion { cell, category: None, sort: Sort::DeliveryFee, cursor: None };
    let answer = ShopSearch::list(&asking, &question, Timestamp::now()).await.ok()?;
    Some(answer.shop_ids.iter().map(|shop_id| shop_id.get()).collect())
}

async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

async fn until_first(engine: &Engine, expected: &[u64]) {
    let what = format!("{expected:?} come first");
    let begins = async || listed(engine).await.is_some_and(|listed| listed.starts_with(expected));
    until(&what, begins).await;
}

async fn until_listed(engine: &Engine, expected: &[u64]) {
    let what = format!("{expected:?} are listed");
    until(&what, async || listed(engine).await.as_deref() == Some(expected)).await;
}

struct Running {
    drain: Drain,
    metrics: IndexMetrics,
    task: tokio::task::JoinHandle<()>,
}

fn start(store: &Arc<MemoryStore>, engine: &Engine, on_start: OnStart) -> Running {
    let (drain, metrics) = (Drain::new(), IndexMetrics::default());
    let indexing = Indexing::new(
        Arc::clone(store),
        engine.clone(),
        settings(on_start),
        Clock::system(),
        metrics.clone(),
    );
    Running { task: tokio::spawn(indexing.run(drain.clone())), drain, metrics }
}

impl Running {
    async fn stop(self) {
        self.drain.begin();
        self.task.await.unwrap();
    }

    /// As a kill would: in the middle of whatever it does.
    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

async fn live(engine: &Engine) -> Option<String> {
    Some(engine.indexes().await.ok()?.live?.name().to_owned())
}

async fn live_index(engine: &Engine) -> Index {
    engine.indexes().await.unwrap().live.unwrap()
}

async fn discard_all(engine: &Engine) {
    let indexes = engine.indexes().await.unwrap();
    for index in indexes.live.into_iter().chain(indexes.others) {
        index.discard().await.unwrap();
    }
}

/// Once on each engine; nothing is left behind.
macro_rules! on_both {
    ($($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
        async fn $name() {
            for variable in ["SHOPFRONT_TEST_ELASTICSEARCH", "SHOPFRONT_TEST_OPENSEARCH"] {
                let engine = engine(variable);
                promises::$name(&engine).await;
                discard_all(&engine).await;
            }
        })*
    };
}

on_both! {
    what_is_saved_is_listed_and_what_closes_is_not
    an_invalidator_that_was_killed_goes_on_from_the_cursor_in_the_index
    a_log_that_does_not_reach_back_builds_a_new_index_beside
    a_new_index_is_built_while_shops_change_and_taken_back_with_all_that_changed_since
    a_store_that_lost_its_shops_does_not_empty_the_lists
    an_index_that_was_deleted_is_built_again
    a_store_that_is_away_makes_changes_wait
}

/// Time goes on only by the hand of a test, while engines answer over real sockets: tokio does not move a paused clock by
/// itself as long as something blocks. Dropping it lets that end.
struct Stopped {
    _blocks: std::sync::mpsc::Sender<()>,
}

impl Stopped {
    fn new() -> Self {
        tokio::time::pause();
        let (blocks, blocked) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || blocked.recv());
        Self { _blocks: blocks }
    }

    /// Everybody gets some real time to go on in, and as much of the stopped one.
    async fn turn(&self) {
        const TURN: Duration = Duration::from_millis(10);
        tokio::task::spawn_blocking(|| std::thread::sleep(TURN)).await.unwrap();
        tokio::time::advance(TURN).await;
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let began = std::time::Instant::now();
        while !holds().await {
            assert!(began.elapsed() < LONG, "waited in vain until {what}");
            self.turn().await;
        }
    }
}

/// A store that was flushed, and an index that still holds its ten shops.
async fn flushed(stopped: &Stopped, engine: &Engine) -> (Arc<MemoryStore>, Running) {
    let store = Arc::new(MemoryStore::new());
    save_all(&store, 1..=10).await;
    complete(&store).await;
    let running = start(&store, engine, OnStart::Follow);
    stopped
        .until("all are listed", async || listed(engine).await.is_some_and(|listed| listed.len() == 10))
        .await;
    store.flush();
    (store, running)
}

#[tokio::test]
async fn a_flushed_store_is_waited_for_by_seconds_and_its_shops_stay_listed_meanwhile() {
    for variable in ["SHOPFRONT_TEST_ELASTICSEARCH", "SHOPFRONT_TEST_OPENSEARCH"] {
        let (stopped, engine) = (Stopped::new(), engine(variable));
        let (store, running) = flushed(&stopped, &engine).await;
        stopped.until("it is noticed", async || running.metrics.waiting.get() == 1).await;
        save_all(&store, 1..=5).await;
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(listed(&engine).await.unwrap().len(), 10);
        save_all(&store, 6..=11).await;
        complete(&store).await;
        tokio::time::advance(Duration::from_secs(5)).await;
        stopped.until("it is built anew", async || running.metrics.rebuilds.get() == 2).await;
        stopped.until("the eleventh is listed", async || listed(&engine).await.unwrap().len() == 11).await;
        stopped.until("nothing waits any more", async || running.metrics.waiting.get() == 0).await;
        running.stop().await;
        discard_all(&engine).await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_complete_store_without_half_of_the_shops_waits_for_somebody_to_look() {
    let (stopped, engine) = (Stopped::new(), engine("SHOPFRONT_TEST_ELASTICSEARCH"));
    let (store, running) = flushed(&stopped, &engine).await;
    save_all(&store, 1..=5).await;
    complete(&store).await;
    stopped.until("it is refused", async || running.metrics.failures.get() == 1).await;
    save_all(&store, 6..=10).await;
    tokio::time::advance(Duration::from_secs(500)).await;
    for _ in 0..50 {
        stopped.turn().await;
    }
    assert_eq!((running.metrics.failures.get(), running.metrics.rebuilds.get()), (1, 1));
    tokio::time::advance(Duration::from_secs(120)).await;
    stopped.until("it is built anew", async || running.metrics.rebuilds.get() == 2).await;
    running.stop().await;
    discard_all(&engine).await;
}

mod promises {
    use super::*;

    pub(super) async fn what_is_saved_is_listed_and_what_closes_is_not(engine: &Engine) {
        let store = Arc::new(MemoryStore::new());
        save(&store, 1, 1, Some(100)).await;
        save(&store, 2, 1, Some(200)).await;
        let running = start(&store, engine, OnStart::Follow);
        until_listed(engine, &[1, 2]).await;
        save(&store, 3, 1, Some(50)).await;
        save(&store, 1, 2, Some(300)).await;
        until_listed(engine, &[3, 2, 1]).await;
        save(&store, 2, 2, None).await;
        until_listed(engine, &[3, 1]).await;
        save(&store, 2, 3, Some(400)).await;
        until_listed(engine, &[3, 1, 2]).await;
        assert_eq!((running.metrics.rebuilds.get(), running.metrics.refused.get()), (1, 0));
        running.stop().await;
    }

    pub(super) async fn an_invalidator_that_was_killed_goes_on_from_the_cursor_in_the_index(engine: &Engine) {
        let store = Arc::new(MemoryStore::new());
        save_all(&store, 1..=1).await;
        let running = start(&store, engine, OnStart::Follow);
        until_listed(engine, &[1]).await;
        let index = live_index(engine).await;
        save_all(&store, 2..=20).await;
        running.kill().await;
        save_all(&store, 21..=40).await;
        let running = start(&store, engine, OnStart::Follow);
        until("some of them are there", async || index.count().await.unwrap() > 20).await;
        save_all(&store, 41..=60).await;
        running.kill().await;
        save(&store, 1, 2, Some(-1)).await;
        let running = start(&store, engine, OnStart::Follow);
        until("all of them are there", async || index.count().await.unwrap() == 60).await;
        until_first(engine, &[1, 2]).await;
        assert_eq!(live(engine).await.as_deref(), Some(index.name()));
        assert_eq!(running.metrics.rebuilds.get(), 0);
        running.stop().await;
    }

    pub(super) async fn a_log_that_does_not_reach_back_builds_a_new_index_beside(engine: &Engine) {
        let store = Arc::new(MemoryStore::new());
        save(&store, 1, 1, Some(1)).await;
        let running = start(&store, engine, OnStart::Follow);
        until_listed(engine, &[1]).await;
        running.stop().await;
        complete(&store).await;
        let before = live(engine).await;
        for revision in 2..40 {
            save(&store, 1, revision, Some(9)).await;
            save(&store, 2, revision, Some(5)).await;
        }
        let kept = KeptLog { since: Timestamp::MIN, entries_max: 1 };
        while store.trim(kept).await.unwrap() > 0 {}
        let running = start(&store, engine, OnStart::Follow);
        until_listed(engine, &[2, 1]).await;
        assert_ne!(live(engine).await, before);
        running.stop().await;
    }

    pub(super) async fn a_new_index_is_built_while_shops_change_and_taken_back_with_all_that_changed_since(
        engine: &Engine,
    ) {
        let store = Arc::new(MemoryStore::new());
        save_all(&store, 1..=30).await;
        let running = start(&store, engine, OnStart::Follow);
        until_first(engine, &(1..=25).collect::<Vec<_>>()).await;
        running.stop().await;
        complete(&store).await;
        let before = live(engine).await;
        let running = start(&store, engine, OnStart::Rebuild);
        for revision in 2..30 {
            save(&store, 7, revision, Some(-i64::try_from(revision).unwrap())).await;
        }
        until("a new one is asked", async || live(engine).await != before).await;
        until_first(engine, &[7, 1]).await;
        running.stop().await;
        save(&store, 8, 2, Some(-1_000)).await;
        let running = start(&store, engine, OnStart::RollBack);
        until("the old one is asked", async || live(engine).await == before).await;
        until_first(engine, &[8, 7, 1]).await;
        running.stop().await;
    }

    pub(super) async fn a_store_that_lost_its_shops_does_not_empty_the_lists(engine: &Engine) {
        let store = Arc::new(MemoryStore::new());
        save_all(&store, 1..=10).await;
        let running = start(&store, engine, OnStart::Follow);
        until_listed(engine, &(1..=10).collect::<Vec<_>>()).await;
        running.stop().await;
        let empty = Arc::new(MemoryStore::new());
        complete(&empty).await;
        let running = start(&empty, engine, OnStart::Rebuild);
        until("it is refused", async || running.metrics.failures.get() > 0).await;
        assert_eq!(listed(engine).await.unwrap().len(), 10);
        running.kill().await;
        assert_eq!(engine.indexes().await.unwrap().others.len(), 0, "nothing half-built stays");
    }

    pub(super) async fn an_index_that_was_deleted_is_built_again(engine: &Engine) {
        let store = Arc::new(MemoryStore::new());
        save(&store, 1, 1, Some(1)).await;
        let running = start(&store, engine, OnStart::Follow);
        until_listed(engine, &[1]).await;
        live_index(engine).await.discard().await.unwrap();
        save(&store, 2, 1, Some(2)).await;
        until_listed(engine, &[1, 2]).await;
        running.stop().await;
    }

    pub(super) async fn a_store_that_is_away_makes_changes_wait(engine: &Engine) {
        let store = Arc::new(MemoryStore::new());
        save(&store, 1, 1, Some(1)).await;
        let away = StoreError::Unavailable { store: "memory".to_owned(), reason: "away".to_owned() };
        store.set_broken(Some(away));
        let running = start(&store, engine, OnStart::Follow);
        until("it is noticed", async || running.metrics.waiting.get() == 1).await;
        store.set_broken(None);
        until_listed(engine, &[1]).await;
        until("nothing waits any more", async || running.metrics.waiting.get() == 0).await;
        running.stop().await;
    }
}

//! Made-up shops, and a server that reads them from memory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use document_store::conformance::{merging, shop_section};
use document_store::memory::MemoryStore;
use document_store::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, LogPage, Lookup, Position, Positions, Put, Scan,
    StoreError, WriterContact, follow,
};
use http_body_util::BodyExt;
use jiff::Timestamp;
use service_runtime::Clock;
use shop_document::{DetailPart, Held, ListPart, Sections, ShopDocument};
use shop_id::{Revision, ShopId};
use shop_search::ShopIndexer;

use crate::config::Config;
use crate::door::Door;
use crate::follow::followers;
use crate::front::{Answering, Front, Reading};
use crate::home::HomePage;
use crate::metrics::Counters;
use crate::searches::{SearchIndexer, Searches};

/// The cell that all shops here are listed in: the middle of London.
pub(crate) const CELL: &str = "88195da49bfffff";
/// A Monday, five in the afternoon.
pub(crate) const MONDAY_AT_5: &str = "2026-11-23T17:00:00Z";

pub(crate) fn id(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A shop that is open at all hours, at a revision of its writer.
pub(crate) fn sections(name: &str, counter: u64) -> Sections {
    shop_section(counter, name, &[u64::from_str_radix(CELL, 16).unwrap()])
}

/// Opens only then.
pub(crate) fn open_minutes(sections: &mut Sections, open: Vec<(u16, u16)>) {
    if let Held::Present(_, section) = &mut sections.shop {
        section.times.open_minutes = open;
    }
}

pub(crate) fn closed(counter: u64) -> Sections {
    Sections { shop: Held::Gone(Revision::new(1, counter)), ..Sections::default() }
}

pub(crate) fn document(number: u64, sections: &Sections) -> ShopDocument {
    ShopDocument::assemble(id(number), sections)
}

/// A store in memory whose gets can be late, broken or counted.
#[derive(Debug, Default)]
pub(crate) struct TestStore {
    pub(crate) inner: MemoryStore,
    pub(crate) late: Mutex<BTreeSet<ShopId>>,
    pub(crate) corrupt: Mutex<BTreeSet<ShopId>>,
    pub(crate) gets: AtomicUsize,
}

/// How long a late get takes.
pub(crate) const LATE: Duration = Duration::from_secs(2);

impl TestStore {
    async fn get(&self, shop_id: ShopId) -> Result<(), StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        if self.corrupt.lock().unwrap().contains(&shop_id) {
            return Err(StoreError::Corrupt { shop_id, reason: "made so".to_owned() });
        }
        let is_late = self.late.lock().unwrap().contains(&shop_id);
        if is_late {
            tokio::time::sleep(LATE).await;
        }
        Ok(())
    }
}

impl DocumentReader for TestStore {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.inner.identity().await
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        let mut answers = self.inner.gather(shop_ids).await;
        for (answer, shop_id) in answers.iter_mut().zip(shop_ids) {
            if let Err(error) = self.get(*shop_id).await {
                *answer = Err(error);
            }
        }
        answers
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        self.get(shop_id).await?;
        self.inner.detail(shop_id).await
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.inner.writer_contacts().await
    }
}

impl ChangeLog for TestStore {
    async fn head(&self) -> Result<Positions, StoreError> {
        self.inner.head().await
    }

    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        self.inner.read(shard, after, entries_max).await
    }

    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        self.inner.scan(after, shops_max).await
    }

    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        self.inner.grown(seen).await
    }
}

pub(crate) type TestFront = Front<TestStore, Searches>;

/// One query server that follows a store in memory; its clock is moved by hand.
pub(crate) struct Server {
    pub(crate) store: Arc<TestStore>,
    pub(crate) clock: Clock,
    pub(crate) front: Arc<TestFront>,
    pub(crate) reading: Arc<Reading<TestStore, Searches>>,
    pub(crate) config: Config,
    /// Documents that have to be folded until all that was saved is.
    saved: AtomicU64,
    following: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Server {
    /// On an empty, complete store, on a Monday at five.
    pub(crate) async fn open(config: Config) -> Self {
        let store = Arc::<TestStore>::default();
        store.inner.mark_complete(store.inner.identity().await.unwrap().activation).await.unwrap();
        Self::on(store, Clock::manual(at(MONDAY_AT_5)), config).await
    }

    /// The usual configuration.
    pub(crate) async fn usual() -> Self {
        Self::open(Config::default()).await
    }

    /// On this store, with what it holds folded and published.
    pub(crate) async fn on(store: Arc<TestStore>, clock: Clock, config: Config) -> Self {
        let counters = Arc::<Counters>::default();
        let home = HomePage::of("<!doctype html>");
        let front = Arc::new(Front::new(&config, clock.clone(), Arc::clone(&counters), Some(home)));
        let search = Arc::new(Searches::new().unwrap());
        let reading = Arc::new(Reading::new(Arc::clone(&store), search, &config, clock.clone(), counters));
        front.open(Arc::clone(&reading));
        let following =
            follow(Arc::clone(&store), followers(&reading, &clock), Arc::clone(&reading.progress));
        let following = tokio::spawn(following);
        while !reading.progress.is_caught_up() {
            tokio::task::yield_now().await;
        }
        let saved = AtomicU64::new(reading.progress.folded());
        let server = Self { store, clock, front, reading, config, saved, following };
        server.reading.search.publish_text(server.clock.now()).unwrap();
        server.look().await;
        server
    }

    /// Saves sections that are newer, and waits until that is everywhere.
    pub(crate) async fn save(&self, number: u64, offered: Sections) {
        if self.save_unseen(number, offered).await {
            self.arrived(1).await;
        }
    }

    /// Saves without waiting. `false`: nothing was newer, or nothing is to be seen yet.
    pub(crate) async fn save_unseen(&self, number: u64, offered: Sections) -> bool {
        let saved = self.store.inner.update(id(number), merging(id(number), offered)).await.unwrap();
        let is_seen = self.store.inner.detail(id(number)).await.unwrap().stored().is_some();
        matches!(saved, Put::Applied(_)) && is_seen
    }

    /// Waits until so many more documents were folded, and publishes.
    pub(crate) async fn arrived(&self, more: u64) {
        let expected = self.saved.fetch_add(more, Ordering::Relaxed) + more;
        while self.reading.progress.folded() < expected {
            tokio::task::yield_now().await;
        }
        // The followers are told to have caught up right after the last fold.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.publish();
    }

    pub(crate) fn publish(&self) {
        self.reading.search.publish(self.clock.now());
        self.reading.search.publish_text(self.clock.now()).unwrap();
    }

    /// What the background task does every second.
    pub(crate) async fn look(&self) {
        self.reading.lookout.look(&*self.store, &mut Vec::new()).await;
    }

    /// Moves the clock, and lists with it.
    pub(crate) fn later(&self, seconds: i64) {
        let now = self.clock.now().as_microsecond() + seconds * 1_000_000;
        self.clock.set(Timestamp::from_microsecond(now).unwrap());
        self.publish();
    }

    pub(crate) fn door(&self) -> Door<TestStore, Searches> {
        Door::new(Arc::clone(&self.front), &self.config)
    }

    pub(crate) async fn get(&self, url: &str) -> Answer {
        self.ask(http::Request::get(url).body(()).unwrap()).await
    }

    pub(crate) async fn get_if_changed(&self, url: &str, tag: &str) -> Answer {
        self.ask(http::Request::get(url).header("if-none-match", tag).body(()).unwrap()).await
    }

    pub(crate) async fn ask(&self, mut request: http::Request<()>) -> Answer {
        request.headers_mut().entry("host").or_insert_with(|| http::HeaderValue::from_static("shops"));
        let (_, answering) = self.door().answer(&request);
        let (response, at_once) = match answering {
            Answering::Now(response) => (response, true),
            Answering::Later(answering) => (answering.await, false),
        };
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, body, at_once }
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
    /// Without waiting.
    pub(crate) at_once: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.header("cache-status") == "shopfront; hit"
    }

    /// IDs of the cards, in order.
    pub(crate) fn shops(&self) -> Vec<u64> {
        let page = self.json();
        let cards = page["shops"].as_array().unwrap();
        cards.iter().map(|card| card["id"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// `id reason` of the missing.
    pub(crate) fn missing(&self) -> Vec<String> {
        let page = self.json();
        let named = page["meta"]["missing"].as_array().unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        named.iter().map(|shop| format!("{} {}", text(&shop["id"]), text(&shop["reason"]))).collect()
    }

    /// For snapshots: status, sorted headers, body.
    pub(crate) fn shown(&self) -> String {
        let mut lines: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        format!("{}\n{}\n\n{}\n", self.status, lines.join("\n"), self.body)
    }
}

/// Of a query in its canonical spelling.
pub(crate) fn search_url(query: &str) -> String {
    format!("/v1/search?q={query}&cell={CELL}")
}

pub(crate) fn list_url() -> String {
    format!("/v1/cells/{CELL}/shops")
}

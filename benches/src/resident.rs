//! A query server without sockets: made-up shops in memory, all resident, a clock that stands still.
//!
//! For what is measured or proved of the way of a request itself: no kernel, no store, no other process takes part.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use bytes::Bytes;
use document_store::memory::MemoryStore;
use document_store::{DocumentReader as _, DocumentWriter as _, Projected, follow};
use h3o::{LatLng, Resolution};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use query_server::Config;
use query_server::door::Door;
use query_server::follow::followers;
use query_server::front::{Answering, Front, Reading};
use query_server::gather::resident_slots;
use query_server::metrics::Counters;
use query_server::page::{About, Draft};
use query_server::respond::Response;
use query_server::searches::Searches;
use service_runtime::Clock;
use shop_document::ShopDocument;
use shop_search::{ListAnswer, ListQuestion, PAGE_SHOPS_MAX, ShopIndexer as _, ShopSearch as _, Sort};

use crate::documents;

/// A Monday in London, five in the afternoon.
const NOW_SECOND: i64 = 1_795_455_000;
/// Shops whose menus are as long as they are in London; the others have few items, which keeps setting up short.
pub const LONG_MENUS: u64 = 64;

/// See the module.
#[derive(Debug)]
pub struct ResidentServer {
    /// Where shops are saved.
    pub store: Arc<MemoryStore>,
    /// What requests are answered from.
    pub reading: Arc<Reading<MemoryStore, Searches>>,
    /// When it always is.
    pub now: Timestamp,
    door: Door<MemoryStore, Searches>,
    clock: Clock,
    saves: AtomicU64,
}

/// Saves one shop, newer than before.
async fn save(store: &MemoryStore, number: u64, counter: u64) -> anyhow::Result<()> {
    let menu_items = if number <= LONG_MENUS { documents::MENU_ITEMS } else { 3 };
    let shop_id = documents::shop_id(number);
    let document = ShopDocument::assemble(shop_id, &documents::sections(number, menu_items, counter));
    store.update(shop_id, move |_| Projected::Save(Box::new(document.clone()))).await?;
    Ok(())
}

impl ResidentServer {
    /// With so many shops, which everybody has followed.
    ///
    /// # Errors
    /// When a document or a list is refused.
    pub async fn open(shops: u64, config: &Config) -> anyhow::Result<Self> {
        let store = Arc::<MemoryStore>::default();
        for number in 1..=shops {
            save(&store, number, 1).await?;
        }
        store.mark_complete(store.identity().await?.activation).await?;
        Self::on(store, config).await
    }

    /// On the store of another one.
    ///
    /// # Errors
    /// As [`ResidentServer::open`].
    pub async fn on(store: Arc<MemoryStore>, config: &Config) -> anyhow::Result<Self> {
        let now = Timestamp::from_second(NOW_SECOND)?;
        let (clock, counters) = (Clock::manual(now), Arc::<Counters>::default());
        let front = Arc::new(Front::new(config, clock.clone(), Arc::clone(&counters), None));
        let search = Arc::new(Searches::new()?);
        let reading = Reading::new(Arc::clone(&store), search, config, clock.clone(), counters);
        let reading = Arc::new(reading);
        front.open(Arc::clone(&reading));
        let door = Door::new(front, config);
        let server = Self { store, reading, now, door, clock, saves: AtomicU64::new(1) };
        {
            let mut following = std::pin::pin!(server.follow());
            while !server.reading.progress.is_caught_up() {
                // It reads the log for as long as it is polled.
                futures_util::future::select(&mut following, std::pin::pin!(tokio::task::yield_now())).await;
            }
        }
        for number in 1..=LONG_MENUS {
            server.reading.near.detail(documents::shop_id(number)).await?;
        }
        Ok(server)
    }

    /// Goes on reading the change log, for as long as it is polled.
    pub fn follow(&self) -> impl Future<Output = ()> + Send + use<> {
        let reading = Arc::clone(&self.reading);
        follow(Arc::clone(&self.store), followers(&reading, &self.clock), Arc::clone(&reading.progress))
    }

    /// Saves a shop, newer than all before it.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn save(&self, number: u64) -> anyhow::Result<()> {
        save(&self.store, number, 1 + self.saves.fetch_add(1, Ordering::Relaxed)).await
    }

    /// Shows what was folded on lists.
    pub fn publish(&self) {
        self.reading.search.publish(self.now);
    }

    /// Answers one request. Boxed futures are not waited for: all is resident.
    ///
    /// # Errors
    /// When it is not.
    pub async fn answer(&self, request: &http::Request<()>) -> anyhow::Result<Response> {
        match self.door.answer(request).1 {
            Answering::Now(response) => Ok(response),
            // The first request for a list waits while it is sorted.
            Answering::Later(answering) => Ok(answering.await),
        }
    }

    /// Answers one request whose answer has nothing to wait for.
    ///
    /// # Errors
    /// When it has.
    pub fn answer_at_once(&self, request: &http::Request<()>) -> anyhow::Result<Response> {
        match self.door.answer(request).1 {
            Answering::Now(response) => Ok(response),
            Answering::Later(_) => anyhow::bail!("{} has to wait for something", request.uri()),
        }
    }

    /// Full lists of different cells, each of them sorted and, if pages are kept, kept.
    ///
    /// # Errors
    /// When there are fewer.
    pub async fn full_lists(&self, lists: usize) -> anyhow::Result<Vec<FullList>> {
        let mut full = BTreeMap::new();
        for number in 1.. {
            if full.len() == lists {
                break;
            }
            let shop_id = documents::shop_id(number);
            let place = self.reading.near.pin().get(shop_id).map(|stored| stored.part.location());
            let place = place.context("too few shops for so many lists")?;
            let cell = LatLng::new(place.lat, place.lng)?.to_cell(Resolution::Eight);
            let question = ListQuestion { cell, category: None, sort: Sort::Recommended, cursor: None };
            let answer = self.reading.search.list(&question, self.now).await?;
            if answer.shop_ids.len() == PAGE_SHOPS_MAX {
                let url = format!("/v1/cells/{cell}/shops");
                body(self.answer(&get(&url)?).await?).await?;
                full.insert(url.clone(), FullList { url, question, answer });
            }
        }
        Ok(full.into_values().collect())
    }

    /// Gathers and composes the page of a list, without waiting.
    ///
    /// # Errors
    /// When a shop is not resident.
    pub fn compose_into(&self, list: &FullList, out: &mut Vec<u8>) -> anyhow::Result<()> {
        let (FullList { question, answer, .. }, standing) = (list, self.reading.lookout.last());
        let resident = self.reading.near.pin();
        let slots = resident_slots(&resident, &answer.shop_ids).context("a shop is not resident")?;
        let about = About::List(question, answer);
        Draft::of(about, &answer.shop_ids, &slots, &standing, self.now).compose_into(out);
        Ok(())
    }
}

/// A list with 25 shops.
#[derive(Debug)]
pub struct FullList {
    /// Its canonical URL.
    pub url: String,
    /// What that asks.
    pub question: ListQuestion,
    /// What the search answers.
    pub answer: ListAnswer,
}

/// A request with no more headers than it needs.
///
/// # Errors
/// When that is no URL.
pub fn get(url: &str) -> anyhow::Result<http::Request<()>> {
    Ok(http::Request::get(url).header("host", "shopfront").body(())?)
}

/// The bytes of a `200`.
///
/// # Errors
/// When it is another answer.
pub async fn body(response: Response) -> anyhow::Result<Bytes> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    ensure!(
        head.status == http::StatusCode::OK,
        "answered {}: {}",
        head.status,
        String::from_utf8_lossy(&body)
    );
    Ok(body)
}

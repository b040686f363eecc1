//! The store's change log -> near cache, lists, those who wait; and the background looks that requests rely on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use document_store::{
    ChangeLog, DocumentReader, LogFollower, SelectedReader, StoreAddress, StoreError, Stored, follow,
};
use jiff::Timestamp;
use service_runtime::program::Context;
use service_runtime::{Clock, Readiness};
use shop_document::ListPart;
use shop_id::ShopId;
use shop_search::ShopIndexer;

use crate::front::Reading;
use crate::metrics::{Gauge, Gauges};
use crate::searches::{Search, SearchIndexer};

/// How often changed lists are published.
pub const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// How often changed words are.
pub const PUBLISH_TEXT_EVERY: Duration = Duration::from_secs(1);
/// How often readiness is looked at until the first scan is done.
const READY_LOOK: Duration = Duration::from_millis(10);

const STORE: &str = "store";
const LISTS: &str = "lists";
const TEXT: &str = "text search";

/// Names what must hold before this server is ready.
pub fn expect_store(readiness: &Readiness) {
    readiness.expect(STORE, "not opened yet");
    readiness.expect(LISTS, "waiting for the store");
    readiness.expect(TEXT, "waiting for the lists");
}

/// Waits until the store is there, saying why not yet.
///
/// # Errors
/// What does not get better by waiting.
pub async fn open_store(address: &StoreAddress, readiness: &Readiness) -> Result<SelectedReader, StoreError> {
    let waiting = |error: &StoreError| {
        tracing::debug!(%error, "waiting for the store");
        readiness.expect(STORE, error.to_string());
    };
    let opened = SelectedReader::wait_for(address, waiting).await?;
    readiness.hold(STORE);
    tracing::info!(store = %address, "the store is open");
    Ok(opened)
}

/// Feeds lists from the log. What the first scan brought is published at once, the rest by the clock.
#[derive(Debug)]
struct Feeder<Q> {
    lists: Arc<Q>,
    clock: Clock,
    is_published: AtomicBool,
}

impl<Q: ShopIndexer> LogFollower for Feeder<Q> {
    fn fold(&self, shop_id: ShopId, stored: &Stored<ListPart>) {
        self.lists.fold(shop_id, &stored.part);
    }

    fn vanished(&self, shop_id: ShopId) {
        self.lists.remove(shop_id);
    }

    fn caught_up(&self) {
        if !self.is_published.swap(true, Ordering::AcqRel) {
            self.lists.publish(self.clock.now());
        }
    }
}

/// Everything that follows the log, in the order in which it is told: documents before lists, so that a listed shop
/// has its newest card, and last those who wait to see both.
pub fn followers<S, Q>(reading: &Reading<S, Q>, clock: &Clock) -> Vec<Arc<dyn LogFollower>>
where
    S: DocumentReader,
    Q: Search + SearchIndexer,
{
    let near: Arc<dyn LogFollower> = Arc::clone(&reading.near) as _;
    let feeder = Feeder {
        lists: Arc::clone(&reading.search),
        clock: clock.clone(),
        is_published: AtomicBool::new(false),
    };
    vec![near, Arc::new(feeder), Arc::clone(&reading.arrivals) as _]
}

/// Starts to follow; every task ends when the end has begun.
pub fn start<S, Q>(reading: &Arc<Reading<S, Q>>, context: &Context)
where
    S: DocumentReader + ChangeLog,
    Q: Search + SearchIndexer,
{
    let store = Arc::clone(reading.near.store());
    let following = follow(store, followers(reading, &context.clock), Arc::clone(&reading.progress));
    until_the_end(context, following);
    until_the_end(context, publish(Arc::clone(reading), context.clock.clone()));
    let readiness = context.readiness.clone();
    until_the_end(context, publish_text(Arc::clone(reading), context.clock.clone(), readiness));
    let looking = Arc::clone(reading);
    until_the_end(context, async move { looking.lookout.look_on(&**looking.near.store()).await });
    until_the_end(context, say_when_ready(Arc::clone(reading), context.readiness.clone()));
}

fn until_the_end<F>(context: &Context, task: F)
where
    F: Future + Send + 'static,
{
    let drain = context.drain.clone();
    context.drain.spawn(async move {
        tokio::select! {
            () = drain.begun() => {}
            _ = task => {}
        }
    });
}

/// Not while the store fails: lists that may have missed something have to grow old, and say so.
async fn publish<S: DocumentReader, Q: Search + SearchIndexer>(reading: Arc<Reading<S, Q>>, clock: Clock) {
    loop {
        tokio::time::sleep(PUBLISH_EVERY).await;
        if reading.progress.is_caught_up() && !reading.progress.is_failing() {
            let (lists, now) = (Arc::clone(&reading.search), clock.now());
            // Sorting after a bulk takes a while; requests on this thread should not wait for it.
            if let Err(error) = tokio::task::spawn_blocking(move || lists.publish(now)).await {
                tracing::error!(%error, "publishing lists failed; trying again with the next changes");
            }
        }
    }
}

/// The first time right after the first scan. Words that cannot be indexed keep no list from being read: this server
/// is ready all the same.
async fn publish_text<S, Q>(reading: Arc<Reading<S, Q>>, clock: Clock, readiness: Readiness)
where
    S: DocumentReader,
    Q: Search + SearchIndexer,
{
    first_scan(&reading).await;
    readiness.expect(TEXT, "words are being indexed for the first time");
    loop {
        if !reading.progress.is_failing() {
            let (text, now) = (Arc::clone(&reading.search), clock.now());
            match tokio::task::spawn_blocking(move || text.publish_text(now)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "publishing words failed; trying again"),
                Err(error) => tracing::error!(%error, "publishing words crashed; trying again"),
            }
            readiness.hold(TEXT);
        }
        tokio::time::sleep(PUBLISH_TEXT_EVERY).await;
    }
}

async fn first_scan<S: DocumentReader, Q: Search>(reading: &Reading<S, Q>) {
    while !reading.progress.is_caught_up() {
        tokio::time::sleep(READY_LOOK).await;
    }
}

async fn say_when_ready<S: DocumentReader, Q: Search>(reading: Arc<Reading<S, Q>>, readiness: Readiness) {
    readiness.expect(LISTS, "being read from the store for the first time");
    first_scan(&reading).await;
    readiness.hold(LISTS);
    let shops = reading.near.resident_cards();
    tracing::info!(shops, "ready: the store was read");
}

/// Shows what only the followers know.
pub fn show<S, Q>(reading: &Arc<Reading<S, Q>>, context: &Context)
where
    S: DocumentReader,
    Q: Search,
{
    type Look<S, Q> = fn(&Reading<S, Q>) -> f64;
    let looks: [(&'static str, &'static str, Look<S, Q>); 9] = [
        ("resident_card_bytes", "Bytes of resident list parts", |seen| float(seen.near.resident_bytes().0)),
        ("resident_detail_bytes", "Bytes of resident detail parts", |seen| {
            float(seen.near.resident_bytes().1)
        }),
        ("resident_cards", "Resident list parts", |seen| {
            float(crate::metrics::count(seen.near.resident_cards()))
        }),
        ("kept_page_bytes", "Bytes of kept pages", |seen| float(seen.pages.bytes())),
        ("kept_pages", "Kept pages", |seen| float(crate::metrics::count(seen.pages.count()))),
        ("unreadable_documents", "Unreadable documents met in log and scan", |seen| {
            float(seen.near.unreadable())
        }),
        ("follower_lag_seconds", "From a save to its being folded, of the last one", |seen| {
            seen.progress.lag().as_secs_f64()
        }),
        ("store_scans", "Scans of the whole store; more than one: the log did not reach back", |seen| {
            float(seen.progress.rescans())
        }),
        ("store_quiet_seconds", "Since the store last had something new or was read", |seen| {
            let contact = seen.progress.last_contact();
            contact.map_or(0.0, |at| Timestamp::now().duration_since(at).as_secs_f64())
        }),
    ];
    let gauge = |(name, help, look): (&'static str, &'static str, Look<S, Q>)| {
        let reading = Arc::clone(reading);
        Gauge { name, help, value: Box::new(move || look(&reading)) }
    };
    let gauges = Gauges(looks.into_iter().map(gauge).collect());
    let mut registry = context.metrics.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    registry.register_collector(Box::new(gauges));
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

//! The change log, scanned once and then tailed, for everything that follows from saved documents.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use shop_document::ListPart;
use shop_id::ShopId;

use crate::{ChangeLog, DocumentReader, Lookup, Position, Positions, StoreError, Stored};

/// Shops read by one step of the first scan.
const SCAN_SHOPS: usize = 2_000;
/// Entries read by one step of the tail.
const TAIL_ENTRIES: usize = 4_000;
/// Shops gathered at once by the tail.
const GATHER_SHOPS: usize = 50;
/// The pause after the first failure of the store; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: how long a store that came back can go unnoticed.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// While nothing is saved, the store is asked this often whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Who is told, in order: near cache, area lists.
pub trait LogFollower: Send + Sync + 'static {
    /// The newest list part of a shop, tombstones and invisible ones included.
    fn fold(&self, shop_id: ShopId, stored: &Stored<ListPart>);
    /// This shop is not shown any more: a rescan did not find it, or its newest document is without its shop section.
    /// Told also of shops that never were shown.
    fn vanished(&self, shop_id: ShopId);
    /// The stored bytes of this shop cannot be read; it exists all the same.
    fn unreadable(&self, shop_id: ShopId) {
        let _ = shop_id;
    }
    /// All that was logged up to now is folded: after the first scan, after each batch, and every second in between.
    fn caught_up(&self);
}

/// How far the following has come, for readiness and metrics.
#[derive(Debug, Default)]
pub struct FollowProgress {
    caught_up: AtomicBool,
    failing: AtomicBool,
    /// Microseconds since 1970; 0: never.
    last_contact: AtomicI64,
    folded: AtomicU64,
    rescans: AtomicU64,
    lag_micros: AtomicI64,
}

impl FollowProgress {
    /// The first scan is done.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    /// The store failed since all of the log was last folded: what is saved meanwhile is not seen.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// When the store last answered.
    #[must_use]
    pub fn last_contact(&self) -> Option<Timestamp> {
        let micros = self.last_contact.load(Ordering::Relaxed);
        if micros == 0 { None } else { Timestamp::from_microsecond(micros).ok() }
    }

    /// Documents folded since the start.
    #[must_use]
    pub fn folded(&self) -> u64 {
        self.folded.load(Ordering::Relaxed)
    }

    /// Scans since the start; more than one means that the log did not reach back, or the store was swapped.
    #[must_use]
    pub fn rescans(&self) -> u64 {
        self.rescans.load(Ordering::Relaxed)
    }

    /// From the save of the last folded entry to its folding.
    #[must_use]
    pub fn lag(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.lag_micros.load(Ordering::Relaxed)).unwrap_or(0))
    }

    fn contact(&self) {
        self.last_contact.store(Timestamp::now().as_microsecond(), Ordering::Relaxed);
    }
}

/// Scans, then tails, for as long as it is polled. Outages of the store are waited out; a log that does not reach
/// back any more, or a store that was swapped, is scanned again.
pub async fn follow<S>(store: Arc<S>, followers: Vec<Arc<dyn LogFollower>>, progress: Arc<FollowProgress>)
where
    S: DocumentReader + ChangeLog,
{
    let known = BTreeSet::new();
    let mut following = Following { store, followers, progress, known, is_in_doubt: false, failures: 0 };
    loop {
        match following.scan_and_tail().await {
            Ok(()) => tracing::info!("the store is complete again; scanning anew"),
            Err(error @ StoreError::Trimmed { .. }) => tracing::info!(%error, "scanning anew"),
            Err(error) => following.pause(&error).await,
        }
    }
}

struct Following<S> {
    store: Arc<S>,
    followers: Vec<Arc<dyn LogFollower>>,
    progress: Arc<FollowProgress>,
    /// All shops that were folded, so that a rescan can tell which ones vanished.
    known: BTreeSet<ShopId>,
    /// The last scan missed known shops of a store that is not complete: one that was flushed and is being filled again.
    /// They go on being shown until it is.
    is_in_doubt: bool,
    /// In a row.
    failures: u32,
}

impl<S: DocumentReader + ChangeLog> Following<S> {
    /// Returns when a scan is due that no error asks for.
    async fn scan_and_tail(&mut self) -> Result<(), StoreError> {
        let mut positions = self.store.head().await?;
        self.scan().await?;
        self.progress.rescans.fetch_add(1, Ordering::Relaxed);
        self.caught_up();
        loop {
            match self.step(&mut positions).await {
                Ok(()) => {
                    self.caught_up();
                    if self.is_in_doubt && self.store.identity().await.is_ok_and(|identity| identity.complete)
                    {
                        return Ok(());
                    }
                }
                // Positions stay good through an outage; a scan would only add load to a store that suffers.
                Err(error) if error.is_transient() => self.pause(&error).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the log to grow and reads it up to its end.
    async fn step(&mut self, positions: &mut Positions) -> Result<(), StoreError> {
        match tokio::time::timeout(HEARTBEAT, self.store.grown(positions)).await {
            Ok(grown) => grown?,
            Err(_) => return self.store.identity().await.map(drop),
        }
        self.tail(positions).await
    }

    async fn pause(&mut self, error: &StoreError) {
        let pause = PAUSE.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MAX);
        self.failures += 1;
        self.progress.failing.store(true, Ordering::Release);
        tracing::warn!(%error, failures = self.failures, "cannot follow the change log; resident shops go on being read");
        tokio::time::sleep(pause).await;
    }

    async fn scan(&mut self) -> Result<(), StoreError> {
        // Before the scan: it then finds all that is complete.
        let is_complete = self.store.identity().await?.complete;
        let mut found = BTreeSet::new();
        let mut after = None;
        loop {
            let scan = self.store.scan(after, SCAN_SHOPS).await?;
            for (shop_id, stored) in &scan.shops {
                if !is_complete && self.awaits_its_writer(*shop_id, stored) {
                    continue;
                }
                found.insert(*shop_id);
                self.known.insert(*shop_id);
                self.fold(*shop_id, stored);
            }
            for &shop_id in &scan.unreadable {
                found.insert(shop_id);
                self.unreadable(shop_id);
            }
            after = scan.next;
            if after.is_none() {
                break;
            }
        }
        self.is_in_doubt = !is_complete && !self.known.is_subset(&found);
        if self.is_in_doubt {
            self.known.extend(found);
        } else {
            self.known.difference(&found).for_each(|shop_id| self.vanished(*shop_id));
            self.known = found;
        }
        Ok(())
    }

    /// Reads all shards up to their ends, one page of each in turn, so that a busy one holds up no other.
    async fn tail(&mut self, positions: &mut Positions) -> Result<(), StoreError> {
        loop {
            let mut has_more = false;
            for (shard, position) in (0_u16..).zip(&mut positions.0) {
                has_more |= self.page(shard, position).await?;
            }
            if !has_more {
                return Ok(());
            }
        }
    }

    /// Many saves of one shop on one page are folded once. The position moves only when all of the page is folded.
    async fn page(&mut self, shard: u16, position: &mut Position) -> Result<bool, StoreError> {
        let page = self.store.read(shard, *position, TAIL_ENTRIES).await?;
        let changed: BTreeSet<ShopId> = page.entries.iter().map(|entry| entry.shop_id).collect();
        let changed: Vec<ShopId> = changed.into_iter().collect();
        for shop_ids in changed.chunks(GATHER_SHOPS) {
            self.gather(shop_ids).await?;
            // A store in the same process answers at once: requests must get their turn all the same.
            tokio::task::yield_now().await;
        }
        if let Some(last) = page.entries.last() {
            let lag = Timestamp::now().as_microsecond() - last.saved_at.as_microsecond();
            self.progress.lag_micros.store(lag.max(0), Ordering::Relaxed);
        }
        *position = page.next;
        Ok(page.has_more)
    }

    async fn gather(&mut self, shop_ids: &[ShopId]) -> Result<(), StoreError> {
        for (&shop_id, got) in shop_ids.iter().zip(self.store.gather(shop_ids).await) {
            match got {
                Ok(Lookup::Found(stored) | Lookup::Tombstone(stored)) => self.fold(shop_id, &stored),
                // Known before the store was lost: its shop writer may not have been asked yet.
                Ok(Lookup::Unknown) if self.is_in_doubt && self.known.contains(&shop_id) => {}
                Ok(Lookup::Unknown) => self.vanished(shop_id),
                Err(StoreError::Corrupt { .. }) => self.unreadable(shop_id),
                Err(error) => return Err(error),
            }
            self.known.insert(shop_id);
        }
        Ok(())
    }

    /// A shop that is shown, and of which a store that is being filled again has only what other writers say.
    fn awaits_its_writer(&self, shop_id: ShopId, stored: &Stored<ListPart>) -> bool {
        let is_hidden = !stored.part.is_visible() && !stored.part.is_tombstone();
        is_hidden && self.known.contains(&shop_id)
    }

    fn fold(&self, shop_id: ShopId, stored: &Stored<ListPart>) {
        self.followers.iter().for_each(|follower| follower.fold(shop_id, stored));
        self.progress.folded.fetch_add(1, Ordering::Relaxed);
    }

    fn vanished(&self, shop_id: ShopId) {
        self.followers.iter().for_each(|follower| follower.vanished(shop_id));
    }

    fn unreadable(&self, shop_id: ShopId) {
        tracing::warn!(%shop_id, "a stored document cannot be read");
        self.followers.iter().for_each(|follower| follower.unreadable(shop_id));
    }

    fn caught_up(&mut self) {
        self.failures = 0;
        self.followers.iter().for_each(|follower| follower.caught_up());
        self.progress.contact();
        self.progress.failing.store(false, Ordering::Release);
        self.progress.caught_up.store(true, Ordering::Release);
    }
}

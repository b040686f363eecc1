//! Documents in this process, read without a lock.
//!
//! A hit is a look into a lock-free map under a guard that is taken once per request; nothing is counted up or
//! down per card. A slot only moves to a higher position, so a slow fill never overwrites a newer document. The
//! task that tails the log feeds it and, being the only one, also evicts (use bits, CLOCK).

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use papaya::{HashMap, LocalGuard, Operation};
use shop_document::{DetailPart, ListPart};
use shop_id::ShopId;

use crate::traits::visible;
use crate::{
    ChangeLog, DocumentReader, Identity, LogFollower, LogPage, Lookup, Position, Positions, Scan, StoreError,
    Stored, WriterContact,
};

/// What a slot costs beside its bytes: the map's entry, the slot, the handle of the bytes (counted with an allocating
/// example of 100,000 slots).
const SLOT_BYTES: usize = 160;

/// How much may be resident.
#[derive(Clone, Copy, Debug)]
pub struct NearCacheLimits {
    /// List parts.
    pub cards_bytes_max: usize,
    /// Detail parts.
    pub details_bytes_max: usize,
}

impl Default for NearCacheLimits {
    fn default() -> Self {
        Self { cards_bytes_max: 2 << 30, details_bytes_max: 256 << 20 }
    }
}

/// See the module.
#[derive(Debug)]
pub struct NearCache<S> {
    store: Arc<S>,
    cards: Slots<ListPart>,
    details: Slots<DetailPart>,
    hits: AtomicU64,
    misses: AtomicU64,
    unreadable: AtomicU64,
}

/// Guarded look at the resident cards. Not to be held over an await.
pub struct Resident<'cache> {
    slots: &'cache Slots<ListPart>,
    guard: LocalGuard<'cache>,
}

impl Resident<'_> {
    /// The card of a shop, with its position; `None`: not resident.
    #[must_use]
    pub fn get(&self, shop_id: ShopId) -> Option<&Stored<ListPart>> {
        let slot = self.slots.map.get(&shop_id, &self.guard)?;
        slot.mark_used();
        Some(&slot.stored)
    }
}

impl std::fmt::Debug for Resident<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Resident")
    }
}

impl<S> NearCache<S> {
    /// Empty, before a store.
    #[must_use]
    pub fn new(store: Arc<S>, limits: NearCacheLimits) -> Self {
        Self {
            store,
            cards: Slots::new(limits.cards_bytes_max),
            details: Slots::new(limits.details_bytes_max),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
        }
    }

    /// The resident cards, without a lock.
    #[must_use]
    pub fn pin(&self) -> Resident<'_> {
        Resident { slots: &self.cards, guard: self.cards.map.guard() }
    }

    /// The store behind it.
    #[must_use]
    pub const fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// Bytes of resident cards and details.
    #[must_use]
    pub fn resident_bytes(&self) -> (u64, u64) {
        (self.cards.bytes.load(Ordering::Relaxed), self.details.bytes.load(Ordering::Relaxed))
    }

    /// Resident cards.
    #[must_use]
    pub fn resident_cards(&self) -> usize {
        self.cards.map.len()
    }

    /// Hits and misses of [`DocumentReader`] calls; the hot path counts for itself.
    #[must_use]
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Documents that the log or the scan met and that could not be read.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    fn resident_detail(&self, shop_id: ShopId) -> Option<Lookup<DetailPart>> {
        let known = self.pin().get(shop_id).map(|stored| stored.position);
        let guard = self.details.map.guard();
        let slot = self.details.map.get(&shop_id, &guard)?;
        // A detail older than the card that is known would take the page back in time.
        if known.is_some_and(|known| slot.stored.position < known) {
            return None;
        }
        slot.mark_used();
        let stored = slot.stored.clone();
        Some(visible(stored.part.is_tombstone(), stored.part.is_visible(), stored.part, stored.position))
    }
}

impl<S: DocumentReader> DocumentReader for NearCache<S> {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.store.identity().await
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        let mut answers: Vec<Option<Result<Lookup<ListPart>, StoreError>>> =
            Vec::with_capacity(shop_ids.len());
        let mut missing = Vec::new();
        {
            let resident = self.pin();
            for &shop_id in shop_ids {
                let found = resident.get(shop_id).map(|stored| {
                    let (tombstone, seen) = (stored.part.is_tombstone(), stored.part.is_visible());
                    Ok(visible(tombstone, seen, stored.part.clone(), stored.position))
                });
                if found.is_none() {
                    missing.push(shop_id);
                }
                answers.push(found);
            }
        }
        let misses = u64::try_from(missing.len()).unwrap_or(0);
        self.misses.fetch_add(misses, Ordering::Relaxed);
        self.hits.fetch_add(u64::try_from(shop_ids.len()).unwrap_or(0) - misses, Ordering::Relaxed);
        if missing.is_empty() {
            return answers.into_iter().flatten().collect();
        }
        let began = self.cards.changes();
        let mut got = self.store.gather(&missing).await.into_iter();
        let mut next = || got.next().unwrap_or_else(|| Err(short_answer()));
        let fill = |answer: Result<Lookup<ListPart>, StoreError>, shop_id: ShopId| {
            if let Ok(Lookup::Found(stored) | Lookup::Tombstone(stored)) = &answer {
                self.cards.fill(shop_id, stored, began);
            }
            answer
        };
        let ids = shop_ids.iter();
        answers.into_iter().zip(ids).map(|(answer, id)| answer.unwrap_or_else(|| fill(next(), *id))).collect()
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        if let Some(resident) = self.resident_detail(shop_id) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(resident);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let began = self.details.changes();
        let answer = self.store.detail(shop_id).await?;
        if let Lookup::Found(stored) | Lookup::Tombstone(stored) = &answer {
            self.details.fill(shop_id, stored, began);
        }
        Ok(answer)
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.store.writer_contacts().await
    }
}

fn short_answer() -> StoreError {
    StoreError::Unavailable {
        store: "near cache".to_owned(),
        reason: "the store answered too few gets".to_owned(),
    }
}

impl<S: ChangeLog> ChangeLog for NearCache<S> {
    async fn head(&self) -> Result<Positions, StoreError> {
        self.store.head().await
    }

    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        self.store.read(shard, after, entries_max).await
    }

    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        self.store.scan(after, shops_max).await
    }

    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        self.store.grown(seen).await
    }
}

impl<S: Send + Sync + 'static> LogFollower for NearCache<S> {
    fn fold(&self, shop_id: ShopId, stored: &Stored<ListPart>) {
        self.cards.fold(shop_id, stored);
        self.details.outdate(shop_id, stored.position);
    }

    fn vanished(&self, shop_id: ShopId) {
        self.cards.remove(shop_id);
        self.details.remove(shop_id);
    }

    fn unreadable(&self, _shop_id: ShopId) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    fn caught_up(&self) {
        self.cards.evict();
        self.details.evict();
    }
}

/// A part that knows its size.
trait Sized {
    fn bytes_len(&self) -> usize;
}

impl Sized for ListPart {
    fn bytes_len(&self) -> usize {
        self.bytes().len()
    }
}

impl Sized for DetailPart {
    fn bytes_len(&self) -> usize {
        self.bytes().len()
    }
}

#[derive(Debug)]
struct Slot<T> {
    stored: Stored<T>,
    used: AtomicBool,
}

impl<T: Sized> Slot<T> {
    fn bytes(&self) -> u64 {
        u64::try_from(self.stored.part.bytes_len() + SLOT_BYTES).unwrap_or(u64::MAX)
    }

    fn mark_used(&self) {
        // Writing only once between two rounds of the clock keeps the cache line shared.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }
}

/// Shop IDs are spread by one multiplication; they come from our own store, not from strangers' requests.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher;

#[derive(Debug, Default)]
struct IdHash(u64);

impl std::hash::Hasher for IdHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 =
            bytes.iter().fold(self.0, |hash, byte| (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(K));
    }

    fn write_u64(&mut self, number: u64) {
        let product = number.wrapping_mul(K);
        self.0 = product ^ (product >> 32);
    }
}

/// 2^64 divided by the golden ratio: neighbours end up far apart.
const K: u64 = 0x9e37_79b9_7f4a_7c15;

impl BuildHasher for IdHasher {
    type Hasher = IdHash;

    fn build_hasher(&self) -> IdHash {
        IdHash::default()
    }
}

/// One kind of parts, bounded in bytes.
#[derive(Debug)]
struct Slots<T> {
    map: HashMap<ShopId, Slot<T>, IdHasher>,
    bytes: AtomicU64,
    bytes_max: u64,
    /// Grows whenever the log changed a shop that is not resident: a fill that began before may be old.
    changes: AtomicU64,
    /// The order of the clock's hand. Locked by fills and by the evicting task, never by a hit.
    clock: Mutex<VecDeque<ShopId>>,
}

impl<T: Sized + Clone + Send + Sync + 'static> Slots<T> {
    fn new(bytes_max: usize) -> Self {
        Self {
            map: HashMap::with_hasher(IdHasher),
            bytes: AtomicU64::new(0),
            bytes_max: u64::try_from(bytes_max).unwrap_or(u64::MAX),
            changes: AtomicU64::new(0),
            clock: Mutex::new(VecDeque::new()),
        }
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    fn fold(&self, shop_id: ShopId, stored: &Stored<T>) {
        if !self.put(shop_id, stored) {
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// After a miss: only what no change can have overtaken.
    fn fill(&self, shop_id: ShopId, stored: &Stored<T>, began: u64) {
        if self.changes() == began {
            self.put(shop_id, stored);
        }
    }

    /// `false`: there is no room for a shop that is not resident.
    fn put(&self, shop_id: ShopId, stored: &Stored<T>) -> bool {
        let map = self.map.pin();
        // A new shop may not make it too big; the hand of the clock makes room for those that are asked for.
        let may_enter = self.bytes.load(Ordering::Relaxed) < self.bytes_max;
        let outcome = map.compute(shop_id, |held| match held {
            Some((_, held)) if held.stored.position >= stored.position => Operation::Abort(true),
            None if !may_enter => Operation::Abort(false),
            _ => Operation::Insert(Slot { stored: stored.clone(), used: AtomicBool::new(false) }),
        });
        match outcome {
            papaya::Compute::Inserted(_, new) => {
                self.bytes.fetch_add(new.bytes(), Ordering::Relaxed);
                self.clock.lock().unwrap_or_else(PoisonError::into_inner).push_back(shop_id);
                true
            }
            papaya::Compute::Updated { old: (_, old), new: (_, new) } => {
                self.bytes.fetch_add(new.bytes(), Ordering::Relaxed);
                self.bytes.fetch_sub(old.bytes(), Ordering::Relaxed);
                true
            }
            papaya::Compute::Aborted(resident) => resident,
            papaya::Compute::Removed(..) => true,
        }
    }

    /// Drops what is older than a position.
    fn outdate(&self, shop_id: ShopId, position: Position) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.remove_if(shop_id, |slot| slot.stored.position < position);
    }

    fn remove(&self, shop_id: ShopId) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.remove_if(shop_id, |_| true);
    }

    fn remove_if(&self, shop_id: ShopId, fits: impl Fn(&Slot<T>) -> bool) {
        let map = self.map.pin();
        if let Ok(Some((_, removed))) = map.remove_if(&shop_id, |_, slot| fits(slot)) {
            self.bytes.fetch_sub(removed.bytes(), Ordering::Relaxed);
        }
    }

    /// Moves the hand until there is room again: a tenth of the whole, so that misses can be filled meanwhile.
    fn evict(&self) {
        if self.bytes.load(Ordering::Relaxed) < self.bytes_max {
            return;
        }
        let target = self.bytes_max - self.bytes_max / 10;
        let map = self.map.pin();
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        // Twice around at most: the first round takes the use bits.
        for _ in 0..clock.len() * 2 {
            if self.bytes.load(Ordering::Relaxed) <= target {
                break;
            }
            let Some(shop_id) = clock.pop_front() else { break };
            match map.get(&shop_id) {
                Some(slot) if slot.used.swap(false, Ordering::Relaxed) => clock.push_back(shop_id),
                Some(_) => self.remove_if(shop_id, |_| true),
                None => {}
            }
        }
    }
}

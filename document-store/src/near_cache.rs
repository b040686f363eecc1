//! Documents in this process, read without a lock.
//!
//! A hit is a look into a lock-free map under a guard that is taken once per request; nothing is counted up or
//! down per card. A slot only moves to a higher position, so a slow fill never overwrites a newer document. The
//! task that tails the log feeds it and, being the only one, also evicts (use bits, CLOCK).

mod atomics; // what changes are counted in
mod changes; // what a fill may have missed
mod clock; //   slots in the order of entering     -> the next one to go
mod slots; //   positions, bytes                   -> resident parts

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use papaya::LocalGuard;
use shop_document::{DetailPart, ListPart};
use shop_id::ShopId;

pub use self::changes::Seen;
use self::slots::Slots;
use crate::traits::visible;
use crate::{DocumentReader, Identity, LogFollower, Lookup, StoreError, Stored, WriterContact};

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
        self.slots.get(shop_id, &self.guard)
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
        Resident { slots: &self.cards, guard: self.cards.guard() }
    }

    /// What was counted of these shops' changes up to now. To be taken before their cards are looked at.
    #[must_use]
    pub fn seen(&self, shop_ids: impl Iterator<Item = ShopId>) -> Seen {
        self.cards.seen(shop_ids)
    }

    /// `true`: no change of these shops has been applied since. `false`: look at the cards, since it may have been a change
    /// of others that are counted together with them. An evicted card is no change.
    #[must_use]
    pub fn are_still(&self, seen: &Seen) -> bool {
        self.cards.are_still(seen)
    }

    /// The store behind it.
    #[must_use]
    pub const fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// Bytes of resident cards and details.
    #[must_use]
    pub fn resident_bytes(&self) -> (u64, u64) {
        (self.cards.bytes(), self.details.bytes())
    }

    /// Resident cards.
    #[must_use]
    pub fn resident_cards(&self) -> usize {
        self.cards.len()
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

    /// The resident detail of a shop, without a lock; `None`: not resident, or older than its resident card.
    #[must_use]
    pub fn resident_detail(&self, shop_id: ShopId) -> Option<Lookup<DetailPart>> {
        let known = self.pin().get(shop_id).map(|stored| stored.position);
        let guard = self.details.guard();
        let stored = self.details.get(shop_id, &guard)?;
        // A detail older than the card that is known would take the page back in time.
        if known.is_some_and(|known| stored.position < known) {
            return None;
        }
        let stored = stored.clone();
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
        let mut filled = self.fill(&missing).await.into_iter();
        let mut next = || filled.next().unwrap_or_else(|| Err(short_answer()));
        answers.into_iter().map(|answer| answer.unwrap_or_else(&mut next)).collect()
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        if let Some(resident) = self.resident_detail(shop_id) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(resident);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let began = self.details.began(shop_id);
        let answer = self.store.detail(shop_id).await?;
        if let Lookup::Found(stored) | Lookup::Tombstone(stored) = &answer {
            self.details.fill(shop_id, stored, began);
        }
        Ok(answer)
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.store.writer_contacts().await
    }

    fn neighbourhood(&self, shop_id: ShopId) -> u16 {
        self.store.neighbourhood(shop_id)
    }
}

impl<S: DocumentReader> NearCache<S> {
    /// Gets what is not resident and makes it so.
    async fn fill(&self, missing: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        let began: Vec<u64> = missing.iter().map(|shop_id| self.cards.began(*shop_id)).collect();
        let got = self.store.gather(missing).await;
        for ((answer, &shop_id), began) in got.iter().zip(missing).zip(began) {
            if let Ok(Lookup::Found(stored) | Lookup::Tombstone(stored)) = answer {
                self.cards.fill(shop_id, stored, began);
            }
        }
        got
    }
}

fn short_answer() -> StoreError {
    StoreError::Unavailable {
        store: "near cache".to_owned(),
        reason: "the store answered too few gets".to_owned(),
    }
}

/// It follows the log and deliberately is none: whoever followed it instead of the store would be told of old cards.
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

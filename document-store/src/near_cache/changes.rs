//! What a fill may have missed.
//!
//! A fill reads the store, and until it puts what it read, the log may have told of something newer. A slot would
//! notice by its position, but there may be none: no room for it then, and room when the fill arrives; or evicted in
//! between. So every change is counted before it is applied, and a fill that finds another count than when it began is
//! void. Counted in stripes, since a store far away takes longer than two changes are apart.
//!
//! The same counts answer a second question, cheaply: did anything change of what a page was made from? The stripes of
//! 25 shops are a few lines of memory that every request looks at, while their slots lie all over it.

#[cfg(shopfront_loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(shopfront_loom))]
use std::sync::atomic::{AtomicU64, Ordering, fence};

use shop_id::ShopId;

use super::slots::spread;

/// 16 KiB of counts: at 1,000 changes a second a page of 25 shops has to look at its cards some 25 times a second.
#[cfg(not(shopfront_loom))]
const STRIPES_BITS: u32 = 11;
#[cfg(shopfront_loom)]
const STRIPES_BITS: u32 = 1;

fn stripe_of(shop_id: ShopId) -> usize {
    usize::try_from(spread(shop_id.get()) >> (u64::BITS - STRIPES_BITS)).unwrap_or(0)
}

/// What was counted when some shops were looked at. Counts never come back, so as long as they are the same, no change
/// of these shops has been applied since. The default one is of no shops.
#[derive(Debug, Default)]
pub struct Seen(Box<[(usize, AtomicU64)]>);

impl Seen {
    /// Takes the counts of a later look that found the same documents. Each count stands for itself: it was read before
    /// the slots of its shops were found unchanged, so any mixture of two such looks is one too.
    pub fn renew(&self, later: &Self) {
        for ((stripe, count), (other, newer)) in self.0.iter().zip(&later.0) {
            debug_assert_eq!(stripe, other, "of the same shops, in the same order");
            count.store(newer.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

/// Counts changes, many shops to one count.
#[derive(Debug)]
pub(super) struct Changes(Box<[AtomicU64]>);

impl Changes {
    pub(super) fn new() -> Self {
        Self((0..1_usize << STRIPES_BITS).map(|_| AtomicU64::new(0)).collect())
    }

    fn of(&self, shop_id: ShopId) -> &AtomicU64 {
        &self.0[stripe_of(shop_id)]
    }

    /// How often the stripes of these shops changed so far.
    pub(super) fn seen(&self, shop_ids: impl Iterator<Item = ShopId>) -> Seen {
        let stripes = shop_ids.map(stripe_of);
        Seen(stripes.map(|stripe| (stripe, AtomicU64::new(self.0[stripe].load(Ordering::Acquire)))).collect())
    }

    pub(super) fn are_still(&self, seen: &Seen) -> bool {
        seen.0
            .iter()
            .all(|(stripe, count)| self.0[*stripe].load(Ordering::Acquire) == count.load(Ordering::Relaxed))
    }

    /// Before the store is asked.
    pub(super) fn began(&self, shop_id: ShopId) -> u64 {
        self.of(shop_id).load(Ordering::SeqCst)
    }

    /// Before a change is applied to the slots. The fence pairs with the one in [`Changes::missed_since`]: of a change
    /// that finds no slot and a fill that makes one, at least one sees the other.
    pub(super) fn count(&self, shop_id: ShopId) {
        self.of(shop_id).fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// After a change was applied: who looked in between saw the old slot, and must not take it for the new one.
    pub(super) fn applied(&self, shop_id: ShopId) {
        self.of(shop_id).fetch_add(1, Ordering::Release);
    }

    /// Whether there was a change since; asked before and after a fill is put.
    pub(super) fn missed_since(&self, shop_id: ShopId, began: u64) -> bool {
        fence(Ordering::SeqCst);
        self.began(shop_id) != began
    }
}

/// All interleavings of one change and one reader: `RUSTFLAGS="--cfg shopfront_loom" cargo test -p document-store --lib loom`.
#[cfg(all(shopfront_loom, test))]
mod loom_models {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    #[test]
    fn loom_no_page_made_from_an_old_slot_is_held_to_be_new() {
        loom::model(|| {
            let shop_id = ShopId::new(7).unwrap();
            let changes = Arc::new(Changes::new());
            // In the place of a slot.
            let slot = Arc::new(AtomicU64::new(1));
            let writer = {
                let (changes, slot) = (Arc::clone(&changes), Arc::clone(&slot));
                thread::spawn(move || {
                    changes.count(shop_id);
                    slot.store(2, Ordering::Release);
                    changes.applied(shop_id);
                })
            };
            let seen = changes.seen(std::iter::once(shop_id));
            let made_from = slot.load(Ordering::Acquire);
            writer.join().unwrap();
            if changes.are_still(&seen) {
                assert_eq!(made_from, slot.load(Ordering::Acquire));
            }
        });
    }
}

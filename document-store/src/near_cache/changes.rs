//! What a fill may have missed.
//!
//! A fill reads the store, and until it puts what it read, the log may have told of something newer. A slot would
//! notice by its position, but there may be none: no room for it then, and room when the fill arrives; or evicted in
//! between. So every change is counted before it is applied, and a fill that finds another count than when it began is
//! void. Counted in stripes, since a store far away takes longer than two changes are apart.
//!
//! The same counts answer a second question, cheaply: did anything change of what a page was made from? The stripes of
//! 25 shops are a few lines of memory that every request looks at, while their slots lie all over it.
//!
//! `tests/interleavings` compiles this file with loom's atomics and walks through all interleavings.

use shop_id::ShopId;

use super::atomics::{AtomicU64, Ordering, STRIPES_BITS, fence};

/// By 2^64 divided by the golden ratio: neighbours end up far apart, in the high bits most of all.
pub(super) const fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

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

    /// Applies a change to the slots.
    pub(super) fn change(&self, shop_id: ShopId, apply: impl FnOnce()) {
        self.count(shop_id);
        apply();
        self.applied(shop_id);
    }

    /// Puts what the store was asked for after [`Changes::began`], unless a change may have overtaken it; takes it back if
    /// one may have meanwhile.
    pub(super) fn fill(&self, shop_id: ShopId, began: u64, put: impl FnOnce(), take_back: impl FnOnce()) {
        if self.missed_since(shop_id, began) {
            return;
        }
        put();
        if self.missed_since(shop_id, began) {
            take_back();
        }
        // It may be newer than what the log has told so far.
        self.applied(shop_id);
    }

    /// Before a change is applied. The fence pairs with the one in [`Changes::missed_since`]: of a change that finds no slot
    /// and a fill that makes one, at least one sees the other.
    fn count(&self, shop_id: ShopId) {
        self.of(shop_id).fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// After a change was applied: who looked in between saw the old slot, and must not take it for the new one.
    fn applied(&self, shop_id: ShopId) {
        self.of(shop_id).fetch_add(1, Ordering::Release);
    }

    /// Whether there was a change since; asked before and after a fill is put.
    fn missed_since(&self, shop_id: ShopId, began: u64) -> bool {
        fence(Ordering::SeqCst);
        self.began(shop_id) != began
    }
}

//! What a fill may have missed.
//!
//! A fill reads the store, and until it puts what it read, the log may have told of something newer. A slot would
//! notice by its position, but there may be none: no room for it then, and room when the fill arrives; or evicted in
//! between. So every change is counted before it is applied, and a fill that finds another count than when it began is
//! void. Counted in stripes, since a store far away takes longer than two changes are apart.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use shop_id::ShopId;

use super::slots::spread;

const STRIPES_BITS: u32 = 10;

/// Counts changes, many shops to one count.
#[derive(Debug)]
pub(super) struct Changes(Box<[AtomicU64]>);

impl Changes {
    pub(super) fn new() -> Self {
        Self((0..1_usize << STRIPES_BITS).map(|_| AtomicU64::new(0)).collect())
    }

    fn of(&self, shop_id: ShopId) -> &AtomicU64 {
        let stripe = spread(shop_id.get()) >> (u64::BITS - STRIPES_BITS);
        &self.0[usize::try_from(stripe).unwrap_or(0)]
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

    /// Whether there was a change since; asked before and after a fill is put.
    pub(super) fn missed_since(&self, shop_id: ShopId, began: u64) -> bool {
        fence(Ordering::SeqCst);
        self.began(shop_id) != began
    }
}

//! All interleavings, by loom, of what readers and the log do to the near cache's counts of changes.
//!
//! The counts are the very code of the near cache, compiled with loom's atomics. Of the slots they guard there are as many
//! as a model needs: loom goes through every order of the operations of two or three threads, and through every value that
//! the memory model lets a read see.
#![allow(clippy::unwrap_used)]

/// In the place of `near_cache/atomics.rs`.
mod atomics {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};

    pub(crate) const STRIPES_BITS: u32 = 1;
}

#[allow(unreachable_pub, missing_docs)]
#[path = "../../src/near_cache/changes.rs"]
mod changes;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use shop_id::ShopId;

use crate::changes::Changes;

/// A slot that is always there, by the revision it holds: 1 before the change, 2 after it.
struct Held {
    changes: Changes,
    slot: AtomicU64,
}

impl Held {
    fn new() -> Arc<Self> {
        Arc::new(Self { changes: Changes::new(), slot: AtomicU64::new(1) })
    }

    /// What the log's follower does.
    fn change(&self) {
        self.changes.change(shop(), || self.slot.store(2, Ordering::Release));
    }
}

fn shop() -> ShopId {
    ShopId::new(7).unwrap()
}

/// Every interleaving with at most so many preemptions; loom's authors found no bug that needs more than two or three.
fn interleave(preemptions_max: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions_max);
    builder.check(model);
}

#[test]
fn no_page_made_from_an_old_card_is_held_to_be_new() {
    interleave(5, || {
        let held = Held::new();
        let log = {
            let held = Arc::clone(&held);
            thread::spawn(move || held.change())
        };
        let seen = held.changes.seen(std::iter::once(shop()));
        let made_from = held.slot.load(Ordering::Acquire);
        log.join().unwrap();
        if held.changes.are_still(&seen) {
            assert_eq!(made_from, held.slot.load(Ordering::Acquire));
        }
    });
}

#[test]
fn a_kept_page_that_two_readers_look_after_is_given_up_once_its_card_changed() {
    interleave(3, || {
        let held = Held::new();
        // Of a page made from revision 1.
        let look = Arc::new(held.changes.seen(std::iter::once(shop())));
        let read = |held: &Held, look: &changes::Seen| {
            if held.changes.are_still(look) {
                return;
            }
            let again = held.changes.seen(std::iter::once(shop()));
            if held.slot.load(Ordering::Acquire) == 1 {
                look.renew(&again);
            }
        };
        let reader = {
            let (held, look) = (Arc::clone(&held), Arc::clone(&look));
            thread::spawn(move || read(&held, &look))
        };
        let log = {
            let held = Arc::clone(&held);
            thread::spawn(move || held.change())
        };
        read(&held, &look);
        reader.join().unwrap();
        log.join().unwrap();
        assert!(!held.changes.are_still(&look), "the page shows revision 1, the card is at 2");
    });
}

#[test]
fn looks_of_two_readers_mixed_are_none_of_an_old_card() {
    interleave(2, || {
        let changes = Arc::new(Changes::new());
        let slots = Arc::new([AtomicU64::new(1), AtomicU64::new(1)]);
        // Counted apart: of two shops on one page, each reader may renew one count last.
        let shops = [ShopId::new(1).unwrap(), ShopId::new(2).unwrap()];
        let look = Arc::new(changes.seen(shops.into_iter()));
        let read = move |changes: &Changes, slots: &[AtomicU64; 2], look: &changes::Seen| {
            let again = changes.seen(shops.into_iter());
            if slots.iter().all(|slot| slot.load(Ordering::Acquire) == 1) {
                look.renew(&again);
            }
        };
        let reader = {
            let (changes, slots, look) = (Arc::clone(&changes), Arc::clone(&slots), Arc::clone(&look));
            thread::spawn(move || read(&changes, &slots, &look))
        };
        let log = {
            let (changes, slots) = (Arc::clone(&changes), Arc::clone(&slots));
            thread::spawn(move || {
                for (shop, slot) in shops.into_iter().zip(slots.iter()) {
                    changes.change(shop, || slot.store(2, Ordering::Release));
                }
            })
        };
        read(&changes, &slots, &look);
        reader.join().unwrap();
        log.join().unwrap();
        assert!(!changes.are_still(&look), "the page shows revision 1 of both, they are at 2");
    });
}

/// No slot.
const NONE: u64 = 0;

/// A slot that comes and goes, before a store that was saved to. It is read and swapped as the map does it, which lets a
/// look see an old state: that the two sides do not miss each other is up to the counts.
struct Absent {
    changes: Changes,
    store: AtomicU64,
    slot: AtomicU64,
}

impl Absent {
    fn new() -> Arc<Self> {
        Arc::new(Self { changes: Changes::new(), store: AtomicU64::new(1), slot: AtomicU64::new(NONE) })
    }

    /// Swaps the slot for what is decided on seeing it; `None`: leaves it.
    fn swap(&self, decide: impl Fn(u64) -> Option<u64>) {
        let mut seen = self.slot.load(Ordering::Acquire);
        while let Some(next) = decide(seen) {
            match self.slot.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    /// A new slot enters only where there is room; an older one is replaced.
    fn put(&self, revision: u64, has_room: bool) {
        self.swap(|held| (held < revision && (held != NONE || has_room)).then_some(revision));
    }

    /// What a miss does.
    fn fill(&self) {
        let began = self.changes.began(shop());
        let read = self.store.load(Ordering::Acquire);
        let take_back = || self.swap(|held| (held == read).then_some(NONE));
        self.changes.fill(shop(), began, || self.put(read, true), take_back);
    }

    /// What the log does when there was no room for the card just now.
    fn save_and_tell(&self) {
        self.store.store(2, Ordering::Release);
        self.changes.change(shop(), || self.put(2, false));
    }
}

#[test]
fn a_slow_fill_never_leaves_an_old_card_where_the_log_found_no_slot() {
    interleave(5, || {
        let absent = Absent::new();
        let log = {
            let absent = Arc::clone(&absent);
            thread::spawn(move || absent.save_and_tell())
        };
        absent.fill();
        log.join().unwrap();
        assert_ne!(absent.slot.load(Ordering::Acquire), 1);
    });
}

#[test]
fn of_two_slow_fills_none_leaves_an_old_card() {
    interleave(2, || {
        let absent = Absent::new();
        let log = {
            let absent = Arc::clone(&absent);
            thread::spawn(move || absent.save_and_tell())
        };
        let other = {
            let absent = Arc::clone(&absent);
            thread::spawn(move || absent.fill())
        };
        absent.fill();
        log.join().unwrap();
        other.join().unwrap();
        assert_ne!(absent.slot.load(Ordering::Acquire), 1);
    });
}

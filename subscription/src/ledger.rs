//! How far changed-since is covered by saves. Pure but for the lock around it.
//!
//! Questions run ahead of saves, so that a shop that cannot be refetched holds up nobody else; the cursor that is
//! stored stays just before the oldest change that is not saved yet.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shop_id::{Revision, ShopId};
use tokio::sync::Notify;
use writer_api::Change;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    asked_up_to: Revision,
    shops: HashMap<ShopId, Outstanding>,
    firsts: BTreeSet<(Revision, ShopId)>,
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    first: Revision,
    newest: Revision,
}

impl Ledger {
    pub(crate) fn new(asked_up_to: Revision) -> Self {
        Self { asked_up_to, shops: HashMap::new(), firsts: BTreeSet::new() }
    }

    /// Takes up one answer; returns each of its shops once, with its newest change.
    pub(crate) fn note(&mut self, changes: &[Change], next_cursor: Revision) -> Vec<(ShopId, Revision)> {
        let mut wanted: Vec<(ShopId, Revision)> = Vec::new();
        let mut places: HashMap<ShopId, usize> = HashMap::new();
        for change in changes {
            let (shop_id, revision) = (change.shop_id, change.revision);
            let place = *places.entry(shop_id).or_insert_with(|| {
                wanted.push((shop_id, revision));
                wanted.len() - 1
            });
            wanted[place].1 = wanted[place].1.max(revision);
            let outstanding = self.shops.entry(shop_id).or_insert_with(|| {
                self.firsts.insert((revision, shop_id));
                Outstanding { first: revision, newest: revision }
            });
            outstanding.newest = outstanding.newest.max(revision);
            if revision < outstanding.first {
                self.firsts.remove(&(outstanding.first, shop_id));
                self.firsts.insert((revision, shop_id));
                outstanding.first = revision;
            }
        }
        self.asked_up_to = self.asked_up_to.max(next_cursor);
        wanted
    }

    /// A save of this shop covers everything up to there.
    pub(crate) fn settled(&mut self, shop_id: ShopId, as_of: Revision) {
        if let Some(outstanding) = self.shops.get(&shop_id).copied()
            && as_of >= outstanding.newest
        {
            self.shops.remove(&shop_id);
            self.firsts.remove(&(outstanding.first, shop_id));
        }
    }

    /// Asking begins again from there, after a full resync.
    pub(crate) const fn rewind(&mut self, to: Revision) {
        self.asked_up_to = to;
    }

    /// Everything up to there was saved in another way, so asking may go on from there.
    pub(crate) fn advance(&mut self, to: Revision) {
        self.asked_up_to = self.asked_up_to.max(to);
    }

    /// The cursor that may be stored: everything committed up to there and heard of is saved.
    pub(crate) fn covered_up_to(&self) -> Revision {
        let before = |(first, _): &(Revision, ShopId)| Revision {
            epoch: first.epoch,
            counter: first.counter.saturating_sub(1),
        };
        self.firsts.first().map_or(self.asked_up_to, |first| before(first).min(self.asked_up_to))
    }

    /// From where to ask.
    pub(crate) const fn asked_up_to(&self) -> Revision {
        self.asked_up_to
    }

    /// Shops heard of and not saved yet.
    pub(crate) fn pending(&self) -> usize {
        self.shops.len()
    }
}

/// The ledger, shared between those who ask and those who save.
#[derive(Debug)]
pub(crate) struct Heard {
    ledger: Mutex<Ledger>,
    /// Something was settled.
    pub(crate) moved: Notify,
}

impl Heard {
    pub(crate) fn new() -> Self {
        Self { ledger: Mutex::new(Ledger::new(Revision::ZERO)), moved: Notify::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settled(&self, shop_id: ShopId, as_of: Revision) {
        self.lock().settled(shop_id, as_of);
        self.moved.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const fn at(counter: u64) -> Revision {
        Revision::new(1, counter)
    }

    fn shop(number: u64) -> ShopId {
        ShopId::new(number).unwrap()
    }

    fn change(number: u64, counter: u64) -> Change {
        Change { shop_id: shop(number), revision: at(counter), time: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_shop_that_is_not_saved_holds_the_cursor_before_its_first_change() {
        let mut ledger = Ledger::new(at(10));
        let wanted = ledger.note(&[change(7, 11), change(8, 12), change(7, 13)], at(13));
        assert_eq!(wanted, [(shop(7), at(13)), (shop(8), at(12))]);
        assert_eq!(ledger.covered_up_to(), at(10));
        ledger.settled(shop(7), at(12));
        assert_eq!(ledger.covered_up_to(), at(10), "its newest change is not saved");
        ledger.settled(shop(7), at(13));
        assert_eq!(ledger.covered_up_to(), at(11), "up to the change before shop 8's");
        ledger.note(&[change(7, 14)], at(14));
        assert_eq!(
            (ledger.asked_up_to(), ledger.covered_up_to()),
            (at(14), at(11)),
            "asking goes on meanwhile"
        );
        ledger.settled(shop(8), at(14));
        ledger.settled(shop(7), at(14));
        assert_eq!((ledger.covered_up_to(), ledger.pending()), (at(14), 0));
    }

    #[test]
    fn a_rewound_ledger_covers_nothing_after_the_place_it_was_rewound_to() {
        let mut ledger = Ledger::new(at(10));
        ledger.note(&[change(7, 20)], at(30));
        ledger.rewind(at(15));
        assert_eq!((ledger.asked_up_to(), ledger.covered_up_to()), (at(15), at(15)));
        ledger.note(&[change(7, 18)], at(18));
        assert_eq!(ledger.covered_up_to(), at(17), "an earlier change than the one that was known");
        ledger.settled(shop(7), at(18));
        assert_eq!(ledger.pending(), 1, "the later one is still not saved");
    }

    proptest! {
        /// The law that makes a crash harmless: after the stored cursor comes every change that is not saved.
        #[test]
        fn the_cursor_is_never_past_a_change_that_is_not_saved(
            steps in prop::collection::vec((1..6_u64, 0..4_u8, 0..4_u64), 1..80),
        ) {
            let (mut ledger, mut counter) = (Ledger::new(Revision::ZERO), 0);
            let mut unsaved: Vec<Change> = Vec::new();
            for (number, what, behind) in steps {
                if what < 3 {
                    counter += 1;
                    let changed = change(number, counter);
                    unsaved.push(changed);
                    ledger.note(&[changed], changed.revision);
                } else {
                    let as_of = at(counter.saturating_sub(behind));
                    unsaved.retain(|change| change.shop_id != shop(number) || change.revision > as_of);
                    ledger.settled(shop(number), as_of);
                }
                for change in &unsaved {
                    prop_assert!(change.revision > ledger.covered_up_to(), "{change:?}");
                }
            }
            (1..6).for_each(|number| ledger.settled(shop(number), at(counter)));
            prop_assert_eq!((ledger.covered_up_to(), ledger.pending()), (ledger.asked_up_to(), 0));
        }
    }
}

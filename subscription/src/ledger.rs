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

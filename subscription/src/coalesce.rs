//! Many wishes of one shop -> one refetch that runs and at most one that is pending. Pure: the moment is an argument.
//!
//! There is no waiting window. A wish that finds nothing running is ready at once; one that finds a refetch running
//! waits for its answer and, where that does not do, for exactly one more, however many have joined it by then.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use shop_id::ShopId;
use tokio::time::Instant;

use crate::Priority;

/// Shops known to be bad, at most. More of them is no news.
const BLAMED_MAX: usize = 100_000;

/// The shops that somebody waits for. `W` is whoever waits; what satisfies them is not decided here.
#[derive(Debug)]
pub(crate) struct Coalescer<W> {
    shops: HashMap<ShopId, Shop<W>>,
    live: VecDeque<ShopId>,
    bulk: VecDeque<ShopId>,
    resting: BTreeSet<(Instant, ShopId)>,
    /// Shops that failed alone and were not saved since, whether somebody waits for them or not.
    blamed: HashSet<ShopId>,
    /// Shops that may stand together in one refetch.
    together_max: usize,
}

#[derive(Debug)]
struct Shop<W> {
    phase: Phase,
    priority: Priority,
    /// Came before the running refetch began, or, when none runs, at any time.
    before: Vec<W>,
    /// Came while it runs.
    during: Vec<W>,
    failures: u32,
    lags: u32,
    /// Halved whenever a refetch in which this shop stood was unusable, so that the one bad shop ends up alone.
    together_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Ready,
    Running,
    Resting { until: Instant, because: Because },
}

/// Why a shop rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Because {
    /// The writer or the store did not do its part, for nobody: all is well once it does.
    Outage,
    /// The writer answered from before the event.
    Behind,
    /// This shop's answer is unusable, or cannot be saved.
    Itself,
}

/// Where one more wish went.
#[derive(Debug)]
pub(crate) struct Joined<'coalescer, W> {
    /// Those who wait for the same refetch: the place for the newcomer.
    pub(crate) waiting: &'coalescer mut Vec<W>,
    /// The wish costs no refetch of its own.
    pub(crate) coalesced: bool,
}

/// What a save has left of those who waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nobody.
    Nobody,
    /// Somebody who came while the refetch ran: it is refetched once more, at once.
    Newcomers,
    /// Somebody who was there before it began: the answer was from before the event.
    FromBefore,
}

/// Who waited, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Before the refetch began.
    Before,
    /// While it ran.
    During,
}

impl<W> Coalescer<W> {
    pub(crate) fn new(together_max: usize) -> Self {
        Self {
            shops: HashMap::new(),
            live: VecDeque::new(),
            bulk: VecDeque::new(),
            resting: BTreeSet::new(),
            blamed: HashSet::new(),
            together_max,
        }
    }

    /// One more wish for this shop. A live wish takes a bulk one along; one that rests goes on resting, since a
    /// shop that cannot be refetched must not cost a refetch per event.
    pub(crate) fn join(&mut self, shop_id: ShopId, priority: Priority) -> Joined<'_, W> {
        let shop = match self.shops.entry(shop_id) {
            Entry::Vacant(vacant) => {
                queue(&mut self.live, &mut self.bulk, priority).push_back(shop_id);
                vacant.insert(Shop {
                    phase: Phase::Ready,
                    priority,
                    before: Vec::new(),
                    during: Vec::new(),
                    failures: 0,
                    lags: 0,
                    together_max: if self.blamed.contains(&shop_id) { 1 } else { self.together_max },
                })
            }
            Entry::Occupied(occupied) => {
                let shop = occupied.into_mut();
                if priority < shop.priority {
                    shop.priority = priority;
                    if shop.phase == Phase::Ready {
                        // It still stands in the bulk queue too, where it will be passed over.
                        self.live.push_back(shop_id);
                    }
                }
                shop
            }
        };
        let waiting = if shop.phase == Phase::Running { &mut shop.during } else { &mut shop.before };
        Joined { coalesced: !waiting.is_empty(), waiting }
    }

    /// Whether a refetch of this priority could begin.
    pub(crate) fn has_ready(&mut self, priority: Priority) -> bool {
        self.first_ready(priority).is_some()
    }

    /// The shops of the next refetch, which runs from now on. Empty: none is ready.
    pub(crate) fn next_batch(&mut self, priority: Priority) -> Vec<ShopId> {
        let (mut batch, mut together_max) = (Vec::new(), self.together_max);
        while let Some(shop_id) = self.first_ready(priority) {
            let Some(shop) = self.shops.get_mut(&shop_id) else { break };
            together_max = together_max.min(shop.together_max);
            if batch.len() >= together_max {
                break;
            }
            shop.phase = Phase::Running;
            queue(&mut self.live, &mut self.bulk, priority).pop_front();
            batch.push(shop_id);
        }
        batch
    }

    /// The front of the queue, after what is no longer ready at this priority was swept from it.
    fn first_ready(&mut self, priority: Priority) -> Option<ShopId> {
        let queue = queue(&mut self.live, &mut self.bulk, priority);
        while let Some(&shop_id) = queue.front() {
            let ready = |shop: &Shop<W>| shop.phase == Phase::Ready && shop.priority == priority;
            if self.shops.get(&shop_id).is_some_and(ready) {
                return Some(shop_id);
            }
            queue.pop_front();
        }
        None
    }

    /// The running refetch of this shop was saved. Everybody who waits is shown to `settle`, which keeps whom the
    /// answer satisfies and gives the others back. `pause` is asked how long a shop rests whose answer was from before the
    /// event.
    pub(crate) fn saved(
        &mut self,
        shop_id: ShopId,
        now: Instant,
        mut settle: impl FnMut(W, Came) -> Result<(), W>,
        pause: impl FnOnce(u32) -> Duration,
    ) -> Left {
        let Some(shop) = self.shops.get_mut(&shop_id) else { return Left::Nobody };
        let mut unsettled = |waiting: &mut Vec<W>, came| -> Vec<W> {
            waiting.drain(..).filter_map(|waiter| settle(waiter, came).err()).collect()
        };
        let (before, during) =
            (unsettled(&mut shop.before, Came::Before), unsettled(&mut shop.during, Came::During));
        let left = match (before.is_empty(), during.is_empty()) {
            (true, true) => Left::Nobody,
            (true, false) => Left::Newcomers,
            (false, _) => Left::FromBefore,
        };
        shop.before = before;
        shop.before.extend(during);
        shop.failures = 0;
        shop.together_max = self.together_max;
        self.blamed.remove(&shop_id);
        match left {
            Left::Nobody => drop(self.shops.remove(&shop_id)),
            Left::Newcomers => {
                shop.lags = 0;
                self.make_ready(shop_id);
            }
            Left::FromBefore => {
                shop.lags += 1;
                let until = now + pause(shop.lags);
                self.rest(shop_id, until, Because::Behind);
            }
        }
        left
    }

    /// The refetch of these shops failed; the longest-suffering of them has failed so often in a row, this time included.
    pub(crate) fn failed(&mut self, shop_ids: &[ShopId]) -> u32 {
        let mut failures_max = 0;
        for shop_id in shop_ids {
            if let Some(shop) = self.shops.get_mut(shop_id) {
                shop.failures = shop.failures.saturating_add(1);
                failures_max = failures_max.max(shop.failures);
                let during = std::mem::take(&mut shop.during);
                shop.before.extend(during);
            }
        }
        failures_max
    }

    /// After [`Coalescer::failed`]: not before `until`.
    pub(crate) fn rest(&mut self, shop_id: ShopId, until: Instant, because: Because) {
        if let Some(shop) = self.shops.get_mut(&shop_id) {
            shop.phase = Phase::Resting { until, because };
            self.resting.insert((until, shop_id));
        }
    }

    /// After [`Coalescer::failed`], where one shop of many is to blame: again, in halves.
    pub(crate) fn split(&mut self, shop_ids: &[ShopId]) {
        for &shop_id in shop_ids {
            if let Some(shop) = self.shops.get_mut(&shop_id) {
                shop.together_max = shop_ids.len().div_ceil(2).max(1);
            }
            self.make_ready(shop_id);
        }
    }

    /// This shop alone is to blame. `true` when that was not known before.
    pub(crate) fn blame(&mut self, shop_id: ShopId) -> bool {
        if let Some(shop) = self.shops.get_mut(&shop_id) {
            shop.together_max = 1;
        }
        self.blamed.len() < BLAMED_MAX && self.blamed.insert(shop_id)
    }

    /// Whose rest is over is ready.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(&(until, shop_id)) = self.resting.first()
            && until <= now
        {
            self.resting.pop_first();
            self.make_ready(shop_id);
        }
    }

    /// The outage is over, so nobody needs to rest because of it.
    pub(crate) fn wake_from_outage(&mut self) {
        let rested = |shop_id: &ShopId| {
            let phase = self.shops.get(shop_id).map(|shop| shop.phase);
            matches!(phase, Some(Phase::Resting { because: Because::Outage, .. }))
        };
        let awake: Vec<_> = self.resting.iter().filter(|(_, shop_id)| rested(shop_id)).copied().collect();
        for (until, shop_id) in awake {
            self.resting.remove(&(until, shop_id));
            self.make_ready(shop_id);
        }
    }

    fn make_ready(&mut self, shop_id: ShopId) {
        if let Some(shop) = self.shops.get_mut(&shop_id) {
            shop.phase = Phase::Ready;
            queue(&mut self.live, &mut self.bulk, shop.priority).push_back(shop_id);
        }
    }

    /// When the next rest is over.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.resting.first().map(|(until, _)| *until)
    }

    /// Takes out those who wait for a resting shop and need not; a shop for which nobody waits is forgotten.
    pub(crate) fn release(&mut self, shop_id: ShopId, goes: impl FnMut(&mut W) -> bool) -> Vec<W> {
        let Some(shop) = self.shops.get_mut(&shop_id) else { return Vec::new() };
        let Phase::Resting { until, .. } = shop.phase else { return Vec::new() };
        let released = shop.before.extract_if(.., goes).collect();
        if shop.before.is_empty() {
            self.shops.remove(&shop_id);
            self.resting.remove(&(until, shop_id));
        }
        released
    }

    /// Whether this shop cannot be refetched at the moment.
    pub(crate) fn rests(&self, shop_id: ShopId) -> bool {
        self.shops.get(&shop_id).is_some_and(|shop| matches!(shop.phase, Phase::Resting { .. }))
    }

    /// Everybody who waits.
    pub(crate) fn waiting_mut(&mut self) -> impl Iterator<Item = &mut W> {
        self.shops.values_mut().flat_map(|shop| shop.before.iter_mut().chain(&mut shop.during))
    }

    /// Shops that somebody waits for.
    pub(crate) fn pending(&self) -> usize {
        self.shops.len()
    }

    /// Those of them that rest.
    pub(crate) fn resting(&self) -> usize {
        self.resting.len()
    }

    /// Shops that stand in line for a bulk refetch, at most.
    pub(crate) fn bulk_in_line(&self) -> usize {
        self.bulk.len()
    }
}

const fn queue<'queues>(
    live: &'queues mut VecDeque<ShopId>,
    bulk: &'queues mut VecDeque<ShopId>,
    priority: Priority,
) -> &'queues mut VecDeque<ShopId> {
    match priority {
        Priority::Live => live,
        Priority::Bulk => bulk,
    }
}

#[cfg(test)]
mod tests;

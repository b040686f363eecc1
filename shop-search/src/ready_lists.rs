//! Lists that were asked for, kept in order until something moves.
//!
//! A list is sorted by the one request that finds it missing or old; others that come meanwhile wait for that one
//! without holding a thread. So an order is never shown past its time, and 100 requests at the moment of opening
//! cost one sorting. Reading takes no lock: a look into a lock-free map and one into an `arc-swap`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use papaya::{HashMap, ResizeMode};

use crate::index::{Index, Spread};
use crate::ordered::{ListName, Ordered, View};
use crate::shop::Second;

/// The current stretch of time, and the one before for those who page through it.
const STRETCHES_MAX: usize = 2;

/// See the module.
#[derive(Debug)]
pub(crate) struct ReadyLists {
    slots: HashMap<ListName, Arc<Slot>, Spread>,
    bytes: AtomicU64,
    bytes_max: u64,
    generations: AtomicU64,
    sorts: AtomicU64,
    merges: AtomicU64,
    /// Held by the one who sweeps. Nobody waits for it.
    sweeping: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Slot {
    /// For stretches of time that do not overlap.
    stretches: ArcSwap<Vec<Arc<Ordered>>>,
    /// Held by the one who sorts, and by nobody else who replaces `stretches`.
    sorting: tokio::sync::Mutex<()>,
}

/// Values for metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadyFigures {
    pub(crate) lists: u64,
    pub(crate) bytes: u64,
    pub(crate) sorts: u64,
    pub(crate) merges: u64,
}

impl ReadyLists {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            // A map that grows by `get_or_insert_with` alone never finishes an incremental resize (papaya 0.2), and
            // every get probes a chain of old tables.
            slots: HashMap::builder().hasher(Spread).resize_mode(ResizeMode::Blocking).build(),
            bytes: AtomicU64::new(0),
            bytes_max,
            // 0 is the generation of lists that nobody stands in.
            generations: AtomicU64::new(1),
            sorts: AtomicU64::new(0),
            merges: AtomicU64::new(0),
            sweeping: tokio::sync::Mutex::new(()),
        }
    }

    /// Reads the list as it is at `at`, and until when the clock leaves alone what is shown at `now`; `None`: not ready.
    pub(crate) fn read<R>(
        &self,
        name: ListName,
        version: u64,
        (at, now): (Second, Second),
        read: impl FnOnce(&Ordered, Second) -> R,
    ) -> Option<R> {
        let guard = self.slots.guard();
        let slot = self.slots.get(&name, &guard)?;
        let stretches = slot.stretches.load();
        let at_that_time = covering(&stretches, at).filter(|ordered| ordered.version >= version)?;
        let until = if at_that_time.covers(now) {
            at_that_time.until
        } else {
            covering(&stretches, now).filter(|ordered| ordered.version >= version)?.until
        };
        Some(read(at_that_time, until))
    }

    /// The list as it is at `at`, sorted now if need be, of what is published when it is this request's turn; `None`:
    /// that cell is not.
    pub(crate) async fn prepare(
        &self,
        name: ListName,
        at: Second,
        published: impl Fn() -> Option<Arc<Index>>,
    ) -> Option<Arc<Ordered>> {
        let slot = Arc::clone(self.slots.pin().get_or_insert_with(name, Arc::default));
        let _turn = slot.sorting.lock().await;
        let index = published()?;
        let view = View::of(&index, name)?;
        let stretches = slot.stretches.load_full();
        if let Some(ready) = covering(&stretches, at).filter(|ordered| ordered.version >= view.version()) {
            return Some(Arc::clone(ready));
        }
        let ordered = Arc::new(self.order(&stretches, &view, at));
        self.keep(&slot, &stretches, &ordered);
        Some(ordered)
    }

    /// Drops what nobody read since the last sweep, then, if that is not enough, whatever comes.
    pub(crate) fn sweep(&self) {
        let Ok(_sweeping) = self.sweeping.try_lock() else { return };
        let slots = self.slots.pin();
        let mut bytes = 0;
        for (name, slot) in &slots {
            let used_bytes = slot.sweep();
            bytes += used_bytes;
            if used_bytes == 0 {
                slots.remove(name);
            }
        }
        if bytes > self.bytes_max {
            // A fifth at a time, so that a sweep is paid for by hundreds of sortings.
            let target = self.bytes_max / 5 * 4;
            for (name, slot) in &slots {
                if bytes <= target {
                    break;
                }
                bytes = bytes.saturating_sub(slot.bytes());
                slots.remove(name);
            }
        }
        // Counted anew: a list that was kept by a slot already removed is forgotten here.
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// For metrics.
    pub(crate) fn figures(&self) -> ReadyFigures {
        ReadyFigures {
            lists: self.slots.len() as u64,
            bytes: self.bytes.load(Ordering::Relaxed),
            sorts: self.sorts.load(Ordering::Relaxed),
            merges: self.merges.load(Ordering::Relaxed),
        }
    }

    fn order(&self, stretches: &[Arc<Ordered>], view: &View<'_>, at: Second) -> Ordered {
        let before = stretches.iter().filter(|ordered| ordered.from <= at).max_by_key(|ordered| ordered.from);
        let merged = before.and_then(|before| before.merge(view, at));
        let counter = if merged.is_some() { &self.merges } else { &self.sorts };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut ordered = merged.unwrap_or_else(|| Ordered::sort(view, at));
        let same = stretches.iter().find(|other| other.standings == ordered.standings);
        match same {
            Some(same) => ordered.share(same),
            None => ordered.generation = self.generations.fetch_add(1, Ordering::Relaxed),
        }
        ordered
    }

    fn keep(&self, slot: &Slot, stretches: &[Arc<Ordered>], ordered: &Arc<Ordered>) {
        let apart = stretches.iter().filter(|other| !other.overlaps(ordered));
        let mut kept: Vec<Arc<Ordered>> = apart.chain([ordered]).cloned().collect();
        kept.sort_unstable_by_key(|ordered| ordered.from);
        while kept.len() > STRETCHES_MAX {
            // The oldest, but never the one that was asked for just now.
            let leaving = usize::from(Arc::ptr_eq(&kept[0], ordered));
            kept.remove(leaving);
        }
        let sum = |stretches: &[Arc<Ordered>]| stretches.iter().map(|ordered| ordered.bytes()).sum::<u64>();
        let (before, after) = (sum(stretches), sum(&kept));
        slot.stretches.store(Arc::new(kept));
        // Wraps around in both directions alike.
        let bytes = self.bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        if bytes.wrapping_add(after).wrapping_sub(before) > self.bytes_max {
            self.sweep();
        }
    }
}

impl Slot {
    fn bytes(&self) -> u64 {
        self.stretches.load().iter().map(|ordered| ordered.bytes()).sum()
    }

    /// Drops unread stretches; returns the bytes of the others.
    fn sweep(&self) -> u64 {
        // Who sorts is about to read.
        let Ok(_turn) = self.sorting.try_lock() else { return self.bytes().max(1) };
        let stretches = self.stretches.load_full();
        let used: Vec<Arc<Ordered>> =
            stretches.iter().filter(|ordered| ordered.take_used()).cloned().collect();
        if used.len() < stretches.len() {
            self.stretches.store(Arc::new(used));
        }
        self.bytes()
    }
}

fn covering(stretches: &[Arc<Ordered>], at: Second) -> Option<&Arc<Ordered>> {
    stretches.iter().find(|ordered| ordered.covers(at)).inspect(|ordered| ordered.mark_used())
}

//! One list in order, for the stretch of time in which the clock does not change it.
//!
//! Sorting from scratch asks every shop of the cell for its hours. Where only some shops were changed, or only some
//! were opened or closed by the clock, those alone are judged again and merged into the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Sort;
use crate::asked::Order;
use crate::distance::CellCentre;
use crate::index::{Cell, Index};
use crate::rank::{Standing, rank};
use crate::shop::{Judged, NEVER, Second, Shop};

/// Changed shops up to which merging is tried whatever the length of the list.
const MERGED_ALWAYS: usize = 32;
/// Longer ones are merged if at most one of so many shops was changed.
const MERGED_SHARE: usize = 4;
/// What a list costs beside its shops: itself, its slot, the map's entry, headers.
const LIST_BYTES: usize = 400;

/// A list among those of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ListName {
    /// The cell's number.
    pub(crate) cell: u32,
    /// The category's number; `None`: all shops.
    pub(crate) category: Option<u32>,
    pub(crate) sort: Sort,
}

/// Where the shops of one list are found, as of one publishing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'index> {
    index: &'index Index,
    cell: &'index Cell,
    centre: CellCentre,
    name: ListName,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ordered {
    /// The publishing whose facts it shows.
    pub(crate) version: u64,
    /// The same as long as the order is.
    pub(crate) generation: u64,
    /// Holds in `[from, until)`.
    pub(crate) from: Second,
    pub(crate) until: Second,
    /// Ascending.
    pub(crate) standings: Arc<[Standing]>,
    /// Beside `standings`.
    watches: Box<[Watch]>,
    used: AtomicBool,
}

/// What the clock does to the shop beside it.
#[derive(Clone, Copy, Debug)]
struct Watch {
    shop_number: u32,
    since: Second,
    until: Second,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    standing: Standing,
    watch: Watch,
}

impl<'index> View<'index> {
    /// `None`: that cell is not in the index.
    pub(crate) fn of(index: &'index Index, name: ListName) -> Option<Self> {
        let cell = index.cell(name.cell)?;
        Some(Self { index, cell, centre: CellCentre::of(cell.cell), name })
    }

    /// Of the publishing that last changed the cell.
    pub(crate) const fn version(&self) -> u64 {
        self.cell.version
    }

    pub(crate) const fn centre(&self) -> CellCentre {
        self.centre
    }

    /// `None`: the shop does not stand in this list, wherever its number comes from.
    pub(crate) fn judge(&self, shop_number: u32, at: Second) -> Option<(&'index Shop, Judged)> {
        if self.cell.has(shop_number) { self.judge_member(shop_number, at) } else { None }
    }

    /// `None`: the member of the cell does not stand in this list.
    fn judge_member(&self, shop_number: u32, at: Second) -> Option<(&'index Shop, Judged)> {
        let shop = self.index.shop(shop_number)?;
        if self.name.category.is_some_and(|category| !shop.facts.categories.contains(&category)) {
            return None;
        }
        Some((shop, shop.facts.judge(at)))
    }

    fn entry(&self, shop_number: u32, at: Second) -> Option<Entry> {
        let (shop, judged) = self.judge_member(shop_number, at)?;
        let rank = rank(self.name.sort, &shop.facts, &judged, self.centre);
        let watch = Watch { shop_number, since: judged.since, until: judged.until };
        Some(Entry { standing: Standing { rank, shop_id: shop.shop_id }, watch })
    }
}

impl Ordered {
    /// Judges and sorts all shops of the list.
    pub(crate) fn sort(view: &View<'_>, at: Second) -> Self {
        let members = view.cell.members.iter();
        let mut entries: Vec<Entry> = members.filter_map(|number| view.entry(*number, at)).collect();
        entries.sort_unstable_by_key(|entry| entry.standing);
        Self::of(view, entries)
    }

    /// The same for a later publishing, an instant not before `from`, or both; `None`: sorting from scratch is cheaper, or the cell
    /// does not remember what changed.
    pub(crate) fn merge(&self, view: &View<'_>, at: Second) -> Option<Self> {
        let mut changed: Vec<u32> = view.cell.moved_since(self.version)?.collect();
        changed.extend(self.watches.iter().filter(|watch| watch.until <= at).map(|watch| watch.shop_number));
        changed.sort_unstable();
        changed.dedup();
        if changed.len() > MERGED_ALWAYS.max(self.watches.len() / MERGED_SHARE) {
            return None;
        }
        let members = changed.iter().filter(|number| view.cell.has(**number));
        let mut entering: Vec<Entry> = members.filter_map(|number| view.entry(*number, at)).collect();
        entering.sort_unstable_by_key(|entry| entry.standing);
        let mut entering = entering.into_iter().peekable();
        let mut entries = Vec::with_capacity(self.watches.len() + entering.len());
        for (&standing, &watch) in self.standings.iter().zip(&self.watches) {
            if changed.binary_search(&watch.shop_number).is_ok() {
                continue;
            }
            while let Some(entry) = entering.next_if(|entry| entry.standing < standing) {
                entries.push(entry);
            }
            entries.push(Entry { standing, watch });
        }
        entries.extend(entering);
        Some(Self::of(view, entries))
    }

    /// Takes over the generation of a list in the same order, and shares its memory.
    pub(crate) fn share(&mut self, same: &Self) {
        self.generation = same.generation;
        self.standings = Arc::clone(&same.standings);
    }

    fn of(view: &View<'_>, entries: Vec<Entry>) -> Self {
        Self {
            version: view.cell.version,
            generation: 0,
            from: entries.iter().map(|entry| entry.watch.since).max().unwrap_or(0),
            until: entries.iter().map(|entry| entry.watch.until).min().unwrap_or(NEVER),
            standings: entries.iter().map(|entry| entry.standing).collect(),
            watches: entries.into_iter().map(|entry| entry.watch).collect(),
            used: AtomicBool::new(true),
        }
    }

    /// For a page; `until`: of what it shows.
    pub(crate) fn order(&self, until: Second) -> Order<'_> {
        Order { standings: &self.standings, from: self.from, until, generation: self.generation }
    }

    pub(crate) fn covers(&self, at: Second) -> bool {
        (self.from..self.until).contains(&at)
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }

    pub(crate) fn bytes(&self) -> u64 {
        let bytes = size_of_val(&*self.standings) + size_of_val(&*self.watches) + LIST_BYTES;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    pub(crate) fn mark_used(&self) {
        // Writing only once between two sweeps keeps the cache line shared.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was read since this was asked last.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}

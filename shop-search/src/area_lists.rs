//! The embedded index: what is folded becomes visible at once, what is asked is cut out of a ready list.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwapOption, Guard};
use h3o::CellIndex;
use jiff::Timestamp;
use shop_document::ListPart;
use shop_id::ShopId;

use crate::asked::Asked;
use crate::cursor::CursorKey;
use crate::folding::Folding;
use crate::index::{Directory, Index};
use crate::ordered::ListName;
use crate::published_at::PublishedAt;
use crate::ready_lists::ReadyLists;
use crate::{ListAnswer, ListQuestion, SearchError, ShopIndexer, ShopSearch, Sort};

/// Unread lists are dropped so often.
const SWEEP_MICROS: i64 = 30_000_000;
/// How much may be kept ready.
#[derive(Clone, Copy, Debug)]
pub struct AreaListsLimits {
    /// Sorted lists, ready to be cut into pages; 28 bytes per shop in each.
    pub list_bytes_max: u64,
}

impl Default for AreaListsLimits {
    fn default() -> Self {
        Self { list_bytes_max: 256 << 20 }
    }
}

/// Values for metrics, as of the last publishing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Shops in at least one list.
    pub shops: u64,
    /// Cells with at least one shop.
    pub cells: u64,
    /// Shops summed over cells.
    pub memberships: u64,
    /// An estimate of what shops, cells and memberships hold.
    pub index_bytes: u64,
    /// Lists that are kept in order.
    pub lists: u64,
    /// What they hold.
    pub list_bytes: u64,
    /// List parts folded and shops removed since the start.
    pub folds: u64,
    /// Publishings since the start that changed something.
    pub publishes: u64,
    /// Lists sorted from scratch since the start.
    pub sorts: u64,
    /// Lists renewed by moving changed shops only since the start.
    pub merges: u64,
}

/// See the module.
#[derive(Debug)]
pub struct AreaLists {
    /// Locked by the one task that folds, and never by a question.
    folding: Mutex<Folding>,
    directory: Arc<Directory>,
    published: ArcSwapOption<Index>,
    published_at: PublishedAt,
    swept_at: AtomicI64,
    ready: ReadyLists,
    folds: AtomicU64,
}

impl AreaLists {
    /// Empty, and unavailable until the first publishing.
    #[must_use]
    pub fn new(limits: AreaListsLimits) -> Self {
        let directory = Arc::new(Directory::default());
        Self {
            folding: Mutex::new(Folding::new(Arc::clone(&directory))),
            directory,
            published: ArcSwapOption::empty(),
            published_at: PublishedAt::never(),
            swept_at: AtomicI64::new(i64::MIN),
            ready: ReadyLists::new(limits.list_bytes_max),
            folds: AtomicU64::new(0),
        }
    }

    /// For metrics.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let ready = self.ready.figures();
        let published = self.published.load();
        let (totals, publishes) =
            published.as_ref().map_or_else(Default::default, |index| (index.totals, index.version));
        Figures {
            shops: totals.shops,
            cells: totals.cells,
            memberships: totals.memberships,
            index_bytes: totals.bytes(),
            lists: ready.lists,
            list_bytes: ready.bytes,
            folds: self.folds.load(Ordering::Relaxed),
            publishes,
            sorts: ready.sorts,
            merges: ready.merges,
        }
    }

    /// The fullest cells and how many shops deliver there, the fullest first; walks through all cells.
    #[must_use]
    pub fn popular_cells(&self, cells_max: usize) -> Vec<(CellIndex, usize)> {
        let published = self.published.load();
        let Some(index) = published.as_ref() else { return Vec::new() };
        let mut cells: Vec<(CellIndex, usize)> =
            index.cells.iter().flatten().map(|cell| (cell.cell, cell.members.len())).collect();
        cells.retain(|(_, shops)| *shops > 0);
        cells.sort_unstable_by_key(|(cell, shops)| (std::cmp::Reverse(*shops), *cell));
        cells.truncate(cells_max);
        cells
    }

    fn folding(&self) -> MutexGuard<'_, Folding> {
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stale_since(&self, now: Timestamp) -> Result<Option<Timestamp>, SearchError> {
        self.published_at.stale_since(now)
    }

    /// `None`: nobody stands in that list.
    pub(crate) fn name(&self, cell: CellIndex, category: Option<&Arc<str>>, sort: Sort) -> Option<ListName> {
        let cell = *self.directory.cells.pin().get(&cell)?;
        let category = match category {
            Some(name) => Some(*self.directory.categories.pin().get(name)?),
            None => None,
        };
        Some(ListName { cell, category, sort })
    }

    /// What questions see now.
    pub(crate) fn published(&self) -> Guard<Option<Arc<Index>>> {
        self.published.load()
    }

    /// The numbers that shops keep for good; one that has none gets one if it `belongs` to a list.
    pub(crate) fn shop_numbers(&self, shops: impl Iterator<Item = (ShopId, bool)>) -> Vec<Option<u32>> {
        let mut folding = self.folding();
        shops
            .map(
                |(shop_id, belongs)| {
                    if belongs { Some(folding.number_of(shop_id)) } else { folding.known_number(shop_id) }
                },
            )
            .collect()
    }

    fn ready_page(&self, name: ListName, asked: &Asked) -> Option<ListAnswer> {
        let published = self.published.load();
        let version = published.as_ref()?.cell(name.cell)?.version;
        self.ready
            .read(name, version, (asked.at, asked.now), |ordered, until| asked.page(ordered.order(until)))
    }
}

impl ShopIndexer for AreaLists {
    fn fold(&self, shop_id: ShopId, part: &ListPart) {
        self.folding().fold(shop_id, part);
        self.folds.fetch_add(1, Ordering::Relaxed);
    }

    fn remove(&self, shop_id: ShopId) {
        self.folding().remove(shop_id);
        self.folds.fetch_add(1, Ordering::Relaxed);
    }

    fn publish(&self, now: Timestamp) {
        let mut folding = self.folding();
        if let Some(index) = folding.publish() {
            self.published.store(Some(Arc::new(index)));
        }
        drop(folding);
        self.published_at.set(now);
        let now = now.as_microsecond();
        if now.saturating_sub(self.swept_at.load(Ordering::Relaxed)) >= SWEEP_MICROS {
            self.swept_at.store(now, Ordering::Relaxed);
            self.ready.sweep();
        }
    }
}

impl ShopSearch for AreaLists {
    async fn list(&self, question: &ListQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        let key = CursorKey::of(question);
        let asked = Asked::of(key, question.cursor.as_deref(), now, self.stale_since(now)?)?;
        let name = self.name(question.cell, question.category.as_ref(), question.sort);
        let Some(name) = name else { return Ok(asked.nobody()) };
        if let Some(answer) = self.ready_page(name, &asked) {
            return Ok(answer);
        }
        let published = || self.published.load_full();
        let Some(ordered) = self.ready.prepare(name, asked.at, published).await else {
            return Ok(asked.nobody());
        };
        let until = if ordered.covers(asked.now) {
            ordered.until
        } else {
            // A page of an earlier order: what it shows still changes with the clock of today.
            let today = self.ready.prepare(name, asked.now, published).await;
            today.map_or(asked.now, |today| today.until)
        };
        Ok(asked.page(ordered.order(until)))
    }
}

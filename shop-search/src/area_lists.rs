//! The embedded index: what is folded becomes visible at once, what is asked is cut out of a ready list.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use h3o::CellIndex;
use jiff::Timestamp;
use shop_document::ListPart;
use shop_id::ShopId;

use crate::cursor::{Cursor, CursorKey, refused};
use crate::folding::Folding;
use crate::index::{Directory, Index};
use crate::ordered::{ListName, Ordered};
use crate::rank::Standing;
use crate::ready_lists::ReadyLists;
use crate::shop::{CURSOR_AGE_SECONDS_MAX, Second, instant, second};
use crate::{ListAnswer, ListQuestion, PAGE_SHOPS_MAX, SearchError, ShopIndexer, ShopSearch};

/// Publishings are 200 ms apart. When the last one is so long ago, whoever follows the change log has stopped.
const PUBLISH_OVERDUE_MICROS: i64 = 5_000_000;
/// Unread lists are dropped so often.
const SWEEP_MICROS: i64 = 30_000_000;
/// A cursor made within one such slot of time carries its beginning, if the clock moved nothing since: the bytes of a
/// page stay the same, whichever query server made it.
const CURSOR_SLOT_SECONDS: Second = 900;
/// How far the clock of the query server that made a cursor may be ahead.
const CLOCK_SKEW_SECONDS_MAX: Second = 60;
/// Before any instant: not published yet.
const NEVER_PUBLISHED: i64 = i64::MIN;

const _: () = assert!(CURSOR_SLOT_SECONDS < CURSOR_AGE_SECONDS_MAX);

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
    /// Microseconds since 1970.
    published_at: AtomicI64,
    swept_at: AtomicI64,
    ready: ReadyLists,
    folds: AtomicU64,
}

/// A question, understood.
#[derive(Clone, Copy, Debug)]
struct Asked {
    key: CursorKey,
    /// The order is the one of this moment.
    at: Second,
    now: Second,
    after: Option<Standing>,
    /// What the next cursor carries; `None`: this is a first page, or the cursor was too old.
    carried: Option<Second>,
    stale_since: Option<Timestamp>,
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
            published_at: AtomicI64::new(NEVER_PUBLISHED),
            swept_at: AtomicI64::new(NEVER_PUBLISHED),
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

    fn stale_since(&self, now: Timestamp) -> Result<Option<Timestamp>, SearchError> {
        let published_at = self.published_at.load(Ordering::Acquire);
        if published_at == NEVER_PUBLISHED {
            let reason = "the first scan of the shops is not finished; try again in a moment".to_owned();
            return Err(SearchError::Unavailable { reason });
        }
        let is_stale = now.as_microsecond().saturating_sub(published_at) > PUBLISH_OVERDUE_MICROS;
        Ok(if is_stale { Timestamp::from_microsecond(published_at).ok() } else { None })
    }

    /// `None`: nobody stands in that list.
    fn name(&self, question: &ListQuestion) -> Option<ListName> {
        let cell = *self.directory.cells.pin().get(&question.cell)?;
        let category = match &question.category {
            Some(name) => Some(*self.directory.categories.pin().get(name)?),
            None => None,
        };
        Some(ListName { cell, category, sort: question.sort })
    }

    fn ready_page(&self, name: ListName, asked: &Asked) -> Option<ListAnswer> {
        let published = self.published.load();
        let version = published.as_ref()?.cell(name.cell)?.version;
        self.ready.read(name, version, (asked.at, asked.now), |ordered, until| asked.page(ordered, until))
    }
}

impl Asked {
    fn of(
        question: &ListQuestion,
        now: Timestamp,
        stale_since: Option<Timestamp>,
    ) -> Result<Self, SearchError> {
        let key = CursorKey::of(question);
        let now = second(now);
        let first = Self { key, at: now, now, after: None, carried: None, stale_since };
        let Some(given) = question.cursor.as_deref() else { return Ok(first) };
        let cursor = Cursor::parse(given, key)?;
        if cursor.judged_at > now.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
            return Err(refused(given));
        }
        let after = Some(cursor.after);
        if now.saturating_sub(cursor.judged_at) > CURSOR_AGE_SECONDS_MAX {
            // Who comes back after an hour goes on behind the same place of today's order.
            return Ok(Self { after, ..first });
        }
        Ok(Self { after, at: cursor.judged_at, carried: Some(cursor.judged_at), ..first })
    }

    fn page(&self, ordered: &Ordered, until: Second) -> ListAnswer {
        let standings = &ordered.standings;
        let start = self.after.map_or(0, |after| standings.partition_point(|standing| *standing <= after));
        let rest = &standings[start..];
        let page = &rest[..rest.len().min(PAGE_SHOPS_MAX)];
        let next_cursor = match page.last() {
            Some(&after) if page.len() < rest.len() => {
                let slot = self.now - self.now % CURSOR_SLOT_SECONDS;
                let judged_at = self.carried.unwrap_or_else(|| ordered.from.max(slot));
                Some(Cursor { judged_at, after }.text(self.key))
            }
            _ => None,
        };
        ListAnswer {
            shop_ids: page.iter().map(|standing| standing.shop_id).collect(),
            next_cursor,
            changes_at: instant(until),
            stale_since: self.stale_since,
            generation: ordered.generation,
        }
    }

    fn nobody(&self) -> ListAnswer {
        ListAnswer {
            shop_ids: Vec::new(),
            next_cursor: None,
            changes_at: None,
            stale_since: self.stale_since,
            generation: 0,
        }
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
        let now = now.as_microsecond();
        self.published_at.store(now, Ordering::Release);
        if now.saturating_sub(self.swept_at.load(Ordering::Relaxed)) >= SWEEP_MICROS {
            self.swept_at.store(now, Ordering::Relaxed);
            self.ready.sweep();
        }
    }
}

impl ShopSearch for AreaLists {
    async fn list(&self, question: &ListQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        let asked = Asked::of(question, now, self.stale_since(now)?)?;
        let Some(name) = self.name(question) else { return Ok(asked.nobody()) };
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
        Ok(asked.page(&ordered, until))
    }
}

//! Text search beside the area lists: they know who delivers where, who is open and how good they are; this knows words.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use shop_document::ListPart;
use shop_id::ShopId;

use super::grams::words_asked;
use super::matches::Matches;
use super::segments::Segments;
use super::waiting::Waiting;
use super::writing::Writing;
use crate::asked::Asked;
use crate::cursor::CursorKey;
use crate::ordered::View;
use crate::published_at::PublishedAt;
use crate::{AreaLists, ListAnswer, SearchError, ShopIndexer, Sort, TextQuestion, TextSearch};

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct TextLimits {
    /// List parts between two publishings. Beyond it, which only a first scan reaches, [`TextIndex::fold`] indexes
    /// them itself before it returns.
    pub waiting_bytes_max: u64,
}

impl Default for TextLimits {
    fn default() -> Self {
        Self { waiting_bytes_max: 256 << 20 }
    }
}

/// Values for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextFigures {
    /// Indexed shops.
    pub shops: u64,
    /// Parts of the index that every question looks into.
    pub segments: u64,
    /// What they hold, and what is just being merged.
    pub index_bytes: u64,
    /// Shops that wait for the next publishing.
    pub waiting_shops: u64,
    /// Their list parts.
    pub waiting_bytes: u64,
    /// List parts folded and shops removed since the start.
    pub folds: u64,
    /// Publishings since the start that changed what can be found.
    pub publishes: u64,
    /// Those that failed.
    pub failures: u64,
}

/// The engine failed. What was to be indexed waits for the next try, and answers are the ones of before.
#[derive(Debug, thiserror::Error)]
#[error("text index: {0}")]
pub struct TextIndexError(#[from] tantivy::TantivyError);

/// See the module.
#[derive(Debug)]
pub struct TextIndex {
    lists: Arc<AreaLists>,
    limits: TextLimits,
    /// Locked for a moment by who folds and who publishes, and never by a question.
    waiting: Mutex<Waiting>,
    /// Locked by who publishes.
    writing: Mutex<Writing>,
    published: ArcSwapOption<Segments>,
    published_at: PublishedAt,
    shops: AtomicU64,
    index_bytes: AtomicU64,
    folds: AtomicU64,
    publishes: AtomicU64,
    failures: AtomicU64,
}

impl TextIndex {
    /// Empty, and unavailable until the first publishing. `lists` have to be fed from the same change log.
    ///
    /// # Errors
    /// Where the engine does not start.
    pub fn new(lists: Arc<AreaLists>, limits: TextLimits) -> Result<Self, TextIndexError> {
        Ok(Self {
            writing: Mutex::new(Writing::new(Arc::clone(&lists))?),
            lists,
            limits,
            waiting: Mutex::default(),
            published: ArcSwapOption::empty(),
            published_at: PublishedAt::never(),
            shops: AtomicU64::new(0),
            index_bytes: AtomicU64::new(0),
            folds: AtomicU64::new(0),
            publishes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// For metrics.
    #[must_use]
    pub fn figures(&self) -> TextFigures {
        let (waiting_shops, waiting_bytes) = {
            let waiting = self.waiting();
            (waiting.shops() as u64, waiting.bytes())
        };
        TextFigures {
            shops: self.shops.load(Ordering::Relaxed),
            segments: self.published.load().as_ref().map_or(0, |segments| segments.count() as u64),
            index_bytes: self.index_bytes.load(Ordering::Relaxed),
            waiting_shops,
            waiting_bytes,
            folds: self.folds.load(Ordering::Relaxed),
            publishes: self.publishes.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// [`ShopIndexer::publish`], saying what went wrong. Call it every second, and once after the first scan, outside of
    /// the threads of requests (`spawn_blocking`): it takes milliseconds where something changed, and seconds after a
    /// first scan. Questions do not wait for it, nor do folds within [`TextLimits`].
    ///
    /// # Errors
    /// Where the engine fails; nothing is lost, and the next call tries again.
    pub fn try_publish(&self, now: Timestamp) -> Result<(), TextIndexError> {
        let published = self.index_waiting().and_then(|writing| self.show(&writing));
        match published {
            Ok(()) => self.published_at.set(now),
            Err(_) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(published?)
    }

    fn index_waiting(&self) -> tantivy::Result<MutexGuard<'_, Writing>> {
        let mut writing = self.writing();
        let changes = self.waiting().take();
        if let Err(error) = writing.index(&changes) {
            self.waiting().put_back(changes);
            return Err(error);
        }
        self.shops.store(writing.shops(), Ordering::Relaxed);
        self.index_bytes.store(writing.bytes(), Ordering::Relaxed);
        Ok(writing)
    }

    fn show(&self, writing: &Writing) -> tantivy::Result<()> {
        let published = self.published.load();
        let is_shown = match published.as_ref() {
            Some(segments) => writing.is_shown_by(segments)?,
            None => false,
        };
        if !is_shown {
            self.published.store(Some(Arc::new(writing.segments()?)));
            self.publishes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn put(&self, shop_id: ShopId, part: Option<ListPart>) {
        self.folds.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting();
        waiting.put(shop_id, part);
        let is_too_much = waiting.bytes() > self.limits.waiting_bytes_max;
        drop(waiting);
        if is_too_much && self.index_waiting().is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stale_since(&self, now: Timestamp) -> Result<Option<Timestamp>, SearchError> {
        let of_both = [self.published_at.stale_since(now)?, self.lists.stale_since(now)?];
        Ok(of_both.into_iter().flatten().min())
    }
}

impl ShopIndexer for TextIndex {
    fn fold(&self, shop_id: ShopId, part: &ListPart) {
        self.put(shop_id, Some(part.clone()));
    }

    fn remove(&self, shop_id: ShopId) {
        self.put(shop_id, None);
    }

    fn publish(&self, now: Timestamp) {
        // Counted, and said in answers once it lasts.
        drop(self.try_publish(now));
    }
}

impl TextSearch for TextIndex {
    async fn search(&self, question: &TextQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        let key = CursorKey::of_text(question);
        let asked = Asked::of(key, question.cursor.as_deref(), now, self.stale_since(now)?)?;
        let sort = question.sort.unwrap_or(Sort::Recommended);
        let name = self.lists.name(question.cell, question.category.as_ref(), sort);
        let (index, segments) = (self.lists.published(), self.published.load());
        let (Some(name), Some(index), Some(segments)) = (name, index.as_ref(), segments.as_ref()) else {
            return Ok(asked.nobody());
        };
        let Some(view) = View::of(index, name) else { return Ok(asked.nobody()) };
        let words = words_asked(question.text.as_str());
        if words.is_empty() {
            return Ok(asked.nobody());
        }
        let found = segments.find(question.cell, &words).map_err(|error| SearchError::Unavailable {
            reason: format!("the text index cannot be read: {error}"),
        })?;
        Ok(asked.page(Matches::of(&found, &view, question.sort, &asked).order()))
    }
}

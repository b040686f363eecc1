//! The handle of the query server: an engine asked at most once a second for each page, by one request for all who wait;
//! and the last good page while it is away.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use super::asking::{Answered, Asking, unavailable};
use super::connection::Engine;
use super::error::EngineError;
use super::kept::{Asks, Boarding, Kept, Slot};
use crate::asked::Asked;
use crate::cursor::CursorKey;
use crate::{ListAnswer, ListQuestion, SearchError, ShopSearch, TextQuestion, TextSearch};

/// After so many failures in a row
const FAILURES: u32 = 3;
/// the engine is left alone for so long: then one question tries again.
const REST_MICROS: i64 = 500_000;

/// How long, how much.
#[derive(Clone, Copy, Debug)]
pub struct EngineLimits {
    /// How long one question may take, second try included.
    pub patience: Duration,
    /// Kept answers, lists and texts together.
    pub kept_bytes_max: u64,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self { patience: Duration::from_millis(500), kept_bytes_max: 64 << 20 }
    }
}

/// Values for metrics, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineFigures {
    /// Questions that were put to the engine.
    pub asked: u64,
    /// Second tries among them.
    pub hedges: u64,
    /// Questions that it did not answer.
    pub failures: u64,
    /// Answers older than they should be that were given all the same.
    pub stale: u64,
    /// Pages that are kept.
    pub kept: u64,
    /// What they hold.
    pub kept_bytes: u64,
}

/// See the module. Cloning shares all of it.
#[derive(Clone, Debug)]
pub struct EngineSearch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    asking: Asking,
    lists: Kept<ListQuestion>,
    texts: Kept<TextQuestion>,
    /// In a row.
    failing: AtomicU32,
    /// Microseconds since 1970.
    failed_at: AtomicI64,
    last_failure: ArcSwapOption<EngineError>,
    asked: AtomicU64,
    failures: AtomicU64,
    stale: AtomicU64,
}

/// Lists and texts alike.
trait Question: Asks {
    fn asked(&self, now: Timestamp) -> Result<Asked, SearchError>;
    fn kept(inner: &Inner) -> &Kept<Self>;
    fn put(
        &self,
        asking: &Asking,
        asked: Asked,
    ) -> impl Future<Output = Result<Answered, EngineError>> + Send;
}

impl Question for ListQuestion {
    fn asked(&self, now: Timestamp) -> Result<Asked, SearchError> {
        Asked::of(CursorKey::of(self), self.cursor.as_deref(), now, None)
    }

    fn kept(inner: &Inner) -> &Kept<Self> {
        &inner.lists
    }

    async fn put(&self, asking: &Asking, asked: Asked) -> Result<Answered, EngineError> {
        asking.list(self, asked).await
    }
}

impl Question for TextQuestion {
    fn asked(&self, now: Timestamp) -> Result<Asked, SearchError> {
        Asked::of(CursorKey::of_text(self), self.cursor.as_deref(), now, None)
    }

    fn kept(inner: &Inner) -> &Kept<Self> {
        &inner.texts
    }

    async fn put(&self, asking: &Asking, asked: Asked) -> Result<Answered, EngineError> {
        asking.search(self, asked).await
    }
}

impl EngineSearch {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(engine: Engine, limits: EngineLimits) -> Self {
        let half = limits.kept_bytes_max / 2;
        Self(Arc::new(Inner {
            asking: Asking::new(engine, limits.patience),
            lists: Kept::new(half),
            texts: Kept::new(half),
            failing: AtomicU32::new(0),
            failed_at: AtomicI64::new(0),
            last_failure: ArcSwapOption::empty(),
            asked: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        }))
    }

    /// For metrics.
    #[must_use]
    pub fn figures(&self) -> EngineFigures {
        let inner = &*self.0;
        EngineFigures {
            asked: inner.asked.load(Ordering::Relaxed),
            hedges: inner.asking.hedges(),
            failures: inner.failures.load(Ordering::Relaxed),
            stale: inner.stale.load(Ordering::Relaxed),
            kept: (inner.lists.count() + inner.texts.count()) as u64,
            kept_bytes: inner.lists.bytes() + inner.texts.bytes(),
        }
    }

    async fn answer<Q: Question>(&self, question: &Q, now: Timestamp) -> Result<ListAnswer, SearchError> {
        let kept = Q::kept(&self.0);
        if let Some(answer) = kept.fresh(question, now) {
            return Ok(answer);
        }
        // Refused before anybody is asked.
        let asked = question.asked(now)?;
        let slot = kept.slot(question);
        if let Some(failure) = self.0.is_resting(now) {
            return self.0.stale_or(question, &slot, now, &failure);
        }
        let mut ending = match slot.board() {
            Boarding::Passenger(ending) => ending,
            Boarding::Pilot(sender, ending) => {
                // A task of its own: whoever waits may give up, and the others still get their answer.
                let (inner, question, slot) = (Arc::clone(&self.0), question.clone(), Arc::clone(&slot));
                tokio::spawn(async move {
                    let ended = inner.fly(&question, &slot, asked, now).await;
                    drop(sender.send(Some(ended)));
                });
                ending
            }
        };
        let ended = match ending.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone(),
            // The runtime ends.
            Err(_) => None,
        };
        match ended {
            Some(Ok(())) => {
                let answer = kept.fresh(question, now).or_else(|| slot.answered());
                answer.ok_or_else(|| gone("the answer was dropped before it was read"))
            }
            Some(Err(error)) => self.0.stale_or(question, &slot, now, &error),
            None => Err(gone("the program is ending")),
        }
    }
}

impl Inner {
    async fn fly<Q: Question>(
        &self,
        question: &Q,
        slot: &Slot,
        asked: Asked,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match question.put(&self.asking, asked).await {
            Ok(answered) => {
                self.failing.store(0, Ordering::Relaxed);
                Q::kept(self).keep(question, slot, answered, now);
                Ok(())
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.failing.fetch_add(1, Ordering::Relaxed);
                self.failed_at.store(now.as_microsecond(), Ordering::Relaxed);
                self.last_failure.store(Some(Arc::new(error.clone())));
                Err(error)
            }
        }
    }

    /// Why nobody asks just now; `None`: somebody may.
    fn is_resting(&self, now: Timestamp) -> Option<EngineError> {
        if self.failing.load(Ordering::Relaxed) < FAILURES {
            return None;
        }
        let failed_at = self.failed_at.load(Ordering::Relaxed);
        let now = now.as_microsecond();
        if now.abs_diff(failed_at) < REST_MICROS.unsigned_abs() {
            return self.last_failure.load().as_ref().map(|error| (**error).clone());
        }
        // The first one to come tries, and lets the others rest until it knows.
        let mine = self.failed_at.compare_exchange(failed_at, now, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() { None } else { self.last_failure.load().as_ref().map(|error| (**error).clone()) }
    }

    fn stale_or<Q: Question>(
        &self,
        question: &Q,
        slot: &Slot,
        now: Timestamp,
        failure: &EngineError,
    ) -> Result<ListAnswer, SearchError> {
        let Some(answer) = slot.stale(now) else {
            // Anybody can invent questions: those without an answer are not kept.
            Q::kept(self).forget_unanswered(question);
            return Err(unavailable(failure));
        };
        self.stale.fetch_add(1, Ordering::Relaxed);
        Ok(answer)
    }
}

fn gone(reason: &str) -> SearchError {
    SearchError::Unavailable { reason: reason.to_owned() }
}

impl ShopSearch for EngineSearch {
    async fn list(&self, question: &ListQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        self.answer(question, now).await
    }
}

impl TextSearch for EngineSearch {
    async fn search(&self, question: &TextQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        self.answer(question, now).await
    }
}

//! Answers that are kept: for a second as they are, and after that for the case that the engine is away.
//!
//! Reading one takes no lock: a look into a lock-free map and one into an `arc-swap`. What is kept is bounded in bytes;
//! beyond that, what nobody read since the last time goes first.

use std::hash::{Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use papaya::{HashMap, ResizeMode};
use tokio::sync::watch;

use super::asking::Answered;
use super::error::EngineError;
use crate::{ListAnswer, ListQuestion, TextQuestion};

/// How long an answer is given again.
const FRESH_MICROS: i64 = 1_000_000;
/// What an answer costs beside its IDs and texts: slot, map entry, headers.
const SLOT_BYTES: usize = 500;

/// See the module.
#[derive(Debug)]
pub(crate) struct Kept<Q: Asks> {
    slots: HashMap<Q, Arc<Slot>, RandomState>,
    bytes: AtomicU64,
    bytes_max: u64,
}

/// A question that is kept, and what it holds beside itself.
pub(crate) trait Asks: Clone + Eq + Hash + Send + Sync + 'static {
    fn bytes(&self) -> usize;
}

impl Asks for ListQuestion {
    fn bytes(&self) -> usize {
        size_of::<Self>() + length(self.category.as_ref()) + length(self.cursor.as_ref())
    }
}

impl Asks for TextQuestion {
    fn bytes(&self) -> usize {
        let text = self.text.as_str().len();
        size_of::<Self>() + text + length(self.category.as_ref()) + length(self.cursor.as_ref())
    }
}

fn length(text: Option<&Arc<str>>) -> usize {
    text.map_or(0, |text| text.len())
}

/// How a question that several wait for ended.
pub(crate) type Ending = Result<(), EngineError>;

/// One question.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    last: ArcSwapOption<Last>,
    used: AtomicBool,
    /// Set while the engine is asked.
    flight: std::sync::Mutex<Option<watch::Receiver<Option<Ending>>>>,
}

/// The last good answer.
#[derive(Debug)]
struct Last {
    answered: Answered,
    asked_at: Timestamp,
}

impl<Q: Asks> Kept<Q> {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            // As in `ReadyLists`.
            slots: HashMap::builder().resize_mode(ResizeMode::Blocking).build(),
            bytes: AtomicU64::new(0),
            bytes_max,
        }
    }

    /// What was answered within the last second and still holds.
    pub(crate) fn fresh(&self, question: &Q, now: Timestamp) -> Option<ListAnswer> {
        let slots = self.slots.guard();
        self.slots.get(question, &slots)?.fresh(now)
    }

    /// Where the answer to a question is kept.
    pub(crate) fn slot(&self, question: &Q) -> Arc<Slot> {
        Arc::clone(self.slots.pin().get_or_insert_with(question.clone(), Arc::default))
    }

    /// Keeps a good answer.
    pub(crate) fn keep(&self, question: &Q, slot: &Slot, answered: Answered, asked_at: Timestamp) {
        let bytes = bytes_of(question, &answered);
        let before = slot.last.swap(Some(Arc::new(Last { answered, asked_at })));
        slot.used.store(true, Ordering::Relaxed);
        let before = before.map_or(0, |last| bytes_of(question, &last.answered));
        // Wraps around in both directions alike.
        let sum = self.bytes.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        if sum.wrapping_add(bytes).wrapping_sub(before) > self.bytes_max {
            self.sweep();
        }
    }

    /// Forgets a question that was never answered, unless somebody waits for it.
    pub(crate) fn forget_unanswered(&self, question: &Q) {
        let slots = self.slots.pin();
        if slots.get(question).is_some_and(|slot| slot.last.load().is_none()) {
            slots.remove(question);
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> usize {
        self.slots.len()
    }

    /// Drops what nobody read since the last sweep, then, if that is not enough, whatever comes.
    fn sweep(&self) {
        let slots = self.slots.pin();
        let target = self.bytes_max / 5 * 4;
        let held = |question: &Q, slot: &Slot| {
            slot.last.load().as_ref().map_or(0, |last| bytes_of(question, &last.answered))
        };
        let mut bytes = 0;
        for (question, slot) in &slots {
            if slot.used.swap(false, Ordering::Relaxed) {
                bytes += held(question, slot);
            } else {
                slots.remove(question);
            }
        }
        for (question, slot) in &slots {
            if bytes <= target {
                break;
            }
            bytes = bytes.saturating_sub(held(question, slot));
            slots.remove(question);
        }
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

impl Slot {
    fn fresh(&self, now: Timestamp) -> Option<ListAnswer> {
        let last = self.last.load();
        let last = last.as_ref().filter(|last| last.is_fresh(now))?;
        self.mark_used();
        Some(last.answered.answer.clone())
    }

    /// What was answered at last, for who waited for it.
    pub(crate) fn answered(&self) -> Option<ListAnswer> {
        self.last.load().as_ref().map(|last| last.answered.answer.clone())
    }

    /// What was answered at last, said to be old.
    pub(crate) fn stale(&self, now: Timestamp) -> Option<ListAnswer> {
        let last = self.last.load();
        let last = last.as_ref()?;
        self.mark_used();
        let mut answer = last.answered.answer.clone();
        answer.stale_since = Some(last.asked_at);
        answer.changes_at = answer.changes_at.filter(|at| *at > now);
        Some(answer)
    }

    /// Joins those who wait for the engine, or is the one to ask it.
    pub(crate) fn board(&self) -> Boarding {
        let mut flight = self.flight.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(others) = flight.as_ref().filter(|others| others.borrow().is_none()) {
            // A flight whose pilot was dropped with its runtime never ends.
            if others.has_changed().is_ok() {
                return Boarding::Passenger(others.clone());
            }
        }
        let (ending, waiting) = watch::channel(None);
        *flight = Some(waiting.clone());
        Boarding::Pilot(ending, waiting)
    }

    fn mark_used(&self) {
        // Writing only once between two sweeps keeps the cache line shared.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }
}

/// Whoever finds nothing fresh.
pub(crate) enum Boarding {
    Passenger(watch::Receiver<Option<Ending>>),
    Pilot(watch::Sender<Option<Ending>>, watch::Receiver<Option<Ending>>),
}

impl Last {
    /// Within a second of its question, and before the clock changes anything about it.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.as_microsecond().abs_diff(self.asked_at.as_microsecond());
        let second = crate::shop::second(now);
        let stretch = self.answered.stretch;
        i64::try_from(age).is_ok_and(|age| age < FRESH_MICROS)
            && (stretch.from..stretch.until).contains(&second)
    }
}

fn bytes_of(question: &impl Asks, answered: &Answered) -> u64 {
    let answer = &answered.answer;
    let ids = size_of_val(&*answer.shop_ids);
    let bytes =
        SLOT_BYTES + question.bytes() + ids + answer.next_cursor.as_ref().map_or(0, |cursor| cursor.len());
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

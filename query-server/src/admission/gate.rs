//! Shares and limits in force -> this request is refused, or may wait. One gate per runtime; nothing is locked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use http::Uri;

use super::class::{Class, endpoint};
use super::refusal;
use super::shares::{ALL, Refused};
use super::shown::Reason;
use super::waits::{LIMIT_LEAST, Waits};
use crate::config::Config;
use crate::metrics::{Counters, Endpoint, add};
use crate::respond::Response;

/// Lists and searches may take one part of so many of those that wait for the store.
const BROWSE_PART: u32 = 2;
/// The golden section of 2^32. Its multiples lie as evenly as any do, those of every second or third count too, so that
/// no pattern of requests meets a pattern of refusals.
const GOLDEN: u32 = 2_654_435_769;

/// What one runtime's requests pass.
#[derive(Debug)]
pub struct Gate {
    /// [`Refused`] as a word; 0 lets everybody pass.
    refused: AtomicU64,
    count: AtomicU32,
    is_asked: AtomicBool,
    waiting: AtomicU32,
    waiting_max: AtomicU32,
    own_writes: AtomicU32,
    own_writes_max: u32,
    finished: AtomicU64,
    waited_micros: AtomicU64,
    counters: Arc<Counters>,
}

impl Gate {
    /// Open.
    #[must_use]
    pub fn new(config: &Config, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            refused: AtomicU64::new(0),
            count: AtomicU32::new(0),
            is_asked: AtomicBool::new(false),
            waiting: AtomicU32::new(0),
            waiting_max: AtomicU32::new(number(config.waiting_max).max(LIMIT_LEAST)),
            own_writes: AtomicU32::new(0),
            own_writes_max: number(config.own_writes_max),
            finished: AtomicU64::new(0),
            waited_micros: AtomicU64::new(0),
            counters,
        })
    }

    /// The refusal, if there is to be one. Nothing but the path is looked at, and that only under too much load.
    #[inline]
    pub fn refusal(&self, uri: &Uri) -> Option<(Endpoint, Response)> {
        // Written once a step, so that the cache line stays shared.
        if !self.is_asked.load(Ordering::Relaxed) {
            self.is_asked.store(true, Ordering::Relaxed);
        }
        match self.refused.load(Ordering::Relaxed) {
            0 => None,
            word => self.refusal_of_a_share(Refused::from_word(word), uri),
        }
    }

    #[cold]
    fn refusal_of_a_share(&self, refused: Refused, uri: &Uri) -> Option<(Endpoint, Response)> {
        let endpoint = endpoint(uri);
        let class = Class::of(endpoint);
        let share = match class {
            Class::Browse => refused.browse,
            // Before anybody of the order path, after everybody who only looks around.
            Class::OwnWrite if refused.browse < ALL => 0,
            Class::OwnWrite => ALL,
            Class::Order => refused.order,
        };
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // The upper 16 bits: 0 to one less than all.
        let place = count.wrapping_mul(GOLDEN) >> 16;
        (place < share).then(|| (endpoint, self.refuse(class, Reason::Delay, count)))
    }

    /// A place among those that wait for the store, or for their own change.
    ///
    /// # Errors
    /// The refusal: as many as may are waiting.
    pub fn wait(self: &Arc<Self>, endpoint: Endpoint, began: Instant) -> Result<Waiting, Box<Response>> {
        let class = Class::of(endpoint);
        let (waiting, limit) = self.places(class);
        if waiting.fetch_add(1, Ordering::Relaxed) >= limit {
            waiting.fetch_sub(1, Ordering::Relaxed);
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            return Err(Box::new(self.refuse(class, Reason::Waiting, count)));
        }
        Ok(Waiting { gate: Arc::clone(self), class, began })
    }

    fn places(&self, class: Class) -> (&AtomicU32, u32) {
        let limit = self.waiting_max.load(Ordering::Relaxed);
        match class {
            Class::Browse => (&self.waiting, limit / BROWSE_PART),
            Class::OwnWrite => (&self.own_writes, self.own_writes_max),
            Class::Order => (&self.waiting, limit),
        }
    }

    fn refuse(&self, class: Class, reason: Reason, count: u32) -> Response {
        self.counters.admission.refused(class, reason);
        refusal::too_busy(count)
    }

    /// From now on.
    pub(super) fn set(&self, refused: Refused, waiting_max: u32) {
        self.refused.store(refused.to_word(), Ordering::Relaxed);
        self.waiting_max.store(waiting_max, Ordering::Relaxed);
    }

    /// Now in force.
    #[must_use]
    pub fn in_force(&self) -> (Refused, u32) {
        let refused = Refused::from_word(self.refused.load(Ordering::Relaxed));
        (refused, self.waiting_max.load(Ordering::Relaxed))
    }

    /// How many wait, for the store and for their own change.
    #[must_use]
    pub fn waiting(&self) -> (u32, u32) {
        (self.waiting.load(Ordering::Relaxed), self.own_writes.load(Ordering::Relaxed))
    }

    /// Whether anybody asked since this was asked last.
    pub(super) fn was_asked(&self) -> bool {
        self.is_asked.swap(false, Ordering::Relaxed)
    }

    /// Those who ended waiting since this was asked last.
    pub(super) fn waits(&self) -> Waits {
        Waits {
            finished: self.finished.swap(0, Ordering::Relaxed),
            micros: self.waited_micros.swap(0, Ordering::Relaxed),
        }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// A place among those that wait; dropping it gives it back.
#[derive(Debug)]
pub struct Waiting {
    gate: Arc<Gate>,
    class: Class,
    began: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.gate.places(self.class).0.fetch_sub(1, Ordering::Relaxed);
        // A writer that takes its time says nothing about the store.
        if self.class != Class::OwnWrite {
            add(&self.gate.finished, 1);
            add(
                &self.gate.waited_micros,
                u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            );
        }
    }
}

fn number(configured: u64) -> u32 {
    u32::try_from(configured).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

//! The two breakers of a subscription, shared by all who ask: one of the writer, one of the store behind the follower.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::Settings;
use crate::breaker::{Breaker, State, Verdict};
use crate::metrics::WriterMetrics;
use crate::pause::Pauses;

/// So long after the end of an open period only refetches are let through.
const REFETCHES_FIRST: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    breakers: Mutex<Breakers>,
    standing: watch::Sender<Standing>,
    metrics: WriterMetrics,
}

#[derive(Debug)]
struct Breakers {
    writer: Breaker,
    store: Breaker,
}

impl Breakers {
    /// A failure that opens nothing changes nothing for those who watch.
    const fn standing(&self) -> Standing {
        Standing { writer: shown(self.writer.state()), store: shown(self.store.state()) }
    }
}

/// How the gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    writer: State,
    store: State,
}

impl Standing {
    /// Neither breaker is open or half open.
    pub(crate) fn all_well(self) -> bool {
        [self.writer, self.store].iter().all(|state| matches!(state, State::Closed { .. }))
    }

    /// Nobody passes before then.
    pub(crate) fn open_until(self) -> Option<Instant> {
        [self.writer, self.store].into_iter().filter_map(open_until).max()
    }
}

/// Whose breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Writer,
    Store,
}

impl Gate {
    pub(crate) fn new(settings: &Settings, metrics: WriterMetrics) -> Self {
        let (min, max) = (settings.breaker_open_min, settings.breaker_open_max);
        let open_for = Pauses { min, max, jitter: settings.jitter };
        let breaker = || Breaker::new(settings.breaker_failures, open_for);
        let breakers = Breakers { writer: breaker(), store: breaker() };
        let standing = watch::Sender::new(breakers.standing());
        Self { breakers: Mutex::new(breakers), standing, metrics }
    }

    fn lock(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a refetch may begin, which needs both. Whoever passed gives a verdict on both.
    pub(crate) fn passes(&self) -> bool {
        let now = Instant::now();
        let mut breakers = self.lock();
        let passes = breakers.writer.lets_through(now) && {
            let saves = breakers.store.lets_through(now);
            if !saves {
                breakers.writer.judge(Verdict::Undecided, now);
            }
            saves
        };
        self.publish(&breakers);
        passes
    }

    /// Waits until the writer may be asked something that needs no save. Whoever passed gives a verdict.
    ///
    /// The probe after an outage is left to a refetch that waits, if there is one: otherwise a writer whose sections
    /// are well, but whose changes are not, would never be asked for a section again.
    pub(crate) async fn writer_may_be_asked(&self) {
        let mut standing = self.standing.subscribe();
        loop {
            let waits_until = {
                let mut breakers = self.lock();
                let now = Instant::now();
                let too_soon =
                    open_until(breakers.writer.state()).is_some_and(|until| now < until + REFETCHES_FIRST);
                if !too_soon && breakers.writer.lets_through(now) {
                    self.publish(&breakers);
                    return;
                }
                standing.mark_unchanged();
                open_until(breakers.writer.state()).map(|until| until + REFETCHES_FIRST)
            };
            changed_or(&mut standing, waits_until).await;
        }
    }

    /// Waits while a breaker is open: what would be received now could only lie around.
    pub(crate) async fn not_open(&self) {
        let mut standing = self.standing.subscribe();
        loop {
            let Some(until) = standing.borrow_and_update().open_until() else { return };
            if until <= Instant::now() {
                return;
            }
            changed_or(&mut standing, Some(until)).await;
        }
    }

    /// What an attempt says.
    pub(crate) fn judge(&self, side: Side, verdict: Verdict) {
        let now = Instant::now();
        let mut breakers = self.lock();
        let opens = match side {
            Side::Writer => breakers.writer.judge(verdict, now),
            Side::Store => breakers.store.judge(verdict, now),
        };
        self.publish(&breakers);
        drop(breakers);
        if opens {
            self.metrics.breaker_opened(side);
        }
    }

    /// For those who wait for a change.
    pub(crate) fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    pub(crate) fn open_until(&self) -> Option<Instant> {
        self.standing.borrow().open_until()
    }

    /// Under the lock, so that what is published last is what is.
    fn publish(&self, breakers: &Breakers) {
        let standing = breakers.standing();
        self.standing.send_if_modified(|held| std::mem::replace(held, standing) != standing);
        self.metrics.breaker_is(Side::Writer, breakers.writer.state());
        self.metrics.breaker_is(Side::Store, breakers.store.state());
    }
}

const fn shown(state: State) -> State {
    match state {
        State::Closed { .. } => State::Closed { failures: 0 },
        open => open,
    }
}

const fn open_until(state: State) -> Option<Instant> {
    match state {
        State::Open { until } => Some(until),
        State::Closed { .. } | State::HalfOpen { .. } => None,
    }
}

async fn changed_or(standing: &mut watch::Receiver<Standing>, until: Option<Instant>) {
    match until {
        Some(until) => drop(tokio::time::timeout_at(until, standing.changed()).await),
        None => drop(standing.changed().await),
    }
}

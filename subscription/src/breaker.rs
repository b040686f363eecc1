//! Failures in a row -> nothing is asked for a while -> one probe. The moment is an argument.
//!
//! The first while is short, so that a writer that was only restarted is heard of as soon as it answers; each probe
//! that fails doubles it, so that one that stays away is left alone.

use tokio::time::Instant;

use crate::pause::Pauses;

/// Of whoever is asked: the writer, or the store behind the follower.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    failures_max: u32,
    open_for: Pauses,
    state: State,
    /// How often in a row it opened, none having done well in between.
    opened: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// All may ask.
    Closed {
        /// In a row.
        failures: u32,
    },
    /// Nobody may.
    Open {
        /// Until then.
        until: Instant,
    },
    /// One may.
    HalfOpen {
        /// And does.
        probing: bool,
    },
}

/// What an attempt says about whoever was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does its part.
    Well,
    /// It does not.
    Ill,
    /// Neither: it was not asked after all, or one shop is to blame that was known to be.
    Undecided,
}

impl Breaker {
    pub(crate) fn new(failures_max: u32, open_for: Pauses) -> Self {
        Self { failures_max: failures_max.max(1), open_for, state: State::Closed { failures: 0 }, opened: 0 }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Whether one may ask now. Whoever was let through gives a verdict afterwards: it may have been the probe.
    pub(crate) fn lets_through(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } if now < until => false,
            State::HalfOpen { probing: true } => false,
            State::Open { .. } | State::HalfOpen { probing: false } => {
                self.state = State::HalfOpen { probing: true };
                true
            }
        }
    }

    /// `true` when the breaker opens by it.
    pub(crate) fn judge(&mut self, verdict: Verdict, now: Instant) -> bool {
        let before = self.state;
        self.state = match (before, verdict) {
            (_, Verdict::Well) => {
                self.opened = 0;
                State::Closed { failures: 0 }
            }
            (State::HalfOpen { .. }, Verdict::Undecided) => State::HalfOpen { probing: false },
            (state, Verdict::Undecided) => state,
            (State::Closed { failures }, Verdict::Ill) if failures + 1 < self.failures_max => {
                State::Closed { failures: failures + 1 }
            }
            (State::Closed { .. } | State::HalfOpen { .. }, Verdict::Ill) => {
                self.opened = self.opened.saturating_add(1);
                State::Open { until: now + self.open_for.after(self.opened) }
            }
            // Begun before it opened; says nothing new.
            (State::Open { until }, Verdict::Ill) => State::Open { until },
        };
        matches!(self.state, State::Open { .. }) && !matches!(before, State::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Jitter;

    const MIN: Duration = Duration::from_millis(200);
    const MAX: Duration = Duration::from_secs(1);
    const OPEN_FOR: Pauses = Pauses { min: MIN, max: MAX, jitter: Jitter::None };

    #[tokio::test(start_paused = true)]
    async fn three_failures_in_a_row_open_it_and_one_probe_closes_it() {
        let mut breaker = Breaker::new(3, OPEN_FOR);
        let now = Instant::now();
        for verdict in
            [Verdict::Ill, Verdict::Ill, Verdict::Well, Verdict::Ill, Verdict::Undecided, Verdict::Ill]
        {
            assert!(!breaker.judge(verdict, now), "never three in a row");
            assert!(breaker.lets_through(now));
        }
        assert!(breaker.judge(Verdict::Ill, now));
        assert!(!breaker.lets_through(now + MIN - Duration::from_millis(1)));
        assert!(breaker.lets_through(now + MIN), "the probe");
        assert!(!breaker.lets_through(now + MIN), "only one");
        assert!(breaker.judge(Verdict::Ill, now + MIN), "a failed probe opens it again");
        assert!(!breaker.lets_through(now + 3 * MIN - Duration::from_millis(1)), "for twice as long");
        assert!(breaker.lets_through(now + 3 * MIN));
        assert!(!breaker.judge(Verdict::Undecided, now + 3 * MIN));
        assert!(breaker.lets_through(now + 3 * MIN), "an undecided probe makes room for the next");
        assert!(!breaker.judge(Verdict::Well, now + 3 * MIN));
        assert_eq!(breaker.state(), State::Closed { failures: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_longer_and_longer_until_somebody_does_well() {
        let mut breaker = Breaker::new(1, OPEN_FOR);
        let mut now = Instant::now();
        let mut open_for_ms = |breaker: &mut Breaker| {
            assert!(breaker.lets_through(now), "the probe");
            assert!(breaker.judge(Verdict::Ill, now));
            let State::Open { until } = breaker.state() else { panic!("{:?}", breaker.state()) };
            let open_for = until - now;
            now = until;
            open_for.as_millis()
        };
        let outage: Vec<_> = (0..5).map(|_| open_for_ms(&mut breaker)).collect();
        assert_eq!(outage, [200, 400, 800, 1_000, 1_000], "no longer than the longest");
        breaker.judge(Verdict::Well, Instant::now());
        assert_eq!(open_for_ms(&mut breaker), 200, "the next outage begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_arrive_late_do_not_keep_it_open() {
        let mut breaker = Breaker::new(1, OPEN_FOR);
        let now = Instant::now();
        assert!(breaker.judge(Verdict::Ill, now));
        assert!(!breaker.judge(Verdict::Ill, now + MIN / 2));
        assert!(breaker.lets_through(now + MIN));
    }
}

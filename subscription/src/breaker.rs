//! Failures in a row -> nothing is asked for a while -> one probe. Pure: the moment is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Of whoever is asked: the writer, or the store behind the follower.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    failures_max: u32,
    open_for: Duration,
    state: State,
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
    pub(crate) fn new(failures_max: u32, open_for: Duration) -> Self {
        Self { failures_max: failures_max.max(1), open_for, state: State::Closed { failures: 0 } }
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
        let open = State::Open { until: now + self.open_for };
        let before = self.state;
        self.state = match (before, verdict) {
            (_, Verdict::Well) => State::Closed { failures: 0 },
            (State::HalfOpen { .. }, Verdict::Undecided) => State::HalfOpen { probing: false },
            (state, Verdict::Undecided) => state,
            (State::Closed { failures }, Verdict::Ill) if failures + 1 < self.failures_max => {
                State::Closed { failures: failures + 1 }
            }
            (State::Closed { .. } | State::HalfOpen { .. }, Verdict::Ill) => open,
            // Begun before it opened; says nothing new.
            (State::Open { until }, Verdict::Ill) => State::Open { until },
        };
        matches!(self.state, State::Open { .. }) && !matches!(before, State::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(5);

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
        assert!(!breaker.lets_through(now + OPEN_FOR - Duration::from_millis(1)));
        assert!(breaker.lets_through(now + OPEN_FOR), "the probe");
        assert!(!breaker.lets_through(now + OPEN_FOR), "only one");
        assert!(breaker.judge(Verdict::Ill, now + OPEN_FOR), "a failed probe opens it again");
        assert!(!breaker.lets_through(now + OPEN_FOR));
        assert!(breaker.lets_through(now + 2 * OPEN_FOR));
        assert!(!breaker.judge(Verdict::Undecided, now + 2 * OPEN_FOR));
        assert!(breaker.lets_through(now + 2 * OPEN_FOR), "an undecided probe makes room for the next");
        assert!(!breaker.judge(Verdict::Well, now + 2 * OPEN_FOR));
        assert_eq!(breaker.state(), State::Closed { failures: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_arrive_late_do_not_keep_it_open() {
        let mut breaker = Breaker::new(1, OPEN_FOR);
        let now = Instant::now();
        assert!(breaker.judge(Verdict::Ill, now));
        assert!(!breaker.judge(Verdict::Ill, now + OPEN_FOR / 2));
        assert!(breaker.lets_through(now + OPEN_FOR));
    }
}

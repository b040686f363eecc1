//! Waiting times -> how many requests may wait for the store at once. Pure.

/// However slow the store is, so many may wait.
pub(super) const LIMIT_LEAST: u32 = 64;
/// Decided by at least so many that waited: one late get is no slow store.
const FINISHED_LEAST: u64 = 10;
/// Waiting so many times as long as usual is still fine.
const TOLERANCE: f64 = 2.0;
/// Nobody minds less than this, however quick the store usually is.
const USUAL_LEAST_MICROS: f64 = 1_000.0;
/// How fast "usual" follows: down soon, up only within minutes, so that an outage does not become usual.
const FOLLOWS_DOWN: f64 = 0.2;
const FOLLOWS_UP: f64 = 0.000_1;
/// At most halved in one step.
const FACTOR_LEAST: f64 = 0.5;

/// Of those who ended waiting during a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// How many.
    pub finished: u64,
    /// How long altogether.
    pub micros: u64,
}

/// Decides after each step.
#[derive(Clone, Debug)]
pub struct WaitControl {
    limit: f64,
    most: f64,
    usual_micros: Option<f64>,
    undecided: Waits,
}

impl WaitControl {
    /// Begins with the most.
    #[must_use]
    pub fn new(most: u32) -> Self {
        let most = f64::from(most.max(LIMIT_LEAST));
        Self { limit: most, most, usual_micros: None, undecided: Waits::default() }
    }

    /// How many may wait during the next step.
    #[allow(clippy::cast_precision_loss)] // microseconds of 285 years
    pub fn after(&mut self, waits: Waits) -> u32 {
        self.undecided.finished += waits.finished;
        self.undecided.micros += waits.micros;
        if self.undecided.finished >= FINISHED_LEAST {
            let decided = std::mem::take(&mut self.undecided);
            self.moves(decided.micros as f64 / decided.finished as f64);
        }
        self.limit()
    }

    /// See [`WaitControl::after`].
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between two numbers of 32 bits
    pub fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn moves(&mut self, mean_micros: f64) {
        let before = self.usual_micros.unwrap_or(mean_micros);
        let follows = if mean_micros < before { FOLLOWS_DOWN } else { FOLLOWS_UP };
        let usual = before + (mean_micros - before) * follows;
        self.usual_micros = Some(usual);
        let factor = TOLERANCE * usual.max(USUAL_LEAST_MICROS) / mean_micros.max(1.0);
        self.limit = if factor < 1.0 {
            self.limit * factor.max(FACTOR_LEAST)
        } else {
            // Little above a small limit, fast above a large one.
            self.limit + self.limit.sqrt()
        };
        self.limit = self.limit.clamp(f64::from(LIMIT_LEAST), self.most);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waited(finished: u64, each_micros: u64) -> Waits {
        Waits { finished, micros: finished * each_micros }
    }

    fn steps(control: &mut WaitControl, count: usize, waits: Waits) -> u32 {
        (0..count).map(|_| control.after(waits)).last().unwrap()
    }

    #[test]
    fn a_store_that_becomes_slow_lets_fewer_wait_and_one_that_recovers_all_again() {
        let mut control = WaitControl::new(4_096);
        assert_eq!(steps(&mut control, 10, waited(100, 2_000)), 4_096);
        assert_eq!(steps(&mut control, 10, waited(100, 3_900)), 4_096, "twice the usual time is fine");
        assert_eq!(control.after(waited(100, 150_000)), 2_048);
        assert_eq!(steps(&mut control, 10, waited(100, 150_000)), LIMIT_LEAST);
        // A square root a step.
        assert!(steps(&mut control, 60, waited(100, 2_000)) > 1_000);
        assert_eq!(steps(&mut control, 120, waited(100, 2_000)), 4_096);
    }

    #[test]
    fn an_outage_of_a_minute_does_not_become_usual() {
        let mut control = WaitControl::new(4_096);
        steps(&mut control, 20, waited(100, 500));
        assert_eq!(steps(&mut control, 1_200, waited(100, 150_000)), LIMIT_LEAST);
    }

    #[test]
    fn one_late_get_or_a_store_that_is_quick_anyhow_changes_nothing() {
        let mut control = WaitControl::new(4_096);
        steps(&mut control, 20, waited(100, 100));
        assert_eq!(control.after(waited(1, 150_000)), 4_096);
        assert_eq!(control.after(waited(1_000, 1_500)), 4_096, "from 100 to 1,500 µs");
        assert_eq!(steps(&mut control, 1_000, Waits::default()), 4_096, "nobody waits");
    }

    proptest! {
        #[test]
        fn the_limit_stays_within_its_bounds(
            most in 0_u32..100_000,
            waits in prop::collection::vec((0_u64..10_000, 0_u64..10_000_000), 0..200),
        ) {
            let mut control = WaitControl::new(most);
            for (finished, each_micros) in waits {
                let limit = control.after(waited(finished, each_micros));
                prop_assert!((LIMIT_LEAST..=most.max(LIMIT_LEAST)).contains(&limit));
            }
        }
    }
}

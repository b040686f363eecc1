//! How long to wait before the next try: doubling, bounded, and spread so that many do not try at once.

use std::time::Duration;

/// Where the spread of pauses comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Between half and all of the pause.
    #[default]
    Random,
    /// Always all of it: for tests.
    None,
}

/// A growing pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    pub(crate) jitter: Jitter,
}

impl Pauses {
    /// The pause after so many failures in a row, the first being 1.
    pub(crate) fn after(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.spread(self.min.saturating_mul(1 << doublings).min(self.max))
    }

    /// The longest pause.
    pub(crate) fn longest(&self) -> Duration {
        self.spread(self.max)
    }

    fn spread(&self, pause: Duration) -> Duration {
        match self.jitter {
            Jitter::None => pause,
            Jitter::Random => pause.mul_f64(rand::random_range(0.5..=1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(50);
    const MAX: Duration = Duration::from_secs(5);

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = Pauses { min: MIN, max: MAX, jitter: Jitter::None };
        for (failures, expected_ms) in
            [(0, 50), (1, 50), (2, 100), (3, 200), (7, 3_200), (8, 5_000), (u32::MAX, 5_000)]
        {
            assert_eq!(
                pauses.after(failures),
                Duration::from_millis(expected_ms),
                "after {failures} failures"
            );
        }
        assert_eq!(pauses.longest(), MAX);
    }

    proptest::proptest! {
        #[test]
        fn spread_pauses_stay_between_half_and_all(failures: u32) {
            let all = Pauses { min: MIN, max: MAX, jitter: Jitter::None }.after(failures);
            let spread = Pauses { min: MIN, max: MAX, jitter: Jitter::Random }.after(failures);
            proptest::prop_assert!(all / 2 <= spread && spread <= all, "{spread:?} of {all:?}");
        }
    }
}

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

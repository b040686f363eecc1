//! The injected time: the wall clock in programs, a hand-moved one in tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Tells the time. Cloning shares it. Waiting is tokio's business (paused in tests); this is only the wall clock.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// Stands still until [`Clock::set`].
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at.as_microsecond()))))
    }

    /// Now, to the microsecond on a manual clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Manual(microseconds) => {
                Timestamp::from_microsecond(microseconds.load(Ordering::Relaxed)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Moves a manual clock. Does nothing to the machine's.
    pub fn set(&self, at: Timestamp) {
        if let Source::Manual(microseconds) = &self.0 {
            microseconds.store(at.as_microsecond(), Ordering::Relaxed);
        }
    }
}

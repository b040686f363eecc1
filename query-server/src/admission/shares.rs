//! Delays -> which share of each class is refused. Pure.

use std::time::Duration;

/// All of a class.
pub(super) const ALL: u32 = 1 << 16;
/// A queue above its target is to be caught up within so long.
const CATCH_UP_S: f64 = 0.5;
/// One step takes at most three quarters of what is admitted: a delay that is measured wrong once costs no more.
const FACTOR_LEAST: f64 = 0.25;
/// How much the admitted share grows in a step: by this factor, but never by less than [`GROWTH_LEAST`].
const GROWTH: f64 = 1.08;
const GROWTH_LEAST: f64 = 0.01;
/// Less than this is nothing.
const ADMITTED_LEAST: f64 = 0.005;
/// A queue that shrinks faster than this is not looked at more closely.
const SHRINKING_MOST: f64 = 0.2;

/// What was measured during one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The least of all delays: what stood there all the time.
    pub delay: Duration,
    /// How long the step took.
    pub lasted: Duration,
}

/// Refused shares, of [`ALL`]: 0 is nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Of lists and searches.
    pub browse: u32,
    /// Of the order path. Not 0 only while all of the others are refused.
    pub order: u32,
}

impl Refused {
    /// Both in one word, so that they are read together.
    #[must_use]
    pub(super) const fn to_word(self) -> u64 {
        // Lossless: 32 bits beside 32 bits.
        (self.order as u64) << 32 | self.browse as u64
    }

    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // halves of a word
    pub(super) const fn from_word(word: u64) -> Self {
        Self { browse: word as u32, order: (word >> 32) as u32 }
    }
}

/// Decides after each step. The delay is what a controller of queues for packets (PIE) looks at, too; the step is not
/// a gain that was tuned but what the two numbers say about the load.
#[derive(Clone, Debug)]
pub struct ShareControl {
    browse: Admitted,
    order: Admitted,
    delay_s: f64,
}

impl ShareControl {
    /// Admits everybody. `Duration::ZERO` as target: that class is never refused.
    #[must_use]
    pub const fn new(browse: Duration, order: Duration) -> Self {
        Self { browse: Admitted::all(browse), order: Admitted::all(order), delay_s: 0.0 }
    }

    /// What is refused during the next step.
    pub fn after(&mut self, step: Step) -> Refused {
        let (delay_s, lasted_s) = (step.delay.as_secs_f64(), step.lasted.as_secs_f64());
        // Per second of time: 1 means that twice as much came as was done.
        let growth = if lasted_s > 0.0 { (delay_s - self.delay_s) / lasted_s } else { 0.0 };
        self.delay_s = delay_s;
        self.browse.moves(delay_s, growth);
        if self.browse.share > 0.0 {
            // There still is somebody else to refuse.
            self.order.share = 1.0;
        } else {
            self.order.moves(delay_s, growth);
        }
        Refused { browse: self.browse.refused(), order: self.order.refused() }
    }
}

/// Of one class.
#[derive(Clone, Copy, Debug)]
struct Admitted {
    share: f64,
    target: Duration,
}

impl Admitted {
    const fn all(target: Duration) -> Self {
        Self { share: 1.0, target }
    }

    fn moves(&mut self, delay_s: f64, growth: f64) {
        if self.target.is_zero() {
            return;
        }
        let excess_s = delay_s - self.target.as_secs_f64();
        if excess_s <= 0.0 {
            self.share = (self.share * GROWTH).max(self.share + GROWTH_LEAST).min(1.0);
            return;
        }
        // What can be taken over what came. A queue that goes away fast enough by itself is left alone.
        let factor = (1.0 - excess_s / CATCH_UP_S) / (1.0 + growth).max(SHRINKING_MOST);
        self.share *= factor.clamp(FACTOR_LEAST, 1.0);
        if self.share < ADMITTED_LEAST {
            self.share = 0.0;
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 1, times a whole number of 17 bits
    fn refused(self) -> u32 {
        ((1.0 - self.share) * f64::from(ALL)).round() as u32
    }
}

#[cfg(test)]
mod tests;

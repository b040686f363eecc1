//! When a late get is asked again, over another connection, within a tenth of all gets.
//!
//! Late is what takes longer than almost all others did: their mean and four times what they differ from it, as TCP decides
//! when to send again.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{self, Either};
use tokio::time::Instant;

/// Each get earns one part, each further get of a hedge costs ten.
const PARTS_OF_A_GET: u64 = 10;
/// Two gathers of 50: what a quiet time saves up, and what a start may spend.
const PARTS_MAX: u64 = 100 * PARTS_OF_A_GET;
/// Below this a second question costs more than it wins.
const LATE_AFTER_MIN: Duration = Duration::from_millis(2);
/// Before anything was measured.
const LATE_AFTER_FIRST: Duration = Duration::from_millis(20);

/// Shared by all gets of a reader; locked for some additions, never over an await.
#[derive(Debug)]
pub(crate) struct Hedge(Mutex<Measured>);

#[derive(Debug)]
struct Measured {
    parts: u64,
    mean_micros: Option<u64>,
    deviation_micros: u64,
    late_after_max: Duration,
    hedged_gets: u64,
}

impl Hedge {
    /// `patience` is after how long a get is given up.
    pub(crate) const fn new(patience: Duration) -> Self {
        Self(Mutex::new(Measured {
            parts: PARTS_MAX,
            mean_micros: None,
            deviation_micros: 0,
            late_after_max: patience,
            hedged_gets: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once more when the answer is late and a tenth of all gets allows it; the first good answer counts.
    pub(crate) async fn ask<T, E, F>(
        &self,
        gets: u64,
        first: impl Future<Output = Result<T, E>>,
        again: impl FnOnce() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let (began, late_after) = (Instant::now(), self.begin(gets));
        let mut first = pin!(first);
        if let Ok(answer) = tokio::time::timeout(late_after, &mut first).await {
            self.took(began.elapsed());
            return answer;
        }
        if !self.may_ask_again(gets) {
            let answer = first.await;
            self.took(began.elapsed());
            return answer;
        }
        match future::select(first, pin!(again())).await {
            Either::Left((Ok(answer), _)) | Either::Right((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(_), second)) => second.await,
            Either::Right((Err(_), first)) => first.await,
        }
    }

    /// Some gets begin: when are they late?
    fn begin(&self, gets: u64) -> Duration {
        let mut measured = self.lock();
        measured.parts = (measured.parts + gets).min(PARTS_MAX);
        let late_after = measured.mean_micros.map_or(LATE_AFTER_FIRST, |mean| {
            Duration::from_micros(mean.saturating_add(measured.deviation_micros.saturating_mul(4)))
        });
        late_after.max(LATE_AFTER_MIN).min(measured.late_after_max)
    }

    /// They are late: may they be asked again?
    fn may_ask_again(&self, gets: u64) -> bool {
        let mut measured = self.lock();
        let Some(parts) = measured.parts.checked_sub(gets * PARTS_OF_A_GET) else { return false };
        measured.parts = parts;
        measured.hedged_gets += gets;
        true
    }

    /// They were answered, the first time they were asked.
    fn took(&self, took: Duration) {
        let mut measured = self.lock();
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 8);
        let mean = measured.mean_micros.unwrap_or(took);
        measured.deviation_micros = (measured.deviation_micros * 3 + mean.abs_diff(took)) / 4;
        measured.mean_micros = Some((mean * 7 + took) / 8);
    }

    /// Gets that were asked a second time.
    pub(crate) fn hedged_gets(&self) -> u64 {
        self.lock().hedged_gets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_server_is_never_asked_for_more_than_a_tenth_again() {
        let hedge = Hedge::new(Duration::from_secs(1));
        for _ in 0..10_000 {
            hedge.begin(25);
            hedge.may_ask_again(25);
        }
        let start = PARTS_MAX / PARTS_OF_A_GET;
        let allowed = 25 * 10_000 / 10 + start;
        // What was saved up at the start is full, so that the first gets earn nothing.
        assert!((allowed - 50..=allowed).contains(&hedge.hedged_gets()), "{}", hedge.hedged_gets());
    }

    #[test]
    fn late_is_what_takes_longer_than_the_others_did() {
        let hedge = Hedge::new(Duration::from_secs(1));
        assert_eq!(hedge.begin(1), LATE_AFTER_FIRST);
        for _ in 0..100 {
            hedge.took(Duration::from_millis(10));
        }
        assert!(hedge.begin(1) >= Duration::from_millis(9) && hedge.begin(1) <= Duration::from_millis(12));
        for _ in 0..100 {
            hedge.took(Duration::from_micros(200));
        }
        assert_eq!(hedge.begin(1), LATE_AFTER_MIN);
        for _ in 0..100 {
            hedge.took(Duration::from_secs(9));
        }
        assert_eq!(hedge.begin(1), Duration::from_secs(1), "no later than it is given up");
    }
}

//! Deadlines, and one second try of what is late: at most one question in ten is asked twice.

use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::error::EngineError;

/// What a question adds to the budget, in hundredths of a second try.
const EARNED: i64 = 10;
/// What a second try takes from it.
const SPENT: i64 = 100;
/// Second tries that may be saved up for a bad moment.
const SAVED_MAX: i64 = 10 * SPENT;
/// Late is what takes so many times longer than usual,
const LATE_TIMES: u32 = 3;
/// but at least this.
const LATE_MIN: Duration = Duration::from_millis(5);
/// The usual time is a mean in which the last answer weighs one part in so many.
const MEMORY: u64 = 16;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    saved: AtomicI64,
    /// Microseconds; 0: nothing was answered yet.
    usual_micros: AtomicU64,
    hedges: AtomicU64,
}

impl Patience {
    /// Asks, and asks once more when the first try is late and the budget allows it. Whichever answers first counts; a
    /// try that fails leaves the other one its time. `ask` is told how long it may take.
    pub(crate) async fn ask<T, F>(
        &self,
        most: Duration,
        ask: impl Fn(Duration) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let began = Instant::now();
        self.earn();
        let first = ask(most);
        tokio::pin!(first);
        let on_time = tokio::time::timeout(self.late(most), &mut first).await;
        let answered = match on_time {
            Ok(answered) => answered,
            Err(_) if self.spend() => {
                let second = ask(most.saturating_sub(began.elapsed()));
                tokio::pin!(second);
                tokio::select! {
                    answered = &mut first => match answered {
                        Ok(answered) => Ok(answered),
                        Err(error) => second.await.map_err(|_| error),
                    },
                    answered = &mut second => match answered {
                        Ok(answered) => Ok(answered),
                        Err(_) => first.await,
                    },
                }
            }
            Err(_) => first.await,
        };
        if answered.is_ok() {
            self.note(began.elapsed());
        }
        answered
    }

    /// Second tries since the start.
    pub(crate) fn hedges(&self) -> u64 {
        self.hedges.load(Ordering::Relaxed)
    }

    /// From when on a question is late.
    fn late(&self, most: Duration) -> Duration {
        let usual = self.usual_micros.load(Ordering::Relaxed);
        if usual == 0 {
            return most / 2;
        }
        (Duration::from_micros(usual) * LATE_TIMES).clamp(LATE_MIN.min(most / 2), most / 2)
    }

    fn earn(&self) {
        let saved = self.saved.fetch_add(EARNED, Ordering::Relaxed);
        if saved >= SAVED_MAX {
            self.saved.fetch_sub(EARNED, Ordering::Relaxed);
        }
    }

    fn spend(&self) -> bool {
        let spent = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
            (saved >= SPENT).then_some(saved - SPENT)
        });
        if spent.is_ok() {
            self.hedges.fetch_add(1, Ordering::Relaxed);
        }
        spent.is_ok()
    }

    fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let usual = self.usual_micros.load(Ordering::Relaxed);
        let usual = if usual == 0 { took } else { (usual * (MEMORY - 1) + took) / MEMORY };
        // Of two answers at the same time, one is forgotten.
        self.usual_micros.store(usual.max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    const MOST: Duration = Duration::from_millis(500);

    fn failed() -> EngineError {
        EngineError::Busy { engine: "test".to_owned(), status: 503, reason: "test".to_owned() }
    }

    /// Answers with its number after so many milliseconds; `None`: fails then.
    async fn ask_all(
        patience: &Patience,
        tries: &[(u64, Option<u32>)],
    ) -> (Result<u32, EngineError>, Duration) {
        let number = AtomicUsize::new(0);
        let began = Instant::now();
        let answered = patience.ask(MOST, |_| {
            let (millis, answer) = tries[number.fetch_add(1, Ordering::Relaxed)];
            async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                answer.ok_or_else(failed)
            }
        });
        (answered.await, began.elapsed())
    }

    async fn used_to(millis: u64) -> Patience {
        let patience = Patience::default();
        for _ in 0..20 {
            ask_all(&patience, &[(millis, Some(0))]).await.0.unwrap();
        }
        assert_eq!(patience.hedges(), 0);
        patience
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_asked_once_more_and_the_first_answer_counts() {
        let patience = used_to(4).await;
        let late = Duration::from_millis(12);
        for (tries, answer, took) in [
            ([(300, Some(1)), (4, Some(2))], 2, late + Duration::from_millis(4)),
            ([(20, Some(1)), (60, Some(2))], 1, Duration::from_millis(20)),
        ] {
            let (answered, elapsed) = ask_all(&patience, &tries).await;
            assert_eq!(answered, Ok(answer));
            assert!(elapsed.abs_diff(took) <= Duration::from_millis(2), "{elapsed:?}, expected {took:?}");
        }
        assert_eq!(patience.hedges(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_fails_leaves_the_other_its_time() {
        let patience = used_to(4).await;
        assert_eq!(ask_all(&patience, &[(20, None), (100, Some(2))]).await.0, Ok(2));
        let patience = used_to(4).await;
        assert_eq!(ask_all(&patience, &[(100, Some(1)), (4, None)]).await.0, Ok(1));
        let patience = used_to(4).await;
        assert_eq!(ask_all(&patience, &[(20, None), (100, None)]).await.0, Err(failed()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_always_late_is_not_asked_twice_as_often() {
        let patience = used_to(4).await;
        let (mut asked, before) = (0, patience.hedges());
        for _ in 0..200 {
            asked += 1;
            // Late by what was usual when it began; so the usual is made small again.
            patience.usual_micros.store(4_000, Ordering::Relaxed);
            ask_all(&patience, &[(60, Some(1)), (60, Some(2))]).await.0.unwrap();
        }
        let hedged = patience.hedges() - before;
        assert!((20..=asked / 10 + 3).contains(&hedged), "{hedged} of {asked}");
    }
}

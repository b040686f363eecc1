//! How late this runtime gets to anything: what a connection with a request waits until it is its turn.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

/// What one request takes of a thread, generously: a slow list, in a build that is slow, on a machine that is. Where requests
/// take more (packing a large detail thoroughly), refusing begins that much later.
const REQUEST_MOST: Duration = Duration::from_millis(1);

/// Where delays come from: measured in programs, pretended in tests. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Delays(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    Measured,
    PretendedMillis(Arc<AtomicU64>),
}

impl Delays {
    /// None until [`Delays::pretend`].
    #[must_use]
    pub fn pretended() -> Self {
        Self(Source::PretendedMillis(Arc::default()))
    }

    /// So many milliseconds from now on. Does nothing where delays are measured.
    pub fn pretend(&self, millis: u64) {
        if let Source::PretendedMillis(pretended) = &self.0 {
            pretended.store(millis, Ordering::Relaxed);
        }
    }

    /// Sleeps for the pause, then says how long it stood in the queue.
    pub async fn after(&self, pause: Duration) -> Duration {
        match &self.0 {
            Source::Measured => queueing_delay(pause).await,
            Source::PretendedMillis(pretended) => {
                tokio::time::sleep(pause).await;
                Duration::from_millis(pretended.load(Ordering::Relaxed))
            }
        }
    }

    /// As much of a delay as requests can be the reason for, so many of which were answered meanwhile. The rest is
    /// somebody else's doing (a machine that is busy with other programs, or held back by its host), and refusing
    /// requests would help nobody.
    #[must_use]
    pub(super) fn explained(&self, delay: Duration, answered: u64) -> Duration {
        match &self.0 {
            Source::Measured => {
                delay.min(REQUEST_MOST.saturating_mul(u32::try_from(answered).unwrap_or(u32::MAX)))
            }
            Source::PretendedMillis(_) => delay,
        }
    }
}

/// From the end of the run queue to its head.
///
/// How late the timer fires is not counted: on a machine that is busy with other programs it fires 20 ms late with
/// nobody asking, and refusing helps nobody then. Nor would it tell the queue: the task that a thread woke last runs
/// first (tokio's LIFO slot), and timers are woken after sockets.
async fn queueing_delay(pause: Duration) -> Duration {
    tokio::time::sleep(pause).await;
    let queued = Instant::now();
    through_the_queue().await;
    queued.elapsed()
}

/// To the end of the run queue and through it: a task that wakes itself while it runs is put there.
fn through_the_queue() -> impl Future<Output = ()> {
    let mut is_through = false;
    poll_fn(move |context| {
        if is_through {
            return Poll::Ready(());
        }
        is_through = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_that_no_request_explains_is_not_theirs() {
        let delays = Delays::default();
        let ms = Duration::from_millis;
        for (delay, answered, expected) in [(80, 0, 0), (80, 12, 12), (80, 400, 80), (3, u64::MAX, 3)] {
            assert_eq!(delays.explained(ms(delay), answered), ms(expected), "{delay} ms, {answered} answers");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_where_nothing_else_is_to_be_done() {
        assert_eq!(queueing_delay(Duration::from_millis(5)).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_of_requests_is_seen_by_who_stands_in_it() {
        let pause = Duration::from_millis(5);
        let others = |count: u32| {
            (0..count).for_each(|_| {
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    // Busy for so long: the time stands still otherwise.
                    tokio::time::advance(Duration::from_millis(1)).await;
                });
            });
        };
        others(20);
        let measuring = tokio::spawn(queueing_delay(pause));
        others(20);
        let measured = measuring.await.unwrap();
        assert!(
            measured >= Duration::from_millis(20) && measured <= Duration::from_millis(40),
            "{measured:?}"
        );
    }
}

//! The outbox -> events: woken by commits, in batches, in commit order, for as long as the transport is away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use change_events::{ChangeEvent, EventError, EventPublisher};

use crate::commit::Announcing;
use crate::database::Announcement;
use crate::metrics::Counted;
use crate::reads::{ReadError, Reads};

/// Announcements in one call of the transport.
const BATCH_EVENTS: usize = 500;
/// Waits between attempts grow from here ...
const WAIT_MIN: Duration = Duration::from_millis(100);
/// ... to here.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// After so long without a change the announced rows are deleted by themselves.
const IDLE: Duration = Duration::from_secs(1);
/// Attempts for a queue that fails while others take their events: a lock that somebody holds is gone by then, and the
/// others need not hear everything again for ever. That queue's subscriber hears of it by changed-since.
const ATTEMPTS_FOR_ONE_QUEUE: u32 = 3;
/// An outage is said once, then once in so many attempts.
const SAID_EVERY: u32 = 60;

/// Announces what was committed.
pub(crate) struct Relay<P> {
    pub(crate) publisher: P,
    pub(crate) announcing: Announcing,
    pub(crate) reads: Arc<Reads>,
    pub(crate) counted: Counted,
}

/// What went wrong since the transport last took everything.
#[derive(Default)]
struct Failures {
    attempts: u32,
    /// A queue was given up: its next events get one attempt only, so that the others hear theirs once.
    one_queue_passed_over: bool,
}

impl Failures {
    const fn passes_over_one_queue(&self) -> bool {
        self.one_queue_passed_over || self.attempts + 1 >= ATTEMPTS_FOR_ONE_QUEUE
    }
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Next {
    Batch,
    End,
}

impl<P: EventPublisher> Relay<P> {
    /// Runs until the commits have ended and all was announced that the transport takes.
    pub(crate) async fn run(mut self) {
        let mut failures = Failures::default();
        loop {
            self.announcing.committed.mark_unchanged();
            let next = match self.waiting().await {
                Ok(batch) if batch.is_empty() => self.until_committed().await,
                Ok(batch) => self.announce(batch, &mut failures).await,
                Err(error) => {
                    tracing::error!(%error, "the outbox cannot be read");
                    self.pause(&mut failures).await
                }
            };
            if next == Next::End {
                return;
            }
        }
    }

    fn published(&self) -> u64 {
        self.announcing.published.load(Ordering::Acquire)
    }

    async fn waiting(&self) -> Result<Vec<Announcement>, ReadError> {
        let published = self.published();
        let batch = self.reads.read(move |database| database.outbox(published, BATCH_EVENTS)).await?;
        let newest = *self.announcing.committed.borrow();
        let last = batch.last().map_or(published, |last| last.counter);
        self.counted.outbox_waiting.set(newest.max(last).saturating_sub(published).cast_signed());
        Ok(batch)
    }

    /// Nothing waits: until something does. The first idle second is used to tidy up.
    async fn until_committed(&mut self) -> Next {
        let committed = match tokio::time::timeout(IDLE, self.announcing.committed.changed()).await {
            Ok(committed) => committed,
            Err(_) => {
                self.announcing.tidy();
                self.announcing.committed.changed().await
            }
        };
        // Closed: the outbox was found empty after the last commit.
        if committed.is_ok() { Next::Batch } else { Next::End }
    }

    async fn announce(&mut self, batch: Vec<Announcement>, failures: &mut Failures) -> Next {
        let Some(last) = batch.last().map(|last| last.counter) else { return Next::Batch };
        let events: Vec<ChangeEvent> = batch.into_iter().map(|announcement| announcement.event).collect();
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        match self.publisher.publish(&events).await {
            Ok(()) => {
                if failures.attempts > 0 {
                    tracing::info!(
                        attempts = failures.attempts,
                        "the event transport takes announcements again"
                    );
                }
                *failures = Failures::default();
            }
            Err(EventError::OneQueue { queue, reason }) if failures.passes_over_one_queue() => {
                self.counted.relay_failures.inc();
                if !failures.one_queue_passed_over {
                    tracing::warn!(%queue, %reason, "one subscriber's queue takes nothing; it hears of changes by changed-since");
                }
                *failures = Failures { attempts: 1, one_queue_passed_over: true };
            }
            Err(error) => {
                self.counted.relay_failures.inc();
                if failures.attempts.is_multiple_of(SAID_EVERY) {
                    tracing::warn!(%error, attempts = failures.attempts + 1, "announcements wait in the outbox; changes are taken all the same");
                }
                return self.pause(failures).await;
            }
        }
        self.announcing.published.store(last, Ordering::Release);
        self.counted.published.inc_by(count);
        Next::Batch
    }

    /// Waits longer each time, with jitter. Ends early when no more commits come: the outbox waits for the next start.
    async fn pause(&mut self, failures: &mut Failures) -> Next {
        let wait = WAIT_MIN.saturating_mul(1 << failures.attempts.min(16)).min(WAIT_MAX);
        failures.attempts = failures.attempts.saturating_add(1);
        let wait = tokio::time::sleep(wait.mul_f64(0.5 + rand::random::<f64>() / 2.0));
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => return Next::Batch,
                committed = self.announcing.committed.changed() => {
                    if committed.is_err() {
                        return Next::End;
                    }
                }
            }
        }
    }
}

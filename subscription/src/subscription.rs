//! One writer, followed: the whole road from a delivery to its acknowledgement.

use std::sync::Arc;

use change_events::{EventConsumer, EventError};
use service_runtime::{Clock, Drain};
use writer_api::WriterReads;

use crate::metrics::WriterMetrics;
use crate::requests::Requested;
use crate::{Follower, Requests, Settings, SubscriptionMetrics};

/// The subscription of one writer, ready to run.
#[derive(Debug)]
pub struct Subscription<R, F> {
    reads: Arc<R>,
    follower: Arc<F>,
    settings: Settings,
    clock: Clock,
    metrics: WriterMetrics,
    requests: Requests,
    requested: Requested,
}

impl<R: WriterReads, F: Follower> Subscription<R, F> {
    /// Of the writer that `reads` asks; answers go to `follower`.
    #[must_use]
    pub fn new(
        reads: R,
        follower: Arc<F>,
        settings: Settings,
        clock: Clock,
        metrics: &SubscriptionMetrics,
    ) -> Self {
        let metrics = metrics.of(reads.writer());
        let (requests, requested) = Requests::channel();
        Self { reads: Arc::new(reads), follower, settings, clock, metrics, requests, requested }
    }

    /// What others may ask of it, from now on until it ends.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Follows the writer until the drain has begun, then finishes what is in flight and leaves the rest
    /// unacknowledged. Dropping the future is as good as a crash: nothing is lost.
    ///
    /// `open` opens the writer's queue. While it cannot, it is called again with a growing pause, and changed-since
    /// carries everything.
    pub async fn follow<C, O, Opening>(self, open: O, drain: Drain)
    where
        C: EventConsumer,
        O: Fn() -> Opening + Send + Sync + 'static,
        Opening: Future<Output = Result<C, EventError>> + Send,
    {
        let _ = (open, self.requested);
        drain.begun().await;
    }
}

/// [`Subscription::follow`] for those who never ask for anything.
pub async fn subscribe<C, O, Opening, R, F>(
    open: O,
    reads: R,
    follower: Arc<F>,
    settings: Settings,
    clock: Clock,
    metrics: SubscriptionMetrics,
    drain: Drain,
) where
    C: EventConsumer,
    O: Fn() -> Opening + Send + Sync + 'static,
    Opening: Future<Output = Result<C, EventError>> + Send,
    R: WriterReads,
    F: Follower,
{
    Subscription::new(reads, follower, settings, clock, &metrics).follow(open, drain).await;
}

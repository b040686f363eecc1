//! One writer, followed: the whole road from a delivery to its acknowledgement.

use std::collections::HashMap;
use std::sync::Arc;

use change_events::{EventConsumer, EventError};
use service_runtime::{Clock, Drain};
use shop_id::{Revision, ShopId};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use writer_api::WriterReads;

use crate::acknowledge::{Errand, run_errands};
use crate::changed_since::ChangedSince;
use crate::coalesce::Coalescer;
use crate::following::{Following, Incoming};
use crate::gate::Gate;
use crate::ledger::Heard;
use crate::metrics::WriterMetrics;
use crate::pause::Pauses;
use crate::receive::Receiver;
use crate::remember::Remembered;
use crate::requests::Requested;
use crate::settle::{Held, Settling};
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
        Opening: Future<Output = Result<C, EventError>> + Send + 'static,
    {
        let settings = self.settings.cut();
        let pauses = |max| Pauses { min: settings.retry_wait_min, max, jitter: settings.jitter };
        let (retries, lags) = (pauses(settings.retry_wait_max), pauses(settings.lag_wait_max));
        let writer = self.reads.writer();
        let gate = Arc::new(Gate::new(&settings, self.metrics.clone()));
        let hands = Arc::new(Semaphore::new(settings.deliveries_held_max));
        let heard = Arc::new(Heard::new());
        let (received, deliveries) = mpsc::channel(2);
        let (wanted_by, wanted) = mpsc::channel(1);
        // Each delivery that is held is acknowledged or given back once, and rarely given more time.
        let (errands_by, errands) = mpsc::channel(2 * settings.deliveries_held_max);

        let receiver = Receiver {
            writer,
            settings: settings.clone(),
            metrics: self.metrics.clone(),
            gate: Arc::clone(&gate),
            hands: Arc::clone(&hands),
            pauses: retries,
            drain: drain.clone(),
        };
        let mut queue = AbortOnDropHandle::new(tokio::spawn(at_the_queue(open, receiver, received, errands)));
        let changed_since = ChangedSince {
            reads: Arc::clone(&self.reads),
            follower: Arc::clone(&self.follower),
            settings: settings.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            gate: Arc::clone(&gate),
            pauses: retries,
            heard: Arc::clone(&heard),
            wanted: wanted_by,
            asked: self.requested.resync,
        };
        let mut changed_since = AbortOnDropHandle::new(tokio::spawn(changed_since.run()));
        let mut incoming = Incoming { deliveries, wanted, requests: self.requested.refetch };
        let mut following = Following {
            writer,
            reads: self.reads,
            follower: self.follower,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            gate,
            hands,
            retries,
            lags,
            coalescer: Coalescer::new(settings.refetch_shops_max),
            remembered: Remembered::new(settings.remembered_shops_max),
            settling: Settling { errands: errands_by, heard, clock: self.clock, metrics: self.metrics },
            refetches: JoinSet::new(),
            running: HashMap::new(),
            newest: Revision::ZERO,
            settings,
        };
        tokio::select! {
            () = following.run(&mut incoming, &drain) => {}
            ended = &mut changed_since => go_down_with(ended.err()),
            ended = &mut queue => go_down_with(ended.err()),
        }
        // From here on nothing comes in.
        drop((changed_since, incoming));
        let deadline = Instant::now() + following.settings.drain_grace;
        following.finish(deadline).await;
        // Without a sender the errands end after the last one.
        drop(following);
        if !queue.is_finished() {
            drop(tokio::time::timeout_at(deadline, queue).await);
        }
    }
}

/// Receives and tells the queue what became of deliveries, both until the end.
async fn at_the_queue<C, O, Opening>(
    open: O,
    receiver: Receiver,
    deliveries: mpsc::Sender<Vec<(ShopId, Held)>>,
    errands: mpsc::Receiver<Errand>,
) where
    C: EventConsumer,
    O: Fn() -> Opening,
    Opening: Future<Output = Result<C, EventError>>,
{
    let Some(consumer) = receiver.open(open).await else { return };
    let consumer = Arc::new(consumer);
    let patience = receiver.settings.visibility_timeout;
    let errands = run_errands(Arc::clone(&consumer), errands, patience, receiver.metrics.clone());
    tokio::join!(receiver.receive(&*consumer, deliveries), errands);
}

/// A part that panicked has a mistake in it; without it the others would only look as if they worked.
fn go_down_with(error: Option<JoinError>) {
    if let Some(panicked) = error.and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panicked);
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
    Opening: Future<Output = Result<C, EventError>> + Send + 'static,
    R: WriterReads,
    F: Follower,
{
    Subscription::new(reads, follower, settings, clock, &metrics).follow(open, drain).await;
}

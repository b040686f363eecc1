//! What the queue is told: delete what is settled, give more time, take back.
//!
//! Telling may fail or be cut off at any moment. What was not deleted comes again, and is recognised as covered.

use std::sync::Arc;
use std::time::Duration;

use change_events::{EventConsumer, EventError, Receipt};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::metrics::WriterMetrics;
use crate::settle::{Held, Settled};

/// Receipts of one `acknowledge`.
const ACKNOWLEDGE_MAX: usize = 1_000;
/// Messages that are given more time at once: on a remote queue each one is a request.
const AT_ONCE: usize = 16;

/// One thing to tell the queue.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Delete it.
    Acknowledge(Settled),
    /// Nobody else shall receive it for so long.
    MoreTime(Receipt, Duration),
    /// Whoever receives it after this long may have it.
    GiveBack(Held, Duration),
}

/// Runs errands until nobody can send any more.
pub(crate) async fn run_errands<C: EventConsumer>(
    consumer: Arc<C>,
    mut errands: mpsc::Receiver<Errand>,
    patience: Duration,
    metrics: WriterMetrics,
) {
    let mut batch = Vec::new();
    while errands.recv_many(&mut batch, ACKNOWLEDGE_MAX).await > 0 {
        let (mut settled, mut delayed, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for errand in batch.drain(..) {
            match errand {
                Errand::Acknowledge(of) => settled.push(of),
                Errand::MoreTime(receipt, delay) => delayed.push((receipt, delay)),
                Errand::GiveBack(held, delay) => {
                    delayed.push((held.same_receipt(), delay));
                    // Its place is free once the queue has it back.
                    places.push(held);
                }
            }
        }
        acknowledge(&*consumer, settled, patience, &metrics).await;
        delay_all(&*consumer, delayed, patience).await;
        drop(places);
    }
}

/// The only place that acknowledges, and it takes nothing but [`Settled`].
async fn acknowledge<C: EventConsumer>(
    consumer: &C,
    settled: Vec<Settled>,
    patience: Duration,
    metrics: &WriterMetrics,
) {
    if settled.is_empty() {
        return;
    }
    let count = settled.len() as u64;
    let (receipts, places): (Vec<_>, Vec<_>) = settled.into_iter().map(Settled::into_parts).unzip();
    match bounded(patience, consumer.acknowledge(receipts)).await {
        Ok(()) => drop(metrics.acknowledged.inc_by(count)),
        Err(reason) => {
            metrics.acknowledge_failures.inc_by(count);
            let writer = consumer.writer();
            tracing::warn!(%writer, count, reason, "cannot acknowledge what is saved; it will come again");
        }
    }
    drop(places);
}

async fn delay_all<C: EventConsumer>(consumer: &C, delayed: Vec<(Receipt, Duration)>, patience: Duration) {
    let all = futures_util::stream::iter(delayed).for_each_concurrent(AT_ONCE, |(receipt, delay)| async move {
        if let Err(reason) = bounded(patience, consumer.retry_after(&receipt, delay)).await {
            tracing::debug!(writer = %consumer.writer(), reason, "cannot move a delivery's next appearance");
        }
    });
    all.await;
}

async fn bounded(
    patience: Duration,
    told: impl Future<Output = Result<(), EventError>>,
) -> Result<(), String> {
    match tokio::time::timeout(patience, told).await {
        Ok(told) => told.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the event queue did not answer within {} ms", patience.as_millis())),
    }
}

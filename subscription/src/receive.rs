//! The writer's queue -> deliveries in our hands, no more than they can hold; unusable ones out of the way.

use std::sync::Arc;
use std::time::Duration;

use change_events::{ChangeEvent, Delivery, EventConsumer, EventError, Receipt};
use service_runtime::Drain;
use shop_id::{ShopId, Writer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use crate::Settings;
use crate::gate::Gate;
use crate::metrics::WriterMetrics;
use crate::pause::Pauses;
use crate::settle::Held;

/// One end of the road.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) writer: Writer,
    pub(crate) settings: Settings,
    pub(crate) metrics: WriterMetrics,
    pub(crate) gate: Arc<Gate>,
    /// One permit for each delivery that may be held.
    pub(crate) hands: Arc<Semaphore>,
    pub(crate) pauses: Pauses,
    pub(crate) drain: Drain,
}

impl Receiver {
    /// Opens the queue, however long that takes; `None`: the end has begun.
    pub(crate) async fn open<C, Opening>(&self, open: impl Fn() -> Opening) -> Option<C>
    where
        C: EventConsumer,
        Opening: Future<Output = Result<C, EventError>>,
    {
        for failures in 1.. {
            let opened = tokio::select! {
                () = self.drain.begun() => return None,
                opened = open() => opened,
            };
            match opened {
                Ok(consumer) => return Some(consumer),
                Err(error) => self.wait_out(&error, failures).await,
            }
        }
        None
    }

    /// Receives until the end has begun.
    pub(crate) async fn receive<C: EventConsumer>(
        &self,
        consumer: &C,
        deliveries: mpsc::Sender<Vec<(ShopId, Held)>>,
    ) {
        let mut failures = 0;
        while let Some(mut places) = self.free_places().await {
            let received = tokio::select! {
                () = self.drain.begun() => return,
                received = consumer.receive(places.num_permits()) => received,
            };
            let received = match received {
                Ok(received) => received,
                Err(error) => {
                    failures += 1;
                    self.metrics.receive_failures.inc();
                    self.wait_out(&error, failures).await;
                    continue;
                }
            };
            failures = 0;
            self.metrics.deliveries.inc_by(received.len() as u64);
            let invisible_until = Instant::now() + self.settings.visibility_timeout;
            let (mut held, mut unusable) = (Vec::with_capacity(received.len()), Vec::new());
            for delivery in received {
                match (self.usable(delivery), places.split(1)) {
                    (Ok((event, receipt)), Some(place)) => {
                        held.push((event.subject, Held::new(&event, receipt, invisible_until, place)));
                    }
                    (Err(refused), _) => unusable.push(refused),
                    // More than was asked for: it becomes visible again.
                    (Ok(_), None) => {}
                }
            }
            // The usable ones first: they do not wait for a dead-letter queue.
            if !held.is_empty() && deliveries.send(held).await.is_err() {
                return;
            }
            self.dead_letter(consumer, unusable).await;
        }
    }

    /// Waits until nothing stands open that would make receiving useless, and at least one delivery can be held.
    async fn free_places(&self) -> Option<OwnedSemaphorePermit> {
        let places = async {
            let mut places = Arc::clone(&self.hands).acquire_owned().await.ok()?;
            let more =
                self.settings.receive_messages_max.saturating_sub(1).min(self.hands.available_permits());
            if let Ok(more) = u32::try_from(more)
                && let Ok(more) = Arc::clone(&self.hands).try_acquire_many_owned(more)
            {
                places.merge(more);
            }
            self.gate.not_open().await;
            Some(places)
        };
        tokio::select! {
            () = self.drain.begun() => None,
            places = places => places,
        }
    }

    fn usable(&self, delivery: Delivery) -> Result<(ChangeEvent, Receipt), (Receipt, String)> {
        match delivery.event {
            Ok(event) if event.source == self.writer => Ok((event, delivery.receipt)),
            Ok(event) => {
                let (given, expected) = (event.source, self.writer);
                let reason = format!("attribute `source` is `{given}`, expected `{expected}` in its queue");
                Err((delivery.receipt, reason))
            }
            Err(unusable) => Err((delivery.receipt, unusable.reason)),
        }
    }

    async fn dead_letter<C: EventConsumer>(&self, consumer: &C, unusable: Vec<(Receipt, String)>) {
        for (receipt, reason) in unusable {
            let moved = consumer.dead_letter(receipt, &reason);
            let writer = self.writer;
            match tokio::time::timeout(self.settings.visibility_timeout, moved).await {
                Ok(Ok(())) => {
                    self.metrics.dead_letters.inc();
                    tracing::warn!(%writer, reason, "dead-lettered an unusable message");
                }
                Ok(Err(error)) => {
                    tracing::warn!(%writer, %error, reason, "cannot dead-letter an unusable message; it will come again");
                }
                Err(_) => {
                    tracing::warn!(%writer, reason, "the dead-letter queue does not answer; the message will come again");
                }
            }
        }
    }

    async fn wait_out(&self, error: &EventError, failures: u32) {
        let pause = if error.is_transient() { self.pauses.after(failures) } else { self.pauses.longest() };
        if failures == 1 {
            let writer = self.writer;
            tracing::warn!(%writer, %error, "cannot receive events; changed-since carries the changes meanwhile");
        }
        self.wait(pause).await;
    }

    async fn wait(&self, pause: Duration) {
        tokio::select! {
            () = self.drain.begun() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

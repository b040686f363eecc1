//! A completed save and the delivery it covers -> the right to acknowledge. And everybody else who waits for a save.

use std::sync::Arc;

use change_events::{ChangeEvent, Receipt};
use jiff::Timestamp;
use service_runtime::Clock;
use shop_id::{Revision, ShopId};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use crate::acknowledge::Errand;
use crate::coalesce::Came;
use crate::ledger::Heard;
use crate::metrics::WriterMetrics;
use crate::save::Saved;

/// A usable delivery, received and not acknowledged.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) sequence: Revision,
    pub(crate) time: Timestamp,
    /// Until then nobody else receives it.
    pub(crate) invisible_until: Instant,
    receipt: Receipt,
    /// Its place among the [`crate::Settings::deliveries_held_max`].
    place: OwnedSemaphorePermit,
}

/// Proof that the follower holds what this delivery announced, or something newer: the only thing that can be
/// acknowledged.
#[derive(Debug)]
pub(crate) struct Settled {
    receipt: Receipt,
    place: OwnedSemaphorePermit,
}

impl Held {
    pub(crate) const fn new(
        event: &ChangeEvent,
        receipt: Receipt,
        invisible_until: Instant,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self { sequence: event.sequence, time: event.time, invisible_until, receipt, place }
    }

    /// Names the same handing-out, for those who extend it. Acknowledging needs the delivery itself.
    pub(crate) fn same_receipt(&self) -> Receipt {
        Receipt(self.receipt.0.clone())
    }
}

impl Settled {
    /// Gives the delivery back where the answer that was saved is from before its event: then it waits.
    pub(crate) fn after(saved: Saved, held: Held) -> Result<Self, Held> {
        if saved.covers(held.sequence) {
            Ok(Self { receipt: held.receipt, place: held.place })
        } else {
            Err(held)
        }
    }

    /// The receipt, for `acknowledge`, and the place that is free after it.
    pub(crate) fn into_parts(self) -> (Receipt, OwnedSemaphorePermit) {
        (self.receipt, self.place)
    }
}

/// Who waits for the refetch of a shop.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// A delivery, until a save covers its event.
    Event(Held),
    /// Changed-since, until a save covers this commit.
    Change(Revision),
    /// Somebody who asked for a new refetch, one that covers this commit.
    Request(Revision, Arc<Part>),
}

/// Several shops that were asked for together; the last of them to be settled says so.
#[derive(Debug)]
pub(crate) struct Part(pub(crate) oneshot::Sender<()>);

/// Where whoever waited is told.
#[derive(Debug)]
pub(crate) struct Settling {
    pub(crate) errands: mpsc::Sender<Errand>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) clock: Clock,
    pub(crate) metrics: WriterMetrics,
}

impl Settling {
    /// Keeps whom this save satisfies, gives the others back.
    pub(crate) fn settle(
        &self,
        shop_id: ShopId,
        saved: Saved,
        waiter: Waiter,
        came: Came,
    ) -> Result<(), Waiter> {
        match waiter {
            Waiter::Event(held) => self.settle_event(saved, held).map_err(Waiter::Event),
            Waiter::Change(newest) if saved.covers(newest) => {
                self.heard.settled(shop_id, saved.as_of());
                Ok(())
            }
            // Whoever asks for a refetch mistrusts what was saved before.
            Waiter::Request(at_least, part) if came == Came::Before && saved.covers(at_least) => {
                if let Some(Part(done)) = Arc::into_inner(part) {
                    // Nobody may be waiting any more.
                    let _ = done.send(());
                }
                Ok(())
            }
            unsettled => Err(unsettled),
        }
    }

    pub(crate) fn settle_event(&self, saved: Saved, held: Held) -> Result<(), Held> {
        let time = held.time;
        let settled = Settled::after(saved, held)?;
        let lag = self.clock.now().duration_since(time).as_secs_f64();
        self.metrics.freshness_lag.observe(lag.max(0.0));
        self.run(Errand::Acknowledge(settled));
        Ok(())
    }

    /// The queue of errands has room for everything that can be held. Should it be full all the same, nothing is
    /// lost: the delivery comes again.
    pub(crate) fn run(&self, errand: Errand) {
        drop(self.errands.try_send(errand));
    }
}

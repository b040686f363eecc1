//! What every transport promises; the conformance suite holds each of them to it.

use std::future::Future;
use std::time::Duration;

use shop_id::Writer;

use crate::{ChangeEvent, UnusableEvent};

/// What a writer is given: it can announce, it cannot see who listens.
pub trait EventPublisher: Send + Sync + 'static {
    /// Hands the events to every queue subscribed to their writer. On an error some queues may have them:
    /// publish again, doubles do no harm.
    fn publish(&self, events: &[ChangeEvent]) -> impl Future<Output = Result<(), EventError>> + Send;
}

/// One subscriber's queue of one writer.
pub trait EventConsumer: Send + Sync + 'static {
    /// The writer whose events arrive here.
    fn writer(&self) -> Writer;

    /// Waits until at least one message is there, then hands out up to `messages_max` of them. Each stays
    /// invisible to other receivers for the queue's visibility timeout, then comes back.
    /// Dropping the future loses nothing.
    fn receive(&self, messages_max: usize) -> impl Future<Output = Result<Vec<Delivery>, EventError>> + Send;

    /// Deletes what has been dealt with. A receipt of a message that was handed out again meanwhile deletes nothing.
    fn acknowledge(&self, receipts: Vec<Receipt>) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Makes the message visible again after `delay` (or extends its invisibility, which is the same).
    fn retry_after(
        &self,
        receipt: &Receipt,
        delay: Duration,
    ) -> impl Future<Output = Result<(), EventError>> + Send;

    /// Moves an unusable message out of the way, with the reason, where an operator finds it.
    fn dead_letter(
        &self,
        receipt: Receipt,
        reason: &str,
    ) -> impl Future<Output = Result<(), EventError>> + Send;
}

/// One message handed to one receiver.
#[derive(Debug)]
pub struct Delivery {
    /// The event, or why there is none.
    pub event: Result<ChangeEvent, UnusableEvent>,
    /// What `acknowledge` needs.
    pub receipt: Receipt,
    /// 1 at first; more after a visibility timeout or `retry_after`.
    pub receive_count: u32,
}

/// Names one handing-out of one message. Not `Clone`: it is used up by `acknowledge` and `dead_letter`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A transport that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Transient: try again with a pause.
    #[error("event queue `{queue}` is unavailable: {reason}")]
    Unavailable {
        /// Which queue.
        queue: String,
        /// What the system below said.
        reason: String,
    },
    /// Transient: this queue did not take the events, others did. Publishing again tells those twice.
    #[error("event queue `{queue}` is unavailable, others have the events: {reason}")]
    OneQueue {
        /// Which queue.
        queue: String,
        /// What the system below said.
        reason: String,
    },
    /// Permanent: somebody has to change something first.
    #[error("event queue `{queue}` cannot be used: {reason}")]
    Unusable {
        /// Which queue.
        queue: String,
        /// What was found and what was expected.
        reason: String,
    },
}

impl EventError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::OneQueue { .. })
    }
}

//! The ID-only envelope and the transports that carry it from a writer to whoever cares.
//!
//! In: "shop 7 changed at the ads writer". Out: the same words, at least once, in any order, once per
//! subscriber. It deliberately does not know what changed, who listens, or what a shop looks like: an event
//! without payload can be lost, doubled and reordered without making anything wrong.
#![forbid(unsafe_code)]

pub mod envelope; //    an ID and a revision   -> ChangeEvent
mod transport; //       ChangeEvent            -> Delivery, at least once
pub mod embedded; //    files: one queue per subscriber and writer
#[cfg(feature = "sns-sqs")]
pub mod sns_sqs; //     AWS: a topic per writer, an SQS queue per subscriber and writer
mod address; //         a configured text      -> which of these
mod selected; //        whichever it is
pub mod memory; //      for tests of those who publish or subscribe
pub mod conformance; // what every transport is held to

pub use address::EventsAddress;
pub use envelope::{ChangeEvent, UnusableEvent};
pub use selected::{SelectedConsumer, SelectedPublisher};
pub use transport::{Delivery, EventConsumer, EventError, EventPublisher, Receipt};

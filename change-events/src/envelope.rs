//! CloudEvents 1.0 attributes without data.

use jiff::Timestamp;
use shop_id::{Revision, ShopId, Writer};

/// "This shop changed at this writer": never a field of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeEvent {
    /// Unique within the source.
    pub id: String,
    /// Who committed the change (CloudEvents `source` is `/writers/<name>`).
    pub source: Writer,
    /// What changed (CloudEvents `subject`).
    pub subject: ShopId,
    /// When it was committed. Freshness lag is measured from here, since a redrive resets queue times.
    pub time: Timestamp,
    /// The writer's commit sequence. Gaps are a metric, not a trigger.
    pub sequence: Revision,
}

/// Why a message cannot be an event. Never transient: it belongs into the dead-letter queue with this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct UnusableEvent {
    /// What was given and what was expected.
    pub reason: String,
}

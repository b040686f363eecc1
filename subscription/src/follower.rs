//! What a subscriber implements: the invalidator now; orders, reviews and statistics later.

use std::future::Future;

use jiff::Timestamp;
use shop_id::{Revision, Writer};
use writer_api::SectionAnswer;

/// Live changes go before bulk republishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody changed something just now.
    Live,
    /// A full resync, an audit.
    Bulk,
}

/// Where answers go.
pub trait Follower: Send + Sync + 'static {
    /// Makes these answers of `writer` durable, newer revisions winning. `Ok` is the promise that a crash right
    /// after it loses nothing: only then are events acknowledged and cursors moved.
    fn save(
        &self,
        writer: Writer,
        answers: Vec<SectionAnswer>,
        priority: Priority,
    ) -> impl Future<Output = Result<(), SaveError>> + Send;

    /// The changed-since cursor last stored, `None` before the first full resync was complete.
    fn cursor(&self, writer: Writer) -> impl Future<Output = Result<Option<Revision>, SaveError>> + Send;

    /// Stores the cursor, after the saves that it covers. [`Revision::ZERO`] forgets it: a full resync begins, or the next
    /// start does with one, so `cursor` may answer that or `None`.
    fn save_cursor(
        &self,
        writer: Writer,
        cursor: Revision,
    ) -> impl Future<Output = Result<(), SaveError>> + Send;

    /// The writer answered at this moment: called after every successful changed-since round.
    fn heard_from(&self, writer: Writer, at: Timestamp)
    -> impl Future<Output = Result<(), SaveError>> + Send;
}

/// Why nothing was saved. The event waits; `transient` decides about the pause before the next try.
#[derive(Debug, thiserror::Error)]
#[error("cannot save: {reason}")]
pub struct SaveError {
    /// What the store said.
    pub reason: String,
    /// Whether trying again without help can succeed.
    pub transient: bool,
}

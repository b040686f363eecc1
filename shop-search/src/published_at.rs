//! When somebody last looked after an index: an answer says so once that is too long ago.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::SearchError;

/// Publishings are a second apart at most. When the last one is so long ago, whoever follows the change log has stopped.
const OVERDUE_MICROS: i64 = 5_000_000;
/// Before any instant.
const NEVER: i64 = i64::MIN;

/// See the module. Microseconds since 1970.
#[derive(Debug)]
pub(crate) struct PublishedAt(AtomicI64);

impl PublishedAt {
    pub(crate) const fn never() -> Self {
        Self(AtomicI64::new(NEVER))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_microsecond(), Ordering::Release);
    }

    /// # Errors
    /// [`SearchError::Unavailable`] before the first publishing.
    pub(crate) fn stale_since(&self, now: Timestamp) -> Result<Option<Timestamp>, SearchError> {
        let published_at = self.0.load(Ordering::Acquire);
        if published_at == NEVER {
            let reason = "the first scan of the shops is not finished; try again in a moment".to_owned();
            return Err(SearchError::Unavailable { reason });
        }
        let is_stale = now.as_microsecond().saturating_sub(published_at) > OVERDUE_MICROS;
        Ok(if is_stale { Timestamp::from_microsecond(published_at).ok() } else { None })
    }
}

//! The change log, kept for a day, unless that is more than it may hold.

use std::sync::Arc;
use std::time::Duration;

use document_store::{DocumentWriter, KeptLog, StoreError};
use jiff::SignedDuration;
use service_runtime::{Clock, Drain};

use crate::metrics::InvalidatorMetrics;

/// A follower that was away for longer rebuilds by a scan.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How often entries are dropped. At 1,000 changes a second, so many more than the bound wait for it: 300,000.
pub const INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Between the steps of one trimming, so that saves go on meanwhile.
const STEP_PAUSE: Duration = Duration::from_millis(100);

/// Drops old entries again and again until the drain has begun.
pub async fn run<S: DocumentWriter>(
    store: Arc<S>,
    entries_max: u64,
    clock: Clock,
    metrics: InvalidatorMetrics,
    drain: Drain,
) {
    let trimming = async {
        loop {
            tokio::time::sleep(INTERVAL).await;
            match trim(&*store, entries_max, &clock, &metrics).await {
                Ok(0) => {}
                Ok(entries) => tracing::info!(entries, "trimmed the change log"),
                Err(error) => tracing::warn!(%error, "cannot trim the change log; trying again later"),
            }
        }
    };
    tokio::select! {
        () = drain.begun() => {}
        () = trimming => {}
    }
}

/// Drops all that is older than a day, and the oldest beyond `entries_max`, in steps of the store's own size. How many
/// entries it was.
///
/// # Errors
/// When the store cannot be written.
pub async fn trim(
    store: &impl DocumentWriter,
    entries_max: u64,
    clock: &Clock,
    metrics: &InvalidatorMetrics,
) -> Result<u64, StoreError> {
    let kept = KeptLog { since: clock.now() - KEPT, entries_max };
    let mut trimmed = 0;
    loop {
        let step = store.trim(kept).await?;
        metrics.trimmed.inc_by(step);
        trimmed += step;
        if step == 0 {
            return Ok(trimmed);
        }
        tokio::time::sleep(STEP_PAUSE).await;
    }
}

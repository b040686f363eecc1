//! A store that may have lost saves -> all of each writer, again.
//!
//! A failover or a restart of a store in memory may lose what was acknowledged. Such a store notices, begins a new
//! activation and forgets the changed-since cursors; until a full resync has begun it refuses new ones. Here that is seen,
//! and the resyncs are asked for.

use std::sync::Arc;
use std::time::Duration;

use document_store::{DocumentWriter, StoreError};
use service_runtime::Drain;
use shop_id::Writer;
use subscription::Requests;

use crate::save::Saver;

/// How long a loss can go unnoticed while nothing is saved.
const LOOK: Duration = Duration::from_secs(1);

/// Looks until the drain has begun. A writer that is away holds up its own resync only.
pub async fn watch<S: DocumentWriter>(
    store: Arc<S>,
    saver: Arc<Saver<S>>,
    writer: Writer,
    requests: Requests,
    drain: Drain,
) {
    let watching = async {
        loop {
            tokio::time::sleep(LOOK).await;
            match is_forgotten(&*store, &saver, writer).await {
                Ok(false) => {}
                Ok(true) => {
                    tracing::warn!(%writer, "the store may have lost saves; paging through the writer again");
                    // Nobody waits for the end: the cursor says when it is reached.
                    if requests.full_resync().await.map(drop).is_err() {
                        return;
                    }
                }
                Err(error) => tracing::debug!(%error, "cannot see whether saves were lost; looking again"),
            }
        }
    };
    tokio::select! {
        () = drain.begun() => {}
        () = watching => {}
    }
}

/// No cursor, not even the one with which a resync begins.
async fn is_forgotten<S: DocumentWriter>(
    store: &S,
    saver: &Saver<S>,
    writer: Writer,
) -> Result<bool, StoreError> {
    // This is also what makes the store look at itself.
    saver.see(store.identity().await?);
    let contacts = store.writer_contacts().await?;
    Ok(contacts.iter().any(|contact| contact.writer == writer && contact.cursor.is_none()))
}

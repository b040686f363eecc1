//! A store that may have lost saves -> all of each writer, again.
//!
//! A failover or a restart of a store in memory may lose what was acknowledged. Such a store notices, begins a new
//! activation and forgets the changed-since cursors; until a full resync has begun it refuses new ones. Here that is seen,
//! and the resyncs are asked for.

use std::sync::Arc;
use std::time::Duration;

use document_store::{DocumentWriter, StoreError};
use futures_util::future::join_all;
use service_runtime::Drain;
use shop_id::Writer;
use subscription::Requests;

use crate::save::Saver;

/// How long a loss can go unnoticed while nothing is saved.
const LOOK: Duration = Duration::from_secs(1);

/// Looks until the drain has begun.
pub async fn watch<S: DocumentWriter>(
    store: Arc<S>,
    saver: Arc<Saver<S>>,
    followed: Vec<(Writer, Requests)>,
    drain: Drain,
) {
    let watching = async {
        loop {
            tokio::time::sleep(LOOK).await;
            match forgotten(&*store, &saver).await {
                Ok(forgotten) => ask_again(&followed, &forgotten).await,
                Err(error) if error.is_transient() => {
                    tracing::debug!(%error, "cannot see whether saves were lost; looking again");
                }
                // It does not take a save to find that out.
                Err(error) => drop(saver.refused(&error)),
            }
        }
    };
    tokio::select! {
        () = drain.begun() => {}
        () = watching => {}
    }
}

/// The writers without cursor, not even the one with which a resync begins.
async fn forgotten<S: DocumentWriter>(store: &S, saver: &Saver<S>) -> Result<Vec<Writer>, StoreError> {
    // This is also what makes the store look at itself.
    saver.see(store.identity().await?);
    let contacts = store.writer_contacts().await?;
    let forgotten = contacts.into_iter().filter(|contact| contact.cursor.is_none());
    Ok(forgotten.map(|contact| contact.writer).collect())
}

/// One whose writer is away takes nothing up, and must not hold up the others: it is asked again with the next look.
async fn ask_again(followed: &[(Writer, Requests)], forgotten: &[Writer]) {
    let asking =
        followed.iter().filter(|(writer, _)| forgotten.contains(writer)).map(async |(writer, requests)| {
            // Nobody waits for the end: the cursor says when it is reached.
            if let Ok(Ok(_)) = tokio::time::timeout(LOOK, requests.full_resync()).await {
                tracing::warn!(%writer, "the store may have lost saves; paging through the writer again");
            }
        });
    join_all(asking).await;
}

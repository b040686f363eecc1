//! A directory -> the store, once it can be had.

use std::time::Duration;

use document_store::StoreError;
use document_store::lmdb::{LmdbOptions, LmdbWriter};
use service_runtime::program::Context;

use crate::config::Config;

/// The condition that `/readyz` names.
pub(crate) const CONDITION: &str = "store";
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens or creates the store and becomes its one writing process. A directory that cannot be had yet (a disk that is
/// mounted later, or is full) is waited for, and `/readyz` says why; `None`: the end began meanwhile.
///
/// # Errors
/// What does not get better by waiting: another writing process, something else in the directory.
pub(crate) async fn open(config: &Config, context: &Context) -> Result<Option<LmdbWriter>, StoreError> {
    context.readiness.expect(CONDITION, format!("`{}` is not open yet", config.store.display()));
    let mut said = String::new();
    loop {
        let directory = config.store.clone();
        let options = LmdbOptions { map_bytes: config.store_map_bytes.get(), ..LmdbOptions::default() };
        let error = match tokio::task::spawn_blocking(move || LmdbWriter::open(&directory, options)).await {
            Ok(Ok(store)) => {
                context.readiness.hold(CONDITION);
                return Ok(Some(store));
            }
            Ok(Err(error)) => error,
            Err(error) => {
                let store = config.store.display().to_string();
                StoreError::Unavailable { store, reason: error.to_string() }
            }
        };
        if !error.is_transient() && !matches!(error, StoreError::Full { .. }) {
            return Err(error);
        }
        let reason = error.to_string();
        if reason != said {
            tracing::warn!(%error, "the store cannot be opened yet; trying again every second");
            context.readiness.expect(CONDITION, reason.clone());
            said = reason;
        }
        tokio::select! {
            () = context.drain.begun() => return Ok(None),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

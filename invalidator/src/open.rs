//! What the configuration says -> the store, once it can be had.

use std::time::Duration;

use document_store::lmdb::LmdbOptions;
use document_store::{SelectedWriter, StoreAddress, StoreError};
use service_runtime::program::Context;

use crate::config::Config;

/// The condition that `/readyz` names.
pub(crate) const CONDITION: &str = "store";
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens or creates the store. One that cannot be had yet (a disk that is mounted later, or is full; a server that is
/// started later) is waited for, and `/readyz` says why; `None`: the end began meanwhile.
///
/// # Errors
/// What does not get better by waiting: another writing process, something else in the directory, a wrong password.
pub(crate) async fn open(config: &Config, context: &Context) -> Result<Option<SelectedWriter>, StoreError> {
    let address: StoreAddress =
        config.store.clone().with_password_file(config.store_password_file.as_deref())?;
    context.readiness.expect(CONDITION, format!("`{address}` is not open yet"));
    let mut said = String::new();
    loop {
        let options = LmdbOptions { map_bytes: config.store_map_bytes.get(), ..LmdbOptions::default() };
        let opened = tokio::select! {
            () = context.drain.begun() => return Ok(None),
            opened = SelectedWriter::open(&address, options) => opened,
        };
        let error = match opened {
            Ok(store) => {
                context.readiness.hold(CONDITION);
                return Ok(Some(store));
            }
            Err(error) => error,
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

//! The document store, as a query server sees it.

use std::path::Path;

use document_store::{ChangeLog as _, DocumentReader as _, SelectedReader, StoreAddress, StoreError};
use jiff::Timestamp;
use shop_id::ShopId;

use super::{Found, Illness};

pub(super) async fn ask(address: &StoreAddress, password_file: Option<&Path>) -> Found {
    asked(address, password_file).await.map_err(|error| {
        let fix = fix(&error);
        Illness::new(error, fix)
    })
}

async fn asked(address: &StoreAddress, password_file: Option<&Path>) -> Result<String, StoreError> {
    let address = address.clone().with_password_file(password_file)?;
    let store = SelectedReader::open(&address).await?;
    let identity = store.identity().await?;
    let saves: u64 = store.head().await?.0.iter().map(|head| head.sequence).sum();
    // A get that finds nothing goes the same way as one that finds something.
    if let Some(shop_id) = ShopId::new(1) {
        store.gather(&[shop_id]).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    }
    let now = Timestamp::now();
    let heard = store.writer_contacts().await?.into_iter().map(|contact| {
        let ago = contact.heard_at.map(|at| now.duration_since(at).as_secs());
        ago.map_or(format!("{} never", contact.writer), |ago| format!("{} {ago} s ago", contact.writer))
    });
    let heard: Vec<String> = heard.collect();
    let complete = if identity.complete { "complete" } else { "not complete yet: no full resync has ended" };
    Ok(format!("{saves} saves, activation {}, {complete}; heard: {}", identity.activation, heard.join(", ")))
}

fn fix(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable { .. } => {
            "start it, or correct `store`; an invalidator creates what is not there yet"
        }
        StoreError::TimedOut { .. } => "see what keeps it busy; a frozen or swapping server looks like this",
        StoreError::Corrupt { .. } => "an invalidator's audit fetches the shop again; see its log",
        StoreError::Full { .. } | StoreError::Locked { .. } => "as said",
        StoreError::Trimmed { .. } => "nothing: readers scan the store anew",
        StoreError::Unusable { .. } => "correct `store` or what it leads to, as said",
    }
}

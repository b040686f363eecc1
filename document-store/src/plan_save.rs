//! A projection of what is held -> the document to save and its log entry, the same for every store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use shop_document::ShopDocument;
use shop_id::ShopId;

use crate::{Lookup, Projected, StoreError, log_entry};

/// What one atomic update writes.
#[derive(Debug)]
pub(crate) struct PlannedSave {
    pub(crate) document: Box<ShopDocument>,
    /// The change log entry without its position, as [`log_entry::encode`] makes it.
    pub(crate) entry: Vec<u8>,
}

/// `None`: nothing newer was offered.
///
/// # Errors
/// `Corrupt`, when the projection panicked. It is pure; should it do so all the same, it must not take the others' saves with
/// it. Nor may the event be acknowledged, as it would be if the document were said to be unchanged.
pub(crate) fn plan_save(
    shop_id: ShopId,
    held: &Lookup<ShopDocument>,
    projection: impl FnOnce(&Lookup<ShopDocument>) -> Projected,
) -> Result<Option<PlannedSave>, StoreError> {
    let Ok(projected) = catch_unwind(AssertUnwindSafe(|| projection(held))) else {
        tracing::error!(%shop_id, "the projection of a shop panicked; its document stays as it was");
        return Err(StoreError::Corrupt { shop_id, reason: "its projection panicked".to_owned() });
    };
    let Projected::Save(document) = projected else { return Ok(None) };
    let cells_before: Vec<u64> =
        held.stored().map(|held| held.part.list.cells().collect()).unwrap_or_default();
    let cells_after: Vec<u64> = document.list.cells().collect();
    let entry = log_entry::encode(shop_id, Timestamp::now(), &cells_before, &cells_after);
    Ok(Some(PlannedSave { document, entry }))
}

//! What is held and what was answered -> what is to be held. Pure, so the store may run it again.
//!
//! Section by section the newer `(epoch, counter)` wins, so any order of any answers, doubled or late, ends at each
//! writer's newest section. The shop writer's "gone" is a section like any other: a tombstone until that writer itself
//! says something newer.

use document_store::{Lookup, Projected};
use shop_document::{Held, Sections, ShopDocument};
use shop_id::{Revision, ShopId, Writer};

/// Stands in a document for a section that was lost with unreadable bytes: every answer of its writer is newer. The
/// audit asks for the sections that are marked so.
pub const LOST: Revision = Revision::ZERO;

/// Merges what is offered into what is held.
#[must_use]
pub fn project(shop_id: ShopId, held: &Lookup<ShopDocument>, offered: &Sections) -> Projected {
    let Some(held) = held.stored() else { return merged(shop_id, Sections::default(), offered) };
    let held = &held.part;
    // Told by the revisions alone: most doubles end here.
    let is_newer = |writer: &Writer| offered.revision(*writer) > held.revision(*writer);
    if !Writer::OF_THE_DOCUMENT.iter().any(is_newer) {
        return Projected::Keep;
    }
    merged(shop_id, held.sections(), offered)
}

/// In place of a document whose bytes cannot be read. What the other writers had said is marked as [`LOST`], so that a
/// crash before they are asked again does not make it forgotten.
#[must_use]
pub fn project_over_ruins(shop_id: ShopId, offered: &Sections) -> Projected {
    let mut sections =
        Sections { shop: Held::Nothing(LOST), ads: Held::Nothing(LOST), reviews: Held::Nothing(LOST) };
    sections.merge(offered.clone());
    Projected::Save(Box::new(ShopDocument::assemble(shop_id, &sections)))
}

fn merged(shop_id: ShopId, mut sections: Sections, offered: &Sections) -> Projected {
    if sections.merge(offered.clone()) {
        Projected::Save(Box::new(ShopDocument::assemble(shop_id, &sections)))
    } else {
        Projected::Keep
    }
}

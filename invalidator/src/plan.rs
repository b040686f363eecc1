//! An answer and a look at what is held -> what is left to do in the store's one writing thread: as little as possible.

use document_store::{DocumentReader, Lookup, Position, Projected, StoreError, Stored};
use shop_document::{ListPart, Sections, ShopDocument};
use shop_id::ShopId;
use writer_api::SectionAnswer;

use crate::flatten::{Flattened, LeftOut, flatten, revision_of};
use crate::project::{project, project_over_ruins};

/// One answer on its way.
pub(crate) struct Planned {
    pub(crate) shop_id: ShopId,
    pub(crate) plan: Plan,
    pub(crate) left_out: Vec<LeftOut>,
}

/// What to do.
pub(crate) enum Plan {
    /// Nothing: what is held is as new.
    Keep,
    /// The projection, made already: good if the held document is still the one at this position.
    Replace(Position, Box<ShopDocument>, Sections),
    /// The projection, of whatever is held.
    Project(Sections),
    /// The projection, in place of bytes that cannot be read.
    BeginAnew(Sections),
}

/// What a look at the store says about one shop.
enum Seen {
    /// Nothing visible; perhaps a document that waits for its shop section.
    Nothing,
    /// This.
    Document(Box<Stored<ShopDocument>>),
    /// Bytes that cannot be read.
    Ruins,
}

/// Given what a gather found. An answer that is not newer than a document of which both parts can be read ends here, before it
/// is even flattened.
pub(crate) async fn plan(
    store: &impl DocumentReader,
    answer: SectionAnswer,
    list: Result<Lookup<ListPart>, StoreError>,
) -> Result<Planned, StoreError> {
    let shop_id = answer.shop_id;
    let seen = look(store, shop_id, list).await?;
    if let Seen::Document(held) = &seen
        && held.part.revision(answer.writer) >= Some(revision_of(&answer))
    {
        return Ok(Planned { shop_id, plan: Plan::Keep, left_out: Vec::new() });
    }
    let Flattened { offered, left_out, .. } = flatten(answer);
    let plan = match seen {
        Seen::Nothing => Plan::Project(offered),
        Seen::Ruins => Plan::BeginAnew(offered),
        Seen::Document(held) => {
            let position = held.position;
            match project(shop_id, &Lookup::Found(*held), &offered) {
                Projected::Keep => Plan::Keep,
                Projected::Save(document) => Plan::Replace(position, document, offered),
            }
        }
    };
    Ok(Planned { shop_id, plan, left_out })
}

async fn look(
    store: &impl DocumentReader,
    shop_id: ShopId,
    list: Result<Lookup<ListPart>, StoreError>,
) -> Result<Seen, StoreError> {
    let (list, detail) = match (list, store.detail(shop_id).await) {
        (Err(StoreError::Corrupt { .. }), _) | (_, Err(StoreError::Corrupt { .. })) => {
            return Ok(Seen::Ruins);
        }
        (list, detail) => (list?, detail?),
    };
    Ok(match (list, detail) {
        (Lookup::Unknown, _) => Seen::Nothing,
        // Both parts are saved in one step, so one without the other is half a document.
        (_, Lookup::Unknown) => Seen::Ruins,
        (
            Lookup::Found(list) | Lookup::Tombstone(list),
            Lookup::Found(detail) | Lookup::Tombstone(detail),
        ) => {
            // Two reads, perhaps of two saves.
            if list.position != detail.position {
                return Ok(Seen::Nothing);
            }
            let part = ShopDocument { list: list.part, detail: detail.part };
            Seen::Document(Box::new(Stored { part, position: list.position }))
        }
    })
}

impl Plan {
    /// For the store's update; `None`: there is nothing to do.
    pub(crate) fn projection(
        self,
        shop_id: ShopId,
    ) -> Option<impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static> {
        if matches!(self, Self::Keep) {
            return None;
        }
        Some(move |held: &Lookup<ShopDocument>| match (&self, held) {
            (Self::Keep, _) => Projected::Keep,
            (Self::Replace(position, document, offered), held) => match held.stored() {
                Some(stored) if stored.position == *position => Projected::Save(document.clone()),
                _ => project(shop_id, held, offered),
            },
            (Self::BeginAnew(offered), Lookup::Unknown) => project_over_ruins(shop_id, offered),
            (Self::Project(offered) | Self::BeginAnew(offered), held) => project(shop_id, held, offered),
        })
    }
}

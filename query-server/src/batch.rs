//! The way of a batch request: gather ▸ compose.

use std::sync::Arc;

use crate::searches::Search;
use document_store::DocumentReader;
use shop_id::{RevisionToken, ShopId};

use crate::front::{Answering, Front, Reading};
use crate::gather::{Slot, resident_slots};
use crate::lifetime::Reuse;
use crate::metrics::{add, count};
use crate::packing::packed_quickly;
use crate::page::{About, Draft, OwnWrite, surrogate_key};
use crate::respond::{self, Around, CameFrom, Response};
use crate::validator::Conditions;

impl<S: DocumentReader, Q: Search> Front<S, Q> {
    pub(crate) fn batch(
        self: &Arc<Self>,
        reading: &Arc<Reading<S, Q>>,
        shop_ids: Vec<ShopId>,
        min_revision: Option<RevisionToken>,
        conditions: Conditions,
    ) -> Answering {
        if min_revision.is_none() {
            let resident = reading.near.pin();
            if let Some(slots) = resident_slots(&resident, &shop_ids) {
                add(&self.counters.card_hits, count(slots.len()));
                return Answering::Now(self.batch_of(reading, &shop_ids, &slots, None, &conditions));
            }
        }
        let (front, reading) = (Arc::clone(self), Arc::clone(reading));
        Answering::Later(Box::pin(async move {
            let own_write = front.own_write(&reading, min_revision, &shop_ids).await;
            let gathered = match own_write {
                Some(_) => reading.gathering.cards_now(&shop_ids).await,
                None => reading.gathering.cards(&shop_ids).await,
            };
            let slots: Vec<Slot<'_>> = gathered.iter().map(Slot::of).collect();
            front.batch_of(&reading, &shop_ids, &slots, own_write, &conditions)
        }))
    }

    fn batch_of(
        &self,
        reading: &Reading<S, Q>,
        shop_ids: &[ShopId],
        slots: &[Slot<'_>],
        own_write: Option<OwnWrite>,
        conditions: &Conditions,
    ) -> Response {
        let (now, standing) = (self.clock.now(), reading.lookout.last());
        let draft = Draft::of(About::Batch(own_write), shop_ids, slots, &standing, now);
        self.count_missing(slots);
        let surrogate_key = surrogate_key(None, shop_ids);
        let reuse = match (draft.is_complete(), &surrogate_key) {
            // What is unknown to a store that is still being filled may be there in a moment.
            (false, _) if !standing.is_complete => Reuse::Never,
            (false, _) => Reuse::Short,
            (true, Some(_)) => Reuse::Full,
            (true, None) => Reuse::Private,
        };
        let around = Around {
            tag: Some(draft.tag.clone()),
            cache: self.lifetimes.headers(reuse, draft.until, now),
            surrogate_key,
            came_from: CameFrom::Composed,
            content_location: None,
        };
        if let Some(OwnWrite { is_reached, .. }) = own_write {
            return respond::for_own_write(composed(&draft, conditions, around), is_reached);
        }
        if let Some(held) = conditions.hold(&draft.tag) {
            add(&self.counters.pages_not_modified, 1);
            return respond::not_modified(held, around);
        }
        add(&self.counters.pages_composed, 1);
        composed(&draft, conditions, around)
    }
}

fn composed(draft: &Draft<'_>, conditions: &Conditions, around: Around) -> Response {
    let body = draft.compose();
    let packed = packed_quickly(&body, &draft.tag, &conditions.accepted);
    respond::found(body, packed, around)
}

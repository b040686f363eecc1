//! The way of a detail request: resident ▸ kept or composed; else the store ▸ composed.

use std::sync::Arc;

use crate::searches::Search;
use document_store::{DocumentReader, Lookup, Stored};
use http::StatusCode;
use shop_document::DetailPart;
use shop_id::{RevisionToken, ShopId};

use crate::front::{Answering, Front, Reading};
use crate::gather::{Gathered, Missing, Slot};
use crate::lifetime::Reuse;
use crate::metrics::add;
use crate::packing::{Forms, packed_quickly};
use crate::page::{DetailDraft, OwnWrite, surrogate_key};
use crate::pages::{Kept, Look, Page};
use crate::problem::Problem;
use crate::respond::{self, Around, CameFrom, Response};
use crate::validator::Conditions;

impl<S: DocumentReader, Q: Search> Front<S, Q> {
    pub(crate) fn detail(
        self: &Arc<Self>,
        reading: &Arc<Reading<S, Q>>,
        shop_id: ShopId,
        min_revision: Option<RevisionToken>,
        conditions: Conditions,
    ) -> Answering {
        if min_revision.is_none()
            && let Some(response) = self.detail_at_once(reading, shop_id, &conditions)
        {
            return Answering::Now(response);
        }
        let (front, reading) = (Arc::clone(self), Arc::clone(reading));
        Answering::Later(Box::pin(async move {
            let own_write = front.own_write(&reading, min_revision, &[shop_id]).await;
            let found = match own_write {
                Some(_) => reading.gathering.detail_now(shop_id).await,
                None => reading.gathering.detail(shop_id).await,
            };
            let response = front.detail_of(&reading, shop_id, &found, own_write, &conditions);
            match own_write {
                Some(OwnWrite { is_reached, .. }) => respond::for_own_write(response, is_reached),
                None => response,
            }
        }))
    }

    /// `None`: the store has to be asked.
    fn detail_at_once(
        &self,
        reading: &Reading<S, Q>,
        shop_id: ShopId,
        conditions: &Conditions,
    ) -> Option<Response> {
        let card = reading.near.pin();
        if let Some(Slot::Closed(_)) = card.get(shop_id).map(Slot::of_resident) {
            // The card says it already.
            return Some(self.closed(shop_id));
        }
        let found = reading.gathering.resident_detail(shop_id)?;
        add(&self.counters.card_hits, 1);
        Some(self.detail_of(reading, shop_id, &Ok(found), None, conditions))
    }

    fn detail_of(
        &self,
        reading: &Reading<S, Q>,
        shop_id: ShopId,
        found: &Gathered<DetailPart>,
        own_write: Option<OwnWrite>,
        conditions: &Conditions,
    ) -> Response {
        match found {
            Ok(Lookup::Found(stored)) => self.detail_page(reading, stored, own_write, conditions),
            Ok(Lookup::Tombstone(_)) => self.closed(shop_id),
            Ok(Lookup::Unknown) => self.unknown(shop_id, reading.lookout.last().is_complete),
            Err(missing) => self.unanswered(shop_id, *missing),
        }
    }

    fn detail_page(
        &self,
        reading: &Reading<S, Q>,
        stored: &Stored<DetailPart>,
        own_write: Option<OwnWrite>,
        conditions: &Conditions,
    ) -> Response {
        let (now, standing) = (self.clock.now(), reading.lookout.last());
        let shop_id = stored.part.shop_id();
        // Looked at after the document was got, so it says nothing yet: the second before makes the next request compare.
        let before = now - jiff::SignedDuration::from_secs(1);
        let look = Look::at(before, reading.near.seen(std::iter::once(shop_id)));
        let is_kept = own_write.is_none() && reading.pages.keeps_any();
        let url = is_kept.then(|| format!("/v1/shops/{shop_id}"));
        let pages = reading.pages.pin();
        if let Some(kept) = url.as_deref().and_then(|url| pages.get(url))
            && kept.documents == [(shop_id, stored.position)]
            && kept.holds_at(now, &standing)
        {
            return self.send_kept(kept, kept.page.until, now, conditions, None);
        }
        let draft = DetailDraft::of(stored, &standing, now);
        let surrogate_key = surrogate_key(None, &[shop_id]);
        let around = Around {
            tag: Some(draft.tag.clone()),
            cache: self.lifetimes.headers(Reuse::Full, draft.until, now),
            surrogate_key: surrogate_key.clone(),
            came_from: CameFrom::Composed,
            content_location: None,
        };
        if own_write.is_none()
            && let Some(held) = conditions.hold(&draft.tag)
        {
            add(&self.counters.pages_not_modified, 1);
            return respond::not_modified(held, around);
        }
        add(&self.counters.pages_composed, 1);
        let body = draft.compose(own_write);
        let packed = packed_quickly(&body, &draft.tag, &conditions.accepted);
        if let (Some(url), Some(surrogate_key)) = (url, surrogate_key) {
            let forms = Forms::of(packed.as_ref(), &body);
            let (tag, until) = (draft.tag, draft.until);
            let page = Page { body: body.clone(), tag, forms, surrogate_key, from: now, until };
            let documents = vec![(shop_id, stored.position)];
            let standing = standing.fingerprint;
            reading.pages.keep(&url, Kept { page, standing, documents, look, listed: None });
        }
        respond::found(body, packed, around)
    }

    fn closed(&self, shop_id: ShopId) -> Response {
        let detail = format!("shop {shop_id} has closed for good");
        let problem = Problem::new(StatusCode::GONE, "shop_closed", detail);
        let cache = self.lifetimes.headers(Reuse::Short, None, self.clock.now());
        // Tagged, so that a revival purges it.
        respond::kept_problem(&problem, cache, surrogate_key(None, &[shop_id]))
    }

    fn unknown(&self, shop_id: ShopId, store_is_complete: bool) -> Response {
        if !store_is_complete {
            // Whoever is told that there is no such shop takes it off his list.
            let detail = format!("shop {shop_id} is not known yet; the store is still being filled");
            return respond::problem(&Problem::unavailable("shop_not_known_yet", detail));
        }
        let problem =
            Problem::new(StatusCode::NOT_FOUND, "unknown_shop", format!("there is no shop {shop_id}"));
        let cache = self.lifetimes.headers(Reuse::Short, None, self.clock.now());
        respond::kept_problem(&problem, cache, surrogate_key(None, &[shop_id]))
    }

    fn unanswered(&self, shop_id: ShopId, missing: Missing) -> Response {
        add(&self.counters.shops_missing, 1);
        let why = match missing {
            Missing::Unreadable => {
                add(&self.counters.shops_unreadable, 1);
                "its stored document cannot be read and is being fetched again"
            }
            Missing::Late => "the store did not answer in time",
            Missing::Unavailable | Missing::Unknown | Missing::Closed => "the store is away",
        };
        let code = if missing == Missing::Unreadable { "shop_unreadable" } else { "store_unavailable" };
        respond::problem(&Problem::unavailable(code, format!("shop {shop_id}: {why}")))
    }
}

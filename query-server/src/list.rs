//! The way of a list request: search ▸ gather ▸ kept or composed.

use std::sync::Arc;

use document_store::{DocumentReader, Position};
use jiff::Timestamp;
use shop_id::ShopId;
use shop_search::{ListAnswer, ListQuestion, SearchError, ShopSearch};

use crate::front::{Answering, Front, Reading, at_once};
use crate::gather::{Slot, resident_slots};
use crate::lifetime::Reuse;
use crate::metrics::{add, count};
use crate::overlay::earliest;
use crate::page::{About, Draft, surrogate_key};
use crate::pages::{Kept, Listed, Look, Page};
use crate::problem::{Problem, Refusal};
use crate::respond::{self, Around, CameFrom, Response};
use crate::route;
use crate::validator::Conditions;

/// One list request, with all it needs if it has to wait.
#[derive(Debug)]
pub(crate) struct ListAsked {
    /// Which list.
    pub(crate) question: ListQuestion,
    /// Asked by place, not by cell.
    pub(crate) is_near: bool,
    /// What the client holds.
    pub(crate) conditions: Conditions,
}

impl<S: DocumentReader, Q: ShopSearch> Front<S, Q> {
    pub(crate) fn list(self: &Arc<Self>, reading: &Arc<Reading<S, Q>>, asked: ListAsked) -> Answering {
        if !reading.progress.is_caught_up() {
            let detail = "the lists are being read from the store for the first time";
            return Answering::Now(respond::problem(&Problem::unavailable("starting", detail)));
        }
        let now = self.clock.now();
        if let Some(response) = self.list_at_once(reading, &asked, now) {
            return Answering::Now(response);
        }
        let (front, reading) = (Arc::clone(self), Arc::clone(reading));
        Answering::Later(Box::pin(async move {
            let listed = match reading.search.list(&asked.question, now).await {
                Ok(listed) => listed,
                Err(error) => return respond::problem(&refusal_of(error)),
            };
            let seen = reading.near.seen(listed.shop_ids.iter().copied());
            let gathered = reading.gathering.cards(&listed.shop_ids).await;
            let slots: Vec<Slot<'_>> = gathered.iter().map(Slot::of).collect();
            front.list_of(&reading, &asked, &listed, (&slots, Look::at(now, seen)), now)
        }))
    }

    /// `None`: the search or a card has to be waited for.
    fn list_at_once(&self, reading: &Reading<S, Q>, asked: &ListAsked, now: Timestamp) -> Option<Response> {
        let listed = match at_once(reading.search.list(&asked.question, now))? {
            Ok(listed) => listed,
            Err(error) => return Some(respond::problem(&refusal_of(error))),
        };
        let look = Look::at(now, reading.near.seen(listed.shop_ids.iter().copied()));
        let resident = reading.near.pin();
        let slots = resident_slots(&resident, &listed.shop_ids)?;
        add(&self.counters.card_hits, count(slots.len()));
        Some(self.list_of(reading, asked, &listed, (&slots, look), now))
    }

    /// The page of these slots: kept, held by the client, or composed.
    fn list_of(
        &self,
        reading: &Reading<S, Q>,
        asked: &ListAsked,
        listed: &ListAnswer,
        (slots, look): (&[Slot<'_>], Look),
        now: Timestamp,
    ) -> Response {
        let url = (asked.is_near || reading.pages.keeps_any()).then(|| route::list_url(&asked.question));
        let content_location = url.as_deref().filter(|_| asked.is_near).and_then(|url| url.parse().ok());
        let standing = reading.lookout.last();
        let pages = reading.pages.pin();
        if let Some(kept) = url.as_deref().and_then(|url| pages.get(url))
            && kept.holds_at(now, &standing)
            && kept.is_listed_by(listed)
            && kept.is_made_of(slots)
        {
            return self.send_kept_list(kept, listed, now, &asked.conditions, content_location);
        }
        let about = About::List(&asked.question, listed);
        let draft = Draft::of(about, &listed.shop_ids, slots, &standing, now);
        self.count_missing(slots);
        // A page of at most 25 shops always fits.
        let surrogate_key = surrogate_key(Some(asked.question.cell), &listed.shop_ids);
        let reuse = reuse_of_list(&draft, listed);
        let around = Around {
            tag: Some(draft.tag.clone()),
            cache: self.lifetimes.headers(reuse, earliest(draft.until, listed.changes_at), now),
            surrogate_key: surrogate_key.clone(),
            came_from: CameFrom::Composed,
            content_location,
        };
        if asked.conditions.hold(&draft.tag) {
            add(&self.counters.pages_not_modified, 1);
            return respond::not_modified(around);
        }
        add(&self.counters.pages_composed, 1);
        let body = draft.compose();
        if let (true, Some(url), Some(surrogate_key), Some(documents)) =
            (reading.pages.keeps_any(), url, surrogate_key, complete(&listed.shop_ids, slots))
        {
            let page =
                Page { body: body.clone(), tag: draft.tag, surrogate_key, from: now, until: draft.until };
            let made_from = Listed {
                question: asked.question.clone(),
                next_cursor: listed.next_cursor.clone(),
                stale_since: listed.stale_since,
            };
            let standing = standing.fingerprint;
            reading.pages.keep(&url, Kept { page, standing, documents, look, listed: Some(made_from) });
        }
        respond::found(body, around)
    }

    pub(crate) fn send_kept_list(
        &self,
        kept: &Kept,
        listed: &ListAnswer,
        now: Timestamp,
        conditions: &Conditions,
        content_location: Option<http::HeaderValue>,
    ) -> Response {
        let until = earliest(kept.page.until, listed.changes_at);
        let reuse = if listed.stale_since.is_some() { Reuse::Short } else { Reuse::Full };
        self.send_kept_as(kept, (reuse, until, now), conditions, content_location)
    }
}

/// All positions, if no slot is missing: only a complete page is kept.
fn complete(shop_ids: &[ShopId], slots: &[Slot<'_>]) -> Option<Vec<(ShopId, Position)>> {
    shop_ids.iter().zip(slots).map(|(shop_id, slot)| Some((*shop_id, slot.position()?))).collect()
}

fn reuse_of_list(draft: &Draft<'_>, listed: &ListAnswer) -> Reuse {
    if draft.is_complete() && listed.stale_since.is_none() { Reuse::Full } else { Reuse::Short }
}

fn refusal_of(error: SearchError) -> Refusal {
    let said = error.to_string();
    match error {
        SearchError::Cursor { given } => route::malformed_cursor(&given, said),
        SearchError::Unavailable { .. } => Problem::unavailable("search_unavailable", said),
    }
}

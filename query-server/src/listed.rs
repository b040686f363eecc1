//! What lists and text searches share: search ▸ gather ▸ held by the client, or composed.

use std::future::Future;
use std::sync::Arc;

use document_store::DocumentReader;
use http::HeaderValue;
use jiff::Timestamp;
use shop_search::{ListAnswer, SearchError};

use crate::front::{Answering, Front, Reading, at_once};
use crate::gather::{Slot, resident_slots};
use crate::lifetime::Reuse;
use crate::metrics::{add, count};
use crate::overlay::earliest;
use crate::packing::{Forms, packed_quickly};
use crate::page::{About, Draft, surrogate_key};
use crate::pages::{Look, Page};
use crate::problem::{Problem, Refusal};
use crate::respond::{self, Around, CameFrom, Response};
use crate::route;
use crate::searches::Search;
use crate::standing::Standing;
use crate::validator::Conditions;

/// One request that the search answers with a page of shops, with all it needs if it has to wait.
pub(crate) trait PageAsked: Send + Sync + 'static {
    /// Which shops.
    fn ask<Q: Search>(
        &self,
        search: &Q,
        now: Timestamp,
    ) -> impl Future<Output = Result<ListAnswer, SearchError>> + Send;

    /// The page of these shops.
    fn page<S: DocumentReader, Q: Search>(
        &self,
        front: &Front<S, Q>,
        reading: &Reading<S, Q>,
        found: Found<'_>,
    ) -> Response;
}

/// What a page is made from.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// What the search answered.
    pub(crate) listed: &'a ListAnswer,
    /// Of its shops, one each.
    pub(crate) slots: &'a [Slot<'a>],
    /// Taken before the slots.
    pub(crate) look: Look,
    /// When it was asked.
    pub(crate) now: Timestamp,
}

impl<S: DocumentReader, Q: Search> Front<S, Q> {
    pub(crate) fn listed(self: &Arc<Self>, reading: &Arc<Reading<S, Q>>, asked: impl PageAsked) -> Answering {
        if !reading.progress.is_caught_up() {
            let detail = "the lists are being read from the store for the first time";
            return Answering::Now(respond::problem(&Problem::unavailable("starting", detail)));
        }
        let now = self.clock.now();
        if let Some(response) = self.listed_at_once(reading, &asked, now) {
            return Answering::Now(response);
        }
        let (front, reading) = (Arc::clone(self), Arc::clone(reading));
        Answering::Later(Box::pin(async move {
            let listed = match asked.ask(&*reading.search, now).await {
                Ok(listed) => listed,
                Err(error) => return respond::problem(&refusal_of(error)),
            };
            let look = Look::at(now, reading.near.seen(listed.shop_ids.iter().copied()));
            let gathered = reading.gathering.cards(&listed.shop_ids).await;
            let slots: Vec<Slot<'_>> = gathered.iter().map(Slot::of).collect();
            asked.page(&front, &reading, Found { listed: &listed, slots: &slots, look, now })
        }))
    }

    /// `None`: the search or a card has to be waited for.
    fn listed_at_once(
        &self,
        reading: &Reading<S, Q>,
        asked: &impl PageAsked,
        now: Timestamp,
    ) -> Option<Response> {
        let listed = match at_once(asked.ask(&*reading.search, now))? {
            Ok(listed) => listed,
            Err(error) => return Some(respond::problem(&refusal_of(error))),
        };
        let look = Look::at(now, reading.near.seen(listed.shop_ids.iter().copied()));
        let resident = reading.near.pin();
        let slots = resident_slots(&resident, &listed.shop_ids)?;
        add(&self.counters.card_hits, count(slots.len()));
        Some(asked.page(self, reading, Found { listed: &listed, slots: &slots, look, now }))
    }

    /// The answer, and the page for who wants to keep it; `None`: the client holds it, so it was not composed.
    pub(crate) fn compose(
        &self,
        about: About<'_>,
        found: &Found<'_>,
        standing: &Standing,
        conditions: &Conditions,
        content_location: Option<HeaderValue>,
    ) -> (Response, Option<Page>) {
        let Found { listed, slots, now, .. } = found;
        let draft = Draft::of(about, &listed.shop_ids, slots, standing, *now);
        self.count_missing(slots);
        // A page of at most 25 shops always fits.
        let surrogate_key = surrogate_key(about.cell(), &listed.shop_ids);
        let reuse = if draft.is_complete() { reuse_of(listed) } else { Reuse::Short };
        let around = Around {
            tag: Some(draft.tag.clone()),
            cache: self.lifetimes.headers(reuse, earliest(draft.until, listed.changes_at), *now),
            surrogate_key: surrogate_key.clone(),
            came_from: CameFrom::Composed,
            content_location,
        };
        if let Some(held) = conditions.hold(&draft.tag) {
            add(&self.counters.pages_not_modified, 1);
            return (respond::not_modified(held, around), None);
        }
        add(&self.counters.pages_composed, 1);
        let body = draft.compose();
        let packed = packed_quickly(&body, &draft.tag, &conditions.accepted);
        let page = surrogate_key.map(|surrogate_key| Page {
            forms: Forms::of(packed.as_ref(), &body),
            body: body.clone(),
            tag: draft.tag,
            surrogate_key,
            from: *now,
            until: draft.until,
        });
        (respond::found(body, packed, around), page)
    }
}

/// Of a complete page.
pub(crate) const fn reuse_of(listed: &ListAnswer) -> Reuse {
    if listed.stale_since.is_some() { Reuse::Short } else { Reuse::Full }
}

fn refusal_of(error: SearchError) -> Refusal {
    let said = error.to_string();
    match error {
        SearchError::Cursor { given } => route::malformed_cursor(&given, said),
        SearchError::Unavailable { .. } => Problem::unavailable("search_unavailable", said),
    }
}

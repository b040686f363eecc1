//! The way of a list request: search ▸ gather ▸ kept or composed.

use document_store::{DocumentReader, Position};
use jiff::Timestamp;
use shop_id::ShopId;
use shop_search::{ListAnswer, ListQuestion, SearchError};

use crate::front::{Front, Reading};
use crate::gather::Slot;
use crate::listed::{Found, PageAsked, reuse_of};
use crate::overlay::earliest;
use crate::page::About;
use crate::pages::{Kept, Listed};
use crate::respond::Response;
use crate::route;
use crate::searches::Search;
use crate::validator::Conditions;

/// One list request.
#[derive(Debug)]
pub(crate) struct ListAsked {
    /// Which list.
    pub(crate) question: ListQuestion,
    /// Asked by place, not by cell.
    pub(crate) is_near: bool,
    /// What the client holds.
    pub(crate) conditions: Conditions,
}

impl PageAsked for ListAsked {
    async fn ask<Q: Search>(&self, search: &Q, now: Timestamp) -> Result<ListAnswer, SearchError> {
        search.list(&self.question, now).await
    }

    fn page<S: DocumentReader, Q: Search>(
        &self,
        front: &Front<S, Q>,
        reading: &Reading<S, Q>,
        found: Found<'_>,
    ) -> Response {
        front.list_of(reading, self, found)
    }
}

impl<S: DocumentReader, Q: Search> Front<S, Q> {
    /// The page of these slots: kept, held by the client, or composed.
    fn list_of(&self, reading: &Reading<S, Q>, asked: &ListAsked, found: Found<'_>) -> Response {
        // An empty list costs nothing to compose, and anybody can invent categories.
        let keeps = reading.pages.keeps_any() && !found.listed.shop_ids.is_empty();
        let url = (asked.is_near || keeps).then(|| route::list_url(&asked.question));
        let content_location = url.as_deref().filter(|_| asked.is_near).and_then(|url| url.parse().ok());
        let (standing, listed) = (reading.lookout.last(), found.listed);
        let pages = reading.pages.pin();
        if let Some(kept) = url.as_deref().and_then(|url| pages.get(url))
            && kept.holds_at(found.now, &standing)
            && kept.is_listed_by(listed)
            && kept.is_made_of(found.slots)
        {
            return self.send_kept_list(kept, listed, found.now, &asked.conditions, content_location);
        }
        let about = About::List(&asked.question, listed);
        let (response, page) = self.compose(about, &found, &standing, &asked.conditions, content_location);
        if let (true, Some(url), Some(page), Some(documents)) =
            (keeps, url, page, complete(&listed.shop_ids, found.slots))
        {
            let made_from = Listed {
                question: asked.question.clone(),
                next_cursor: listed.next_cursor.clone(),
                stale_since: listed.stale_since,
            };
            let (standing, look) = (standing.fingerprint, found.look);
            reading.pages.keep(&url, Kept { page, standing, documents, look, listed: Some(made_from) });
        }
        response
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
        self.send_kept_as(kept, (reuse_of(listed), until, now), conditions, content_location)
    }
}

/// All positions, if no slot is missing: only a complete page is kept.
fn complete(shop_ids: &[ShopId], slots: &[Slot<'_>]) -> Option<Vec<(ShopId, Position)>> {
    shop_ids.iter().zip(slots).map(|(shop_id, slot)| Some((*shop_id, slot.position()?))).collect()
}

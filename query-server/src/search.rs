//! The way of a text search: search ▸ gather ▸ composed. Its pages are not kept: what people type is a long tail.

use document_store::DocumentReader;
use jiff::Timestamp;
use shop_search::{ListAnswer, SearchError, TextQuestion};

use crate::front::{Front, Reading};
use crate::listed::{Found, PageAsked};
use crate::page::About;
use crate::respond::Response;
use crate::searches::Search;
use crate::validator::Conditions;

/// One search request.
#[derive(Debug)]
pub(crate) struct SearchAsked {
    /// What was typed, and where.
    pub(crate) question: TextQuestion,
    /// What the client holds.
    pub(crate) conditions: Conditions,
}

impl PageAsked for SearchAsked {
    async fn ask<Q: Search>(&self, search: &Q, now: Timestamp) -> Result<ListAnswer, SearchError> {
        search.search(&self.question, now).await
    }

    fn page<S: DocumentReader, Q: Search>(
        &self,
        front: &Front<S, Q>,
        reading: &Reading<S, Q>,
        found: Found<'_>,
    ) -> Response {
        let standing = reading.lookout.last();
        let about = About::Search(&self.question, found.listed);
        let (response, _) = front.compose(about, &found, &standing, &self.conditions, None);
        response
    }
}

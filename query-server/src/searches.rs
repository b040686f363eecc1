//! Area lists and text search as the one thing that is asked, and the one that follows the change log.

use std::sync::Arc;

use jiff::Timestamp;
use shop_document::ListPart;
use shop_id::ShopId;
use shop_search::{
    AreaLists, AreaListsLimits, ListAnswer, ListQuestion, SearchError, ShopIndexer, ShopSearch, TextIndex,
    TextIndexError, TextLimits, TextQuestion, TextSearch,
};

/// What requests ask.
pub trait Search: ShopSearch + TextSearch {}

impl<Q: ShopSearch + TextSearch> Search for Q {}

/// What follows the change log. [`ShopIndexer::publish`] shows lists alone: words take longer, and at another pace.
pub trait SearchIndexer: ShopIndexer {
    /// Makes the words of all that was folded visible to questions. Called every second and once after the first
    /// scan, outside of the threads of requests.
    ///
    /// # Errors
    /// Where the engine fails; nothing is lost, and the next call tries again.
    fn publish_text(&self, now: Timestamp) -> Result<(), TextIndexError>;
}

/// See the module.
#[derive(Debug)]
pub struct Searches {
    lists: Arc<AreaLists>,
    text: TextIndex,
}

impl Searches {
    /// Empty, and unavailable until both were published.
    ///
    /// # Errors
    /// Where the engine of the text search does not start.
    pub fn new() -> Result<Self, TextIndexError> {
        Self::within(TextLimits::default())
    }

    /// The same, with so much waiting for its words to be indexed.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub fn within(limits: TextLimits) -> Result<Self, TextIndexError> {
        let lists = Arc::new(AreaLists::new(AreaListsLimits::default()));
        Ok(Self { text: TextIndex::new(Arc::clone(&lists), limits)?, lists })
    }
}

impl ShopSearch for Searches {
    async fn list(&self, question: &ListQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        self.lists.list(question, now).await
    }
}

impl TextSearch for Searches {
    async fn search(&self, question: &TextQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        self.text.search(question, now).await
    }
}

impl ShopIndexer for Searches {
    // Lists before words: a shop gets its number from them.
    fn fold(&self, shop_id: ShopId, part: &ListPart) {
        self.lists.fold(shop_id, part);
        self.text.fold(shop_id, part);
    }

    fn remove(&self, shop_id: ShopId) {
        self.lists.remove(shop_id);
        self.text.remove(shop_id);
    }

    fn publish(&self, now: Timestamp) {
        self.lists.publish(now);
    }
}

impl SearchIndexer for Searches {
    fn publish_text(&self, now: Timestamp) -> Result<(), TextIndexError> {
        self.text.try_publish(now)
    }
}

//! What can be asked, and the two handles: who asks cannot fold, who folds cannot ask.

use std::future::Future;
use std::sync::Arc;

use h3o::CellIndex;
use jiff::Timestamp;
use shop_document::ListPart;
use shop_id::ShopId;

use crate::SearchText;

/// Shops on one list page, and so gets in one gather.
pub const PAGE_SHOPS_MAX: usize = 25;

/// The order of a list. Every sort puts open shops first, judged at the instant carried in the cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// Running ads by weight, then rating weighted by count, descending.
    #[default]
    Recommended,
    /// From the cell centre, ascending.
    Distance,
    /// Stars, descending.
    Rating,
    /// The lowest rung, ascending.
    DeliveryFee,
    /// Ascending.
    MinOrder,
}

impl Sort {
    /// All sorts, the default one first.
    pub const ALL: [Self; 5] =
        [Self::Recommended, Self::Distance, Self::Rating, Self::DeliveryFee, Self::MinOrder];

    /// The word in a URL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::Distance => "distance",
            Self::Rating => "rating",
            Self::DeliveryFee => "delivery_fee",
            Self::MinOrder => "min_order",
        }
    }

    /// The sort of a word in a URL.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}

/// One page of one list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListQuestion {
    /// H3, resolution 8: the resolution of the cells in the list parts. Any other cell has an empty list.
    pub cell: CellIndex,
    /// One of the shops' words; `None`: all shops.
    pub category: Option<Arc<str>>,
    /// See [`Sort`].
    pub sort: Sort,
    /// As it stood in the URL; [`ShopSearch::list`] refuses what is no cursor of this list. `None`: the first page.
    pub cursor: Option<Arc<str>>,
}

/// One page of what was found near a cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TextQuestion {
    /// What somebody typed.
    pub text: SearchText,
    /// Delivered to; H3, resolution 8, as in [`ListQuestion::cell`].
    pub cell: CellIndex,
    /// One of the shops' words; `None`: all shops.
    pub category: Option<Arc<str>>,
    /// `None`: what matches best first. Open shops stand first in any case.
    pub sort: Option<Sort>,
    /// As in [`ListQuestion::cursor`].
    pub cursor: Option<Arc<str>>,
}

/// IDs only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAnswer {
    /// At most [`PAGE_SHOPS_MAX`], in order.
    pub shop_ids: Vec<ShopId>,
    /// For the next page; `None` on the last one.
    pub next_cursor: Option<Arc<str>>,
    /// The next moment at which the clock alone changes content or order of any shop of this list: lifetimes are
    /// clamped to it. `None`: never.
    pub changes_at: Option<Timestamp>,
    /// Set when this is the last good list instead of a current one: since when.
    pub stale_since: Option<Timestamp>,
    /// Names the order of the whole list. Equal questions with equal generations stand for equal answers up to
    /// `changes_at`; a change that moved no shop keeps it. Known to this process only: it has no place in an `ETag`.
    pub generation: u64,
}

/// A question that has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// Permanent: the client's mistake.
    #[error("`{given}` is not a cursor of this list; take `next_cursor` of the page before, or leave it out")]
    Cursor {
        /// What stood there.
        given: String,
    },
    /// Transient: the index is still being folded, or is down without a last good list.
    #[error("shop search is unavailable: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// What the query server asks.
pub trait ShopSearch: Send + Sync + 'static {
    /// One page. `now` is the request's instant.
    fn list(
        &self,
        question: &ListQuestion,
        now: Timestamp,
    ) -> impl Future<Output = Result<ListAnswer, SearchError>> + Send;
}

/// What the query server asks when somebody typed something.
pub trait TextSearch: Send + Sync + 'static {
    /// One page. `now` is the request's instant. The answer says the same things as one of [`ShopSearch::list`].
    fn search(
        &self,
        question: &TextQuestion,
        now: Timestamp,
    ) -> impl Future<Output = Result<ListAnswer, SearchError>> + Send;
}

/// What follows the change log.
pub trait ShopIndexer: Send + Sync + 'static {
    /// The newest list part of a shop, tombstones and invisible ones included (they leave all lists).
    fn fold(&self, shop_id: ShopId, part: &ListPart);

    /// A shop that is not in the store any more: it leaves all lists.
    fn remove(&self, shop_id: ShopId);

    /// Makes all that was folded visible to questions. Called every 200 ms and once after the first scan.
    fn publish(&self, now: Timestamp);
}

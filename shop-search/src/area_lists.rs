//! The embedded index: area lists folded from list parts, read without a lock.

use jiff::Timestamp;
use shop_document::ListPart;
use shop_id::ShopId;

use crate::{ListAnswer, ListQuestion, SearchError, ShopIndexer, ShopSearch};

/// How much may be kept ready.
#[derive(Clone, Copy, Debug)]
pub struct AreaListsLimits {
    /// Sorted lists, ready to be cut into pages.
    pub list_bytes_max: u64,
}

impl Default for AreaListsLimits {
    fn default() -> Self {
        Self { list_bytes_max: 256 << 20 }
    }
}

/// Values for metrics, as of the last publishing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Shops in at least one list.
    pub shops: u64,
    /// Cells with at least one shop.
    pub cells: u64,
    /// Shops summed over cells.
    pub memberships: u64,
    /// An estimate of what shops, cells and memberships hold.
    pub index_bytes: u64,
    /// Lists that are sorted and kept.
    pub lists: u64,
    /// What they hold.
    pub list_bytes: u64,
    /// List parts folded since the start.
    pub folds: u64,
    /// Publishings since the start that changed something.
    pub publishes: u64,
    /// Lists sorted from scratch since the start.
    pub sorts: u64,
    /// Lists in which only changed shops were moved since the start.
    pub moves: u64,
}

/// See the module.
#[derive(Debug)]
pub struct AreaLists {
    limits: AreaListsLimits,
}

impl AreaLists {
    /// Empty, and unavailable until the first publishing.
    #[must_use]
    pub fn new(limits: AreaListsLimits) -> Self {
        Self { limits }
    }

    /// For metrics.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures { list_bytes: self.limits.list_bytes_max, ..Figures::default() }
    }
}

impl ShopIndexer for AreaLists {
    fn fold(&self, _shop_id: ShopId, _part: &ListPart) {}

    fn remove(&self, _shop_id: ShopId) {}

    fn publish(&self, _now: Timestamp) {}
}

impl ShopSearch for AreaLists {
    async fn list(&self, _question: &ListQuestion, _now: Timestamp) -> Result<ListAnswer, SearchError> {
        Err(SearchError::Unavailable { reason: "nothing was published yet".to_owned() })
    }
}

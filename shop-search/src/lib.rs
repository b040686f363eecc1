//! Which shops: answered as IDs only.
//!
//! In: a cell, a category, a sort, a cursor. Out: up to 25 shop IDs and the cursor of what follows. It
//! deliberately does not know how a document is stored, what a card looks like, or HTTP.
#![forbid(unsafe_code)]

mod area_lists; // list parts                -> lists, read without a lock
mod distance; //   a cell and a kitchen      -> metres
mod question; //   what can be asked         -> ListQuestion, Sort, ListAnswer

pub use area_lists::{AreaLists, AreaListsLimits, Figures};
pub use distance::CellCentre;
pub use question::{ListAnswer, ListQuestion, PAGE_SHOPS_MAX, SearchError, ShopIndexer, ShopSearch, Sort};

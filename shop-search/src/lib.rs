//! Which shops: answered as IDs only.
#![forbid(unsafe_code)]

mod question; //    what can be asked                  -> ListQuestion, Sort, ListAnswer
mod distance; //    a cell and a kitchen               -> metres
mod shop; //        a list part                        -> the facts that decide where a shop stands; judged at an instant
mod numbers; //     a shop's cells                     -> few bytes
mod folding; //     facts                              -> the next index
mod shelves; //     an array whose copies share what did not change
mod index; //       what one publishing made visible   -> shops of a cell
mod rank; //        a judged shop, a sort              -> one number
mod ordered; //     shops of a cell, an instant        -> one list in order
mod ready_lists; // lists that were asked for          -> read without a lock
mod cursor; //      the last shop of a page            -> text in a URL, and back
mod area_lists; //  all of it behind the two handles

pub use area_lists::{AreaLists, AreaListsLimits, Figures};
pub use distance::CellCentre;
pub use question::{ListAnswer, ListQuestion, PAGE_SHOPS_MAX, SearchError, ShopIndexer, ShopSearch, Sort};

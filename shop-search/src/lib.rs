//! Which shops: answered as IDs only.
//!
//! In: list parts as they change; a cell, a category, a sort, a cursor. Out: up to 25 shop IDs, the cursor of what
//! follows, and until when the clock leaves them alone. It deliberately does not know how a document is stored, what
//! a card looks like, or HTTP; nor does it look at a clock: every instant is an argument.
//!
//! # Order
//!
//! Open shops first, then the sort, then the ID, so that every shop has a place of its own. Recommended is running ads
//! by weight, then the mean of all stars and of twenty more reviews of 3.5 stars. A cursor names a place, not a page
//! number: shops that did not move are neither skipped nor repeated whatever the others do. It also carries the
//! moment at which shops are judged open, so that a list does not turn over under somebody's thumb at 5 pm. After an
//! hour it goes on behind the same place of today's order; one from more than a minute ahead, of another list, or of
//! nobody's making is refused.
//!
//! # Reading and folding
//!
//! Folding changes an index that shares all unchanged parts with the published one; publishing swaps one pointer, so
//! an answer is always of one publishing as a whole. Lists are sorted when they are asked for. A ready one holds until
//! its cell changes or the clock moves one of its shops, whichever comes first, and is never shown longer. Then the
//! first request moves those shops alone, and the others wait for it without holding a thread. Reading a ready list
//! takes no lock, and no reader ever waits for folding. All of it is made of `arc-swap`, `papaya` and a `tokio`
//! mutex per list; there is nothing of our own for `loom` to check.
//!
//! A publishing that stays away for five seconds is said in every answer: [`ListAnswer::stale_since`].
//!
//! # Which structure grows how
//!
//! | structure | grows with | bytes |
//! |---|---|---|
//! | shops | shops in lists | 290 each with 37 cells, of which the cells take 60 |
//! | cells | cells that ever had a shop | 400 each |
//! | members | memberships | 4 each, at most an eighth more of room |
//! | moves of a cell | the last 32 changed shops of it | counted with the cell |
//! | shop numbers | shops that ever were in a list | 40 each, for good |
//! | categories, time zones | distinct words | their length |
//! | notes | changes since the last publishing | 8 each, taken early above 2 million |
//! | ready lists | what is asked for | 28 per shop in each, [`AreaListsLimits::list_bytes_max`] in all, dropped when unread for 30 to 60 s |
//! | an earlier index | readers that still sort from it | what changed since, for the time of one sorting |
//!
//! With 37 cells a shop that is 525 bytes a shop by these sizes and 680 of resident memory with what the allocator keeps.
//!
//! # What it costs
//!
//! CPU time on two shared and busy cores, from `examples/area_lists_cost.rs`: 100,000 shops in 12,492 cells, 37 cells a
//! shop, 500 lists of 1,228 to 10,717 shops.
//!
//! | step | cost |
//! |---|---|
//! | a page of a ready list | 0.3 to 0.7 µs |
//! | folding 100,000 shops and publishing them | 0.4 to 0.5 s |
//! | folding a change that moves nothing (a name, a menu) | 2 µs, and no list notices |
//! | folding and publishing 200 moved shops, 7,400 memberships | 8 ms, five times a second at 1,000 such changes a second |
//! | renewing a list after it | 35 µs, once per publishing and list that is asked for |
//! | renewing a list at 5 pm, when a part of its shops opens | 0.2 ms, once |
//! | sorting a list from scratch | 0.8 to 1.9 ms, when nobody asked for it in the last minute |
#![forbid(unsafe_code)]

mod question; //    what can be asked                  -> ListQuestion, Sort, ListAnswer
mod search_text; // what somebody typed            -> its one spelling
mod distance; //    a cell and a kitchen               -> metres
mod shop; //        a list part                        -> the facts that decide where a shop stands; judged at an instant
mod numbers; //     a shop's cells                     -> few bytes
mod folding; //     facts                              -> the next index
mod shelves; //     an array whose copies share what did not change
mod index; //       what one publishing made visible   -> shops of a cell
mod rank; //        a judged shop, a sort              -> one number
mod ordered; //     shops of a cell, an instant        -> one list in order
mod ready_lists; // lists that were asked for          -> read without a lock
mod published_at; // when somebody last looked after an index
mod cursor; //      the last shop of a page            -> text in a URL, and back
mod asked; //       a cursor, a clock, an order         -> one page
mod area_lists; //  all of it behind the two handles
mod text; //        what somebody typed                 -> IDs, by the words on shops' cards

pub use area_lists::{AreaLists, AreaListsLimits, Figures};
pub use distance::CellCentre;
pub use question::{
    ListAnswer, ListQuestion, PAGE_SHOPS_MAX, SearchError, ShopIndexer, ShopSearch, Sort, TextQuestion,
    TextSearch,
};
pub use search_text::{QUERY_CHARS_MAX, SearchText, SearchTextError, normalise};
pub use text::{TextFigures, TextIndex, TextIndexError, TextLimits};

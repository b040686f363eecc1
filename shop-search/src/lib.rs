//! Which shops: answered as IDs only.
//!
//! In: list parts as they change; a cell, a category, a sort, a cursor, or what somebody typed. Out: up to 25 shop IDs,
//! the cursor of what follows, and until when the clock leaves them alone. It deliberately does not know how a document
//! is stored, what a card looks like (but for the names on it), or HTTP; nor does it look at a clock: every instant is
//! an argument.
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
//! # Text
//!
//! What somebody typed ([`SearchText`]) has one spelling and falls into words, words into pairs of neighbouring
//! characters: `치킨` is found in `원조치킨집`, `cafe` in `Café`, and `chickn` finds chicken. Searched are the name, the
//! categories and the names of the menu previews; a single letter stands for the beginning of a word, a single syllable
//! or emoji for itself. Of every word three pairs in five have to match. Open shops come first as everywhere, then those
//! with more of the pairs, then the better rated (weighted as in recommended, without ads), then the ID; or any of the
//! five sorts. Cursors are the ones of lists.
//!
//! [`TextIndex`] stands beside [`AreaLists`] and knows words and cells only. Who is open, how good and how near is asked
//! of the lists: kept once, as fresh as there, and a shop that a cell's list has lost is found in that cell no more,
//! even before the text index knows. A shop is indexed again only when its words or cells are other ones. The engine is
//! `tantivy` in memory, of which pairs and cells are plain numbers: no tokeniser, no scores, nothing stored. Segments are
//! opened once per publishing and read without a lock.
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
//! | words | shops in lists | 92 each in segments, and 8 to tell whether they changed; some 160 resident |
//! | changed words | shops changed since the last publishing | 40 each and the list part, mostly shared with the near cache; [`TextLimits::waiting_bytes_max`] |
//! | the engine at work | a publishing that changes words | some 30 MB while it lasts |
//! | an earlier index | readers that still sort from it | what changed since, for the time of one sorting |
//!
//! With 37 cells a shop the lists take 525 bytes a shop by these sizes and 680 of resident memory with what the
//! allocator keeps.
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
//!
//! The same shops with names and menus of two languages, from `examples/text_search_cost.rs`. Some 12,000 cells of 100,000
//! shops have 196 shops each, the 500 fullest 2,707; most of a question's time is judging what was found.
//!
//! | step | cost |
//! |---|---|
//! | a text question in a cell of 196 shops | 14 to 36 µs in few segments, 19 to 49 µs after 20 publishings |
//! | in a cell of 2,707 shops | 0.06 to 0.2 ms |
//! | a single letter that nearly all of them have | 0.3 to 0.45 ms |
//! | a hundred letters of common pairs, found nowhere | 0.5 to 0.7 ms |
//! | folding a shop | 0.3 µs |
//! | the first publishing of 100,000 shops | 0.65 s, and 1 s of the engine's threads beside |
//! | publishing 1,000 shops with other stars, hours, prices | 4 ms |
//! | publishing 1,000 shops with other words or cells | 8 ms, and 15 ms beside, merging included |
//! | building the engine | some 100 s in a clean release build, of 59 crates that nothing else needs |
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
mod place; //       a word of the configuration         -> embedded, or a search engine
#[cfg(feature = "elasticsearch")]
pub mod elasticsearch; // the same questions, put to a search engine

pub use area_lists::{AreaLists, AreaListsLimits, Figures};
pub use distance::CellCentre;
pub use place::{EngineAddress, SearchAccess, SearchPlace};
pub use question::{
    ListAnswer, ListQuestion, PAGE_SHOPS_MAX, SearchError, ShopIndexer, ShopSearch, Sort, TextQuestion,
    TextSearch,
};
pub use search_text::{QUERY_CHARS_MAX, SearchText, SearchTextError, normalise};
pub use text::{TextFigures, TextIndex, TextIndexError, TextLimits};

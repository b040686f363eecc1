//! What every index is held to, lists and text search alike, with an oracle that sorts everything from scratch for each question; and what the
//! embedded one promises beside.
#![allow(clippy::unwrap_used)]

mod shops; //       shops that a test can describe in one line
mod oracle; //      the slow way to a list
#[macro_use]
mod conformance; // the suite over the two traits
mod any; //         shops and questions by chance
mod laws; //        the same by chance: any shops, any changes, any moments
mod embedded; //    what is kept, shared, dropped, counted
mod together; //    readers beside a writer
mod typed; //       shops found by words: both indexes fed alike, and the slow way to an answer
mod text; //        what words find, in which order, when
mod text_laws; //   the same by chance

mod conforming {
    use shop_search::{AreaLists, AreaListsLimits};

    macro_rules! embedded {
        ($($promise:ident)*) => {
            $(#[test]
            fn $promise() {
                crate::conformance::$promise(&AreaLists::new(AreaListsLimits::default()));
            })*
        };
    }

    each_promise_of_lists!(embedded);
}

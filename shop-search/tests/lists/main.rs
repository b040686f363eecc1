//! What every index is held to, with an oracle that sorts everything from scratch for each question; and what the
//! embedded one promises beside.
#![allow(clippy::unwrap_used)]

mod shops; //       shops that a test can describe in one line
mod oracle; //      the slow way to a list
mod conformance; // the suite over the two traits
mod laws; //        the same by chance: any shops, any changes, any moments
mod embedded; //    what is kept, shared, dropped, counted
mod together; //    readers beside a writer

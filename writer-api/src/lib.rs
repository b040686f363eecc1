//! The contract that every writer serves, and the client that speaks it.
//!
//! In: a shop ID, a cursor. Out: a writer's newest section, or why there is none, always with `as_of_sequence`.
//! It deliberately does not know who asks, what is done with the answer, or how a writer stores anything.
//! `CONTRACT.md` is what a team needs that puts its own service in the place of a reference writer.
#![forbid(unsafe_code)]

pub mod answer; //  the four reads          -> SectionAnswer, ChangesAnswer, ...
pub mod change; //  many changes at once    -> BulkShop, BulkSection, BulkOutcome
mod client; //      the four reads, asked over HTTP
mod error; //       why a writer gave no answer
pub mod facts; //   what each writer owns   -> ShopFacts, AdFacts, ReviewFacts
pub mod check; //   facts                   -> everything that is wrong in them
pub mod shape; //   bytes of JSON           -> their type, or the member that is wrong, in plain words
mod parse; //       bytes of an answer      -> the answer, or the path of what is wrong in it
mod reads; //       the four reads as a trait
pub mod conformance; // any base URL    -> which promises it keeps

#[cfg(test)]
mod contract; //    CONTRACT.md             -> read, example by example

pub use answer::{Change, ChangesAnswer, PageAnswer, SectionAnswer, SectionState, SectionsAnswer};
pub use change::{BulkOutcome, BulkSection, BulkShop, ChangeAnswer, Outcome, Source};
pub use client::{ANSWER_BYTES_MAX, WriterClient};
pub use error::{Asked, RefetchError};
pub use facts::{AdFacts, Facts, ReviewFacts, ShopFacts};
pub use reads::WriterReads;

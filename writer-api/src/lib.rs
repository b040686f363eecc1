//! The contract that every writer serves, and the client that speaks it.
//!
//! In: a shop ID, a cursor. Out: a writer's newest section, or why there is none, always with `as_of_sequence`.
//! It deliberately does not know who asks, what is done with the answer, or how a writer stores anything.
#![forbid(unsafe_code)]

pub mod answer; // the four reads          -> SectionAnswer, ChangesAnswer, ...
pub mod facts; //  what each writer owns   -> ShopFacts, AdFacts, ReviewFacts

pub use answer::{Change, ChangesAnswer, PageAnswer, SectionAnswer, SectionState, SectionsAnswer};
pub use facts::{AdFacts, Facts, ReviewFacts, ShopFacts};

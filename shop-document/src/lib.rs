//! One shop as stored bytes: envelope, rkyv archive, rendered card and detail.
//!
//! In: the flat sections of a shop. Out: two values, list part and detail part, whose bytes are validated once
//! and then read in place. It deliberately does not know where bytes are stored, who asks, or what a writer's
//! answer looks like.

pub mod document;
pub mod sections; // what each writer's part holds, flat   -> Sections // Sections                              -> ListPart, DetailPart

pub use document::{DetailPart, ListPart, ShopDocument, Unreadable};
pub use sections::{AdsSection, Held, ReviewsSection, Sections, ShopSection};

//! One shop as stored bytes: envelope, rkyv archive, rendered card and detail.
//!
//! In: the flat sections of a shop. Out: two values, list part and detail part, whose bytes are validated once
//! and then read in place. It deliberately does not know where bytes are stored, who asks, or what a writer's
//! answer looks like.

pub mod archive; //  what is archived                          -> rkyv
pub mod card; //     fragments                                 -> the list card with its holes
pub mod detail; //   fragments                                 -> the detail with its holes
pub mod document;
pub mod envelope; // archive                                   -> sealed bytes
pub mod facts; //    what is worth showing, flat               -> ShopSection, AdsSection, ReviewsSection
pub mod holes; //    state, time, distance, label              -> bytes of a fixed width
pub mod hours; //    weekly minutes, pauses, an instant        -> open, paused, preparing, closed
pub mod sections; // what each writer's part holds, rendered   -> Sections // Sections                                  -> ListPart, DetailPart

pub use card::CardOverlay;
pub use document::{DetailPart, ListPart, ShopDocument};
pub use envelope::Unreadable;
pub use facts::{AdsSectionFacts, Money, ReviewsSectionFacts, ShopSectionFacts};
pub use hours::{ShopState, StateNow, Zones};
pub use sections::{AdsSection, Area, Campaign, Held, Place, ReviewsSection, Sections, ShopSection};

/// The schema version that this build writes; it reads this one and the one before, if there is one.
pub const SCHEMA_VERSION: u16 = 1;

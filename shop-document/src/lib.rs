//! One shop as stored bytes: envelope, rkyv archive, rendered card and detail.
//!
//! In: the flat sections of a shop. Out: two values, list part and detail part, whose bytes are validated once
//! and then read in place. It deliberately does not know where bytes are stored, who asks, or what a writer's
//! answer looks like.

pub mod facts; //    what is worth showing, flat                 -> sections, their fragments rendered
pub mod sections; // of three writers, merged by revision        -> Sections
pub mod hours; //    weekly minutes, pauses, an instant          -> open, paused, preparing, closed
pub mod holes; //    state, time, distance, label                -> bytes of a fixed width
pub mod card; //     fragments                                   -> the list card with its holes
pub mod detail; //   fragments                                   -> the detail with its holes
pub mod archive; //  flat fields, card, detail                   -> rkyv, read in place
pub mod envelope; // archive, revisions                          -> sealed bytes with a checksum
pub mod delivery; // an exact place                              -> delivered to or not, how far, for what fee
pub mod document; // Sections -> ListPart and DetailPart -> bytes -> the same again
mod beside; //       of these, what every page needs             -> in the handle
mod remembered; //   a state                                     -> one word, until the clock changes it

pub use beside::AdNow;
pub use card::CardOverlay;
pub use document::{DetailPart, ListPart, ShopDocument};
pub use envelope::Unreadable;
pub use facts::{AdsSectionFacts, Money, ReviewsSectionFacts, ShopSectionFacts};
pub use hours::{ShopState, StateNow, Zones};
pub use sections::{AdsSection, Area, Campaign, Held, Place, ReviewsSection, Sections, ShopSection};

/// The schema version that this build writes; it reads this one and the one before, if there is one.
pub const SCHEMA_VERSION: u16 = 1;

//! What is archived: little-endian, unaligned, read in place.

use rkyv::{Archive, Deserialize, Serialize};

use crate::card::Holes;
use crate::detail::Fragments;
use crate::hours::Times;
use crate::sections::{Area, Campaign, Place};

/// The list part: what lists, state and card need.
#[derive(Clone, Debug, Default, PartialEq, Archive, Serialize, Deserialize)]
pub struct ListArchive {
    /// See [`crate::ShopSection`].
    pub categories: Vec<String>,
    /// See [`crate::ShopSection`].
    pub location: Place,
    /// See [`crate::ShopSection`].
    pub times: Times,
    /// See [`crate::ShopSection`].
    pub lowest_fee_amount: i64,
    /// See [`crate::ShopSection`].
    pub min_order_amount: i64,
    /// See [`crate::ShopSection`].
    pub cells: Vec<u64>,
    /// See [`crate::AdsSection`].
    pub campaigns: Vec<Campaign>,
    /// See [`crate::ReviewsSection`].
    pub by_stars: [u32; 5],
    /// Rendered; empty while the shop is invisible.
    pub card: Vec<u8>,
    /// In `card`.
    pub holes: Holes,
    /// The shop's fragment in `card`.
    pub fragment: (u32, u32),
}

/// The detail part: what the detail needs and the list part does not hold.
#[derive(Clone, Debug, Default, PartialEq, Archive, Serialize, Deserialize)]
pub struct DetailArchive {
    /// Repeated from the list part: the detail decides its state without a second get.
    pub times: Times,
    /// Repeated from the list part.
    pub campaigns: Vec<Campaign>,
    /// For an exact address.
    pub area: Area,
    /// Rendered; empty while the shop is invisible, but for the reviews' fragment.
    pub detail: Vec<u8>,
    /// In `detail`.
    pub holes: Holes,
    /// In `detail`.
    pub fragments: Fragments,
}

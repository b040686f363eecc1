//! The flat sections with their rendered fragments: what `project` merges and `ShopDocument::assemble` joins.

use rkyv::{Archive, Deserialize, Serialize};
use shop_id::{Revision, Writer};

use crate::hours::Times;

/// What the document holds of one writer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Held<T> {
    /// The writer was never heard about this shop.
    #[default]
    Unheard,
    /// The writer has nothing for this shop.
    Nothing(Revision),
    /// The writer's section.
    Present(Revision, T),
    /// The shop is closed for good (shop section only).
    Gone(Revision),
}

impl<T> Held<T> {
    /// `None`: never heard.
    #[must_use]
    pub const fn revision(&self) -> Option<Revision> {
        match self {
            Self::Unheard => None,
            Self::Nothing(revision) | Self::Present(revision, _) | Self::Gone(revision) => Some(*revision),
        }
    }

    /// The section, if there is one.
    #[must_use]
    pub const fn present(&self) -> Option<&T> {
        match self {
            Self::Present(_, section) => Some(section),
            _ => None,
        }
    }

    /// Takes the other one if its revision is higher. `true`: it was.
    pub fn merge(&mut self, offered: Self) -> bool {
        let newer = offered.revision() > self.revision();
        if newer {
            *self = offered;
        }
        newer
    }
}

/// All sections of one shop. Merging replaces whole sections, never parts of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sections {
    /// Of the shop writer. Without it the document stays invisible.
    pub shop: Held<ShopSection>,
    /// Of the ads writer.
    pub ads: Held<AdsSection>,
    /// Of the reviews writer.
    pub reviews: Held<ReviewsSection>,
}

impl Sections {
    /// The revision held of a writer; `None` also for writers that have no part in the document.
    #[must_use]
    pub const fn revision(&self, writer: Writer) -> Option<Revision> {
        match writer {
            Writer::Shop => self.shop.revision(),
            Writer::Ads => self.ads.revision(),
            Writer::Reviews => self.reviews.revision(),
            _ => None,
        }
    }

    /// Takes every section of the other that is newer, and says whether there was one.
    pub fn merge(&mut self, offered: Self) -> bool {
        let shop = self.shop.merge(offered.shop);
        let ads = self.ads.merge(offered.ads);
        let reviews = self.reviews.merge(offered.reviews);
        shop || ads || reviews
    }
}

/// WGS 84 degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct Place {
    /// -90 to 90.
    pub lat: f64,
    /// -180 to 180.
    pub lng: f64,
}

/// Where a shop delivers to, exactly.
#[derive(Clone, Debug, PartialEq, Archive, Serialize, Deserialize)]
pub enum Area {
    /// Metres around the kitchen.
    Circle(u32),
    /// Corners.
    Ring(Vec<Place>),
}

impl Default for Area {
    fn default() -> Self {
        Self::Ring(Vec::new())
    }
}

/// What the shop writer's section is made into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShopSection {
    /// Lower-case words; the first is the main one.
    pub categories: Vec<String>,
    /// Where the kitchen is.
    pub location: Place,
    /// When it takes orders.
    pub times: Times,
    /// The lowest rung of the fee ladder, minor units.
    pub lowest_fee_amount: i64,
    /// Minor units.
    pub min_order_amount: i64,
    /// Where to, exactly.
    pub area: Area,
    /// H3 cells (resolution 8) whose lists show the shop.
    pub cells: Vec<u64>,
    /// Members of the card, rendered.
    pub card: String,
    /// Members that only the detail has, rendered.
    pub detail: String,
}

/// One advertising campaign.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Campaign {
    /// Shown on the card.
    pub label: String,
    /// Seconds since 1970, first moment.
    pub starts: i64,
    /// Seconds since 1970, first moment after it.
    pub ends: i64,
    /// Higher stands first.
    pub weight: u16,
}

/// What the ads writer's section is made into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdsSection {
    /// Past, running and to come.
    pub campaigns: Vec<Campaign>,
}

/// What the reviews writer's section is made into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewsSection {
    /// How many gave 1, 2, 3, 4, 5 stars.
    pub by_stars: [u32; 5],
    /// The object that stands under `reviews` in the detail, rendered.
    pub detail: String,
}

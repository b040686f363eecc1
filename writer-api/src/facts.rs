//! What each writer owns about a shop, as it stands on the wire.
//!
//! Unknown members are ignored (a writer may know more than the read side cares for); a missing or
//! wrong one is named by its path.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The facts of one writer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
// Most facts are a shop's, and they always stand in a box or on their way through a call.
#[allow(clippy::large_enum_variant)]
pub enum Facts {
    /// From the shop writer.
    Shop(ShopFacts),
    /// From the ads writer.
    Ads(AdFacts),
    /// From the reviews writer.
    Reviews(ReviewFacts),
}

/// What the shop's owner says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShopFacts {
    /// As on the sign above the door, 1 to 200 characters.
    pub name: String,
    /// One line, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where the kitchen is.
    pub location: Location,
    /// IANA name, for example `Europe/London`.
    pub time_zone: String,
    /// Lower-case words, for example `pizza`; the first is the main one. At most 8.
    #[serde(default)]
    pub categories: Vec<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// A small picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail_url: Option<String>,
    /// What the owner wants everybody to read.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Weekly hours in the shop's time zone. Empty: never open.
    #[serde(default)]
    pub opening_hours: Vec<OpeningHours>,
    /// Moments at which the shop takes no orders although it would be open.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// Where to, for how much, how fast.
    pub delivery: Delivery,
    /// In the order of the menu.
    #[serde(default)]
    pub menu: Vec<MenuItem>,
    /// Parts of these facts that no real source has: `menu`, `opening_hours`, `delivery`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generated: Vec<String>,
    /// Whom to thank for the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<String>,
}

/// WGS 84 degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// -90 to 90.
    pub lat: f64,
    /// -180 to 180.
    pub lng: f64,
}

/// One range of one weekday.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningHours {
    /// The day on which the range begins.
    pub day: Day,
    /// `HH:MM`.
    pub opens: String,
    /// `HH:MM`; not later than `opens` means the next day, `24:00` is midnight.
    pub closes: String,
}

/// Days as people write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// The first day of a minute-of-week.
    Mon,
    /// .
    Tue,
    /// .
    Wed,
    /// .
    Thu,
    /// .
    Fri,
    /// .
    Sat,
    /// .
    Sun,
}

/// "Too busy until eight".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub until: Timestamp,
}

/// How the shop delivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where to.
    pub area: DeliveryArea,
    /// Ascending by `order_at_least`; the first rung begins at 0 or at the minimum order.
    pub fee_ladder: Vec<FeeRung>,
    /// The least that can be ordered.
    pub min_order: Money,
    /// Usual time from order to door.
    pub eta_minutes: EtaMinutes,
}

/// Where a shop delivers to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryArea {
    /// A circle around the kitchen, 100 to 15,000 metres.
    RadiusM(u32),
    /// A ring of 3 to 200 corners, `[lat, lng]` each, at most 50 km from the kitchen; closed by itself.
    Polygon(Vec<[f64; 2]>),
}

/// Minor units: 250 GBP is £2.50.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// In minor units, 0 or more.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// "From 20 pounds delivery is 1.50".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeRung {
    /// Orders of at least this.
    pub order_at_least: Money,
    /// Cost this much to deliver.
    pub fee: Money,
}

/// From order to door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtaMinutes {
    /// At best.
    pub from: u16,
    /// At worst, not less than `from`.
    pub to: u16,
}

/// One thing to eat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// Unique within the shop.
    pub id: String,
    /// "Starters".
    pub group: String,
    /// "Margherita".
    pub name: String,
    /// What is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Costs.
    pub price: Money,
    /// Looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// Not today.
    #[serde(default)]
    pub sold_out: bool,
}

/// What the ads writer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdFacts {
    /// Campaigns, running, past and to come.
    pub campaigns: Vec<Campaign>,
    /// See [`ShopFacts::generated`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generated: Vec<String>,
}

/// One campaign of one shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Unique within the shop.
    pub id: String,
    /// Shown on the card, at most 24 characters.
    pub label: String,
    /// First moment.
    pub starts_at: Timestamp,
    /// First moment after it.
    pub ends_at: Timestamp,
    /// Higher stands first, 1 to 1,000.
    pub weight: u16,
}

/// What the reviews writer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewFacts {
    /// How many gave 1, 2, 3, 4, 5 stars. The average and the count follow from it.
    pub by_stars: [u32; 5],
    /// The newest first, at most 10.
    #[serde(default)]
    pub latest: Vec<Review>,
    /// See [`ShopFacts::generated`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generated: Vec<String>,
}

/// One person's opinion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// 1 to 5.
    pub stars: u8,
    /// In their words.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

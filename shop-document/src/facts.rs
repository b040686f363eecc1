//! What is worth showing, flat, and how each writer's part is rendered, once per change.
//!
//! The members of a section are rendered together as one fragment (`"name":…,"categories":…`), so that a change
//! at one writer is a splice of its own fragments and never a second rendering of the others'.

use serde::Serialize;

use crate::hours::Times;
use crate::sections::{AdsSection, Area, Campaign, Place, ReviewsSection, ShopSection};

/// Menu previews on a card.
pub const PREVIEWS_MAX: usize = 3;

/// Minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Money {
    /// 250 GBP is £2.50.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// One rung of the fee ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeeRung {
    /// Orders of at least this
    pub order_at_least: Money,
    /// cost this much to deliver.
    pub fee: Money,
}

/// One thing on the menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MenuItem {
    /// Unique within the shop.
    pub id: String,
    /// What to order.
    pub name: String,
    /// What is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it costs.
    pub price: Money,
    /// What it looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// Not today.
    pub sold_out: bool,
}

/// Things on the menu under one heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MenuGroup {
    /// The heading.
    pub name: String,
    /// In the order of the menu.
    pub items: Vec<MenuItem>,
}

/// One range of opening hours as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoursLine {
    /// `mon`.
    pub day: String,
    /// `11:00`.
    pub opens: String,
    /// `23:00`.
    pub closes: String,
}

/// From order to door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EtaMinutes {
    /// At best.
    pub from: u16,
    /// At worst.
    pub to: u16,
}

/// All that is shown of the shop writer's section.
#[derive(Clone, Debug, PartialEq)]
pub struct ShopSectionFacts {
    /// As on the sign above the door.
    pub name: String,
    /// A small picture.
    pub thumbnail_url: Option<String>,
    /// The first is the main one.
    pub categories: Vec<String>,
    /// Where the kitchen is.
    pub location: Place,
    /// One line for people.
    pub address: Option<String>,
    /// For people.
    pub phone: Option<String>,
    /// What the owner wants everybody to read.
    pub notices: Vec<String>,
    /// As people write them.
    pub opening_hours: Vec<HoursLine>,
    /// The same for machines.
    pub times: Times,
    /// Ascending.
    pub fee_ladder: Vec<FeeRung>,
    /// The least that can be ordered.
    pub min_order: Money,
    /// From order to door.
    pub eta_minutes: EtaMinutes,
    /// Where to, exactly.
    pub area: Area,
    /// H3 cells that the area touches, resolution 8.
    pub cells: Vec<u64>,
    /// In the order of the menu.
    pub menus: Vec<MenuGroup>,
    /// Parts that no real source has.
    pub generated: Vec<String>,
    /// Whom to thank.
    pub credit: Option<String>,
}

/// Members of the card.
#[derive(Serialize)]
struct CardMembers<'a> {
    name: &'a str,
    thumbnail_url: Option<&'a str>,
    categories: &'a [String],
    delivery_fee: &'a [FeeRung],
    min_order: &'a Money,
    eta_minutes: EtaMinutes,
    location: Place,
    menu_previews: Vec<Preview<'a>>,
}

#[derive(Serialize)]
struct Preview<'a> {
    name: &'a str,
    price: &'a Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<&'a str>,
}

/// Members that only the detail has; it repeats the card's before them.
#[derive(Serialize)]
struct DetailMembers<'a> {
    address: Option<&'a str>,
    phone: Option<&'a str>,
    notices: &'a [String],
    time_zone: &'a str,
    opening_hours: &'a [HoursLine],
    menus: &'a [MenuGroup],
    generated: &'a [String],
    credit: Option<&'a str>,
}

impl ShopSectionFacts {
    /// Renders the fragments.
    #[must_use]
    pub fn render(self) -> ShopSection {
        let items = self.menus.iter().flat_map(|group| &group.items);
        let menu_previews = items
            .filter(|item| !item.sold_out)
            .take(PREVIEWS_MAX)
            .map(|item| Preview {
                name: &item.name,
                price: &item.price,
                image_url: item.image_url.as_deref(),
            })
            .collect();
        let card = fragment(&CardMembers {
            name: &self.name,
            thumbnail_url: self.thumbnail_url.as_deref(),
            categories: &self.categories,
            delivery_fee: &self.fee_ladder,
            min_order: &self.min_order,
            eta_minutes: self.eta_minutes,
            location: self.location,
            menu_previews,
        });
        let detail = fragment(&DetailMembers {
            address: self.address.as_deref(),
            phone: self.phone.as_deref(),
            notices: &self.notices,
            time_zone: &self.times.time_zone,
            opening_hours: &self.opening_hours,
            menus: &self.menus,
            generated: &self.generated,
            credit: self.credit.as_deref(),
        });
        ShopSection {
            lowest_fee_amount: self.fee_ladder.iter().map(|rung| rung.fee.amount).min().unwrap_or(0),
            min_order_amount: self.min_order.amount,
            categories: self.categories,
            location: self.location,
            times: self.times,
            area: self.area,
            cells: self.cells,
            card,
            detail,
        }
    }
}

/// All that is shown of the ads writer's section.
#[derive(Clone, Debug, PartialEq)]
pub struct AdsSectionFacts {
    /// Past, running and to come.
    pub campaigns: Vec<Campaign>,
}

impl AdsSectionFacts {
    /// Renders the fragment.
    #[must_use]
    pub fn render(self) -> AdsSection {
        AdsSection { campaigns: self.campaigns }
    }
}

/// One person's opinion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Review {
    /// 1 to 5.
    pub stars: u8,
    /// In their words.
    pub text: String,
    /// RFC 3339.
    pub at: String,
}

/// All that is shown of the reviews writer's section.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewsSectionFacts {
    /// How many gave 1, 2, 3, 4, 5 stars.
    pub by_stars: [u32; 5],
    /// The newest first.
    pub latest: Vec<Review>,
    /// Parts that no real source has.
    pub generated: Vec<String>,
}

#[derive(Serialize)]
struct Reviews<'a> {
    by_stars: [u32; 5],
    latest: &'a [Review],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    generated: &'a [String],
}

impl ReviewsSectionFacts {
    /// Renders the fragment.
    #[must_use]
    pub fn render(self) -> ReviewsSection {
        let reviews = Reviews { by_stars: self.by_stars, latest: &self.latest, generated: &self.generated };
        let detail = serde_json::to_string(&reviews).unwrap_or_default();
        ReviewsSection { by_stars: self.by_stars, detail }
    }
}

/// Members without the braces around them.
fn fragment(members: &impl Serialize) -> String {
    // Strings, numbers and lists with string keys: serde_json has no reason to refuse them.
    let object = serde_json::to_string(members).unwrap_or_default();
    object.strip_prefix('{').and_then(|object| object.strip_suffix('}')).unwrap_or_default().to_owned()
}

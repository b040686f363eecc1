//! Shops of realistic size, the same ones every time: made from their number alone.
//!
//! Sizes are those of the London data: a card of some 770 bytes, a list part of 1.4 kB, delivery to some 37 cells, seven to
//! fourteen opening hours.

use h3o::{LatLng, Resolution};
use shop_document::facts::{EtaMinutes, FeeRung, HoursLine, MenuGroup, MenuItem, Review};
use shop_document::hours::{Times, week};
use shop_document::{
    AdsSection, Area, Campaign, Held, Money, Place, ReviewsSectionFacts, Sections, ShopDocument,
    ShopSectionFacts,
};
use shop_id::{Revision, ShopId};

/// The whole of the London data.
pub const SHOPS: u64 = 70_000;
/// When a bench is only tried.
const SHOPS_TRIED: u64 = 2_000;
/// The median menu.
pub const MENU_ITEMS: usize = 47;

const CATEGORIES: [&str; 8] =
    ["pizza", "indian", "chinese", "cafe", "burgers", "fish_and_chips", "japanese", "chicken"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A chance that depends on what it is asked for and nothing else (splitmix64).
#[derive(Clone, Copy, Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn amount(&mut self, from: u64, until: u64) -> i64 {
        i64::try_from((from + self.below(until - from)) / 5 * 5).unwrap_or(0)
    }

    /// Between -0.5 and 0.5.
    fn around(&mut self) -> f64 {
        f64::from(u32::try_from(self.below(1 << 20)).unwrap_or(0)) / f64::from(1 << 20) - 0.5
    }
}

fn pounds(amount: i64) -> Money {
    Money { amount, currency: "GBP".to_owned() }
}

/// The ID of a shop by its number, from 1 on.
#[must_use]
pub fn shop_id(number: u64) -> ShopId {
    ShopId::new(number).unwrap_or(ShopId::new(1).unwrap_or_else(|| unreachable!("1 is not zero")))
}

/// How many a bench works on: all, or a few when it is only tried (`cargo test`).
#[must_use]
pub fn shops() -> u64 {
    // What cargo calls a bench with in earnest.
    if std::env::args().any(|argument| argument == "--bench") { SHOPS } else { SHOPS_TRIED }
}

/// As many IDs as stand on a page, each another one, spread over all shops.
#[must_use]
pub fn page_of_ids(number: u64) -> Vec<ShopId> {
    let mut chance = Chance(number << 32);
    let mut ids = std::collections::BTreeSet::new();
    while ids.len() < 25 {
        ids.insert(shop_id(1 + chance.below(shops())));
    }
    // In the order of a list, not of the store.
    let mut ids: Vec<ShopId> = ids.into_iter().collect();
    ids.sort_by_key(|id| Chance(id.get()).below(u64::MAX));
    ids
}

/// One shop with a menu of so many items.
#[must_use]
pub fn document(number: u64, menu_items: usize) -> ShopDocument {
    ShopDocument::assemble(shop_id(number), &sections(number, menu_items, 1))
}

/// Its sections, all at one counter.
#[must_use]
pub fn sections(number: u64, menu_items: usize, counter: u64) -> Sections {
    let mut chance = Chance(number);
    let by_stars = [1, 1, 2, 5, 11].map(|weight| u32::try_from(weight * chance.below(12)).unwrap_or(0));
    let latest = (0..chance.below(4))
        .map(|_| Review {
            stars: 5,
            text: "Hot and well packed, ten minutes early.".to_owned(),
            at: "2026-11-20T19:30:00Z".to_owned(),
        })
        .collect();
    let reviews = ReviewsSectionFacts { by_stars, latest, generated: vec!["by_stars".to_owned()] }.render();
    let ads = if chance.below(8) == 0 {
        let (label, weight) = ("Free delivery".to_owned(), u16::try_from(chance.below(1_000)).unwrap_or(0));
        let campaigns = vec![Campaign { label, starts: 1_735_689_600, ends: 2_051_222_400, weight }];
        Held::Present(Revision::new(1, counter), AdsSection { campaigns })
    } else {
        Held::Nothing(Revision::new(1, counter))
    };
    Sections {
        shop: Held::Present(Revision::new(1, counter), shop_facts(number, menu_items, counter).render()),
        ads,
        reviews: Held::Present(Revision::new(1, counter), reviews),
    }
}

fn shop_facts(number: u64, menu_items: usize, counter: u64) -> ShopSectionFacts {
    let mut chance = Chance(number ^ (1 << 40));
    let location = Place { lat: 51.505 + 0.3 * chance.around(), lng: -0.12 + 0.6 * chance.around() };
    let category = |at: u64| CATEGORIES[usize::try_from(at % 8).unwrap_or(0)].to_owned();
    let first = chance.below(8);
    let min_order = chance.amount(500, 2_000);
    let rungs = 1 + i64::try_from(chance.below(3)).unwrap_or(0);
    let fee = chance.amount(150, 450);
    let (opening_hours, open_minutes) = hours(&mut chance);
    ShopSectionFacts {
        name: format!("The {} kitchen of {number}, {counter}", category(first)),
        thumbnail_url: None,
        categories: vec![category(first), category(first + 1 + chance.below(6))],
        location,
        address: Some(format!("{number} Buckingham Palace Road, London SW1W")),
        phone: None,
        notices: vec!["Food hygiene: 5 of 5, very good".to_owned()],
        opening_hours,
        times: Times { time_zone: "Europe/London".to_owned(), open_minutes, pauses: Vec::new() },
        fee_ladder: (0..rungs)
            .map(|rung| FeeRung {
                order_at_least: pounds(min_order + rung * 1_000),
                fee: pounds(fee / (rung + 1)),
            })
            .collect(),
        min_order: pounds(min_order),
        eta_minutes: EtaMinutes { from: 20, to: 40 },
        area: Area::Circle(2_200),
        cells: cells(location),
        menus: vec![MenuGroup { name: "All".to_owned(), items: menu(&mut chance, menu_items) }],
        generated: ["menu", "opening_hours", "delivery"].map(str::to_owned).to_vec(),
        credit: None,
    }
}

/// The kitchen's cell and three rings around it: 37.
fn cells(location: Place) -> Vec<u64> {
    let Ok(place) = LatLng::new(location.lat, location.lng) else { return Vec::new() };
    place.to_cell(Resolution::Eight).grid_disk::<Vec<_>>(3).into_iter().map(u64::from).collect()
}

fn menu(chance: &mut Chance, items: usize) -> Vec<MenuItem> {
    let item = |number: usize| MenuItem {
        id: format!("m{number}"),
        name: format!("Tikka masala {number}"),
        description: (chance.below(3) == 0).then(|| "A favourite of the house".to_owned()),
        price: pounds(chance.amount(400, 1_800)),
        image_url: None,
        sold_out: chance.below(50) == 0,
    };
    (1..=items).map(item).collect()
}

/// Noon or evening kitchens, some with a break, some over midnight.
fn hours(chance: &mut Chance) -> (Vec<HoursLine>, Vec<(u16, u16)>) {
    let opens = u32::try_from(660 + chance.below(22) * 15).unwrap_or(660);
    let closes = u32::try_from(1_290 + chance.below(12) * 15).unwrap_or(1_290);
    let spans = if chance.below(3) == 0 && opens < 780 {
        vec![(opens, 870), (1_050, closes)]
    } else {
        vec![(opens, closes)]
    };
    let clock = |minute: u32| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    let lines = DAYS.iter().flat_map(|day| {
        spans.iter().map(|(opens, closes)| HoursLine {
            day: (*day).to_owned(),
            opens: clock(*opens),
            closes: clock(*closes),
        })
    });
    let minutes = (0..7)
        .flat_map(|day| spans.iter().map(move |(opens, closes)| (day * 1_440 + opens, day * 1_440 + closes)));
    (lines.collect(), week(minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shops_are_as_big_as_those_of_london() {
        let mean = |size: &dyn Fn(&ShopDocument) -> usize| {
            (1..=400).map(|number| size(&document(number, MENU_ITEMS))).sum::<usize>() / 400
        };
        let (card, list, detail) = (
            mean(&|document| document.list.card_bytes()),
            mean(&|document| document.list.bytes().len()),
            mean(&|document| document.detail.bytes().len()),
        );
        assert!((720..=830).contains(&card), "card {card}");
        assert!((1_200..=1_600).contains(&list), "list part {list}");
        assert!((6_500..=9_000).contains(&detail), "detail part {detail}");
        assert_eq!(document(7, 3).list.bytes(), document(7, 3).list.bytes());
    }
}

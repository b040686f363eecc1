//! Shops of a made-up country for what the examples measure, and how they measure it.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use h3o::{LatLng, Resolution};
use rustix::time::{ClockId, clock_gettime};
use shop_document::hours::{Times, week};
use shop_document::{Area, Held, ListPart, Place, ReviewsSection, Sections, ShopDocument, ShopSection};
use shop_id::{Revision, ShopId};

const CATEGORIES: [&str; 8] = ["pizza", "kebab", "sushi", "curry", "burger", "chicken", "thai", "vegan"];
const OWNERS: [&str; 24] = [
    "Napoli",
    "Luigi's",
    "Golden",
    "Star",
    "Istanbul",
    "Bombay",
    "Royal",
    "Dragon",
    "Tokyo",
    "Corner",
    "Papa",
    "Best",
    "원조",
    "강남",
    "엄마네",
    "황금",
    "서울",
    "할매",
    "New",
    "Il",
    "The",
    "Happy",
    "Lucky",
    "King",
];
const TRADES: [&str; 24] = [
    "Pizza",
    "Kebab",
    "Grill",
    "Kitchen",
    "Sushi",
    "Curry House",
    "Burger Bar",
    "Fried Chicken",
    "Thai",
    "Noodles",
    "Takeaway",
    "Bistro",
    "치킨집",
    "떡볶이",
    "분식",
    "족발",
    "김밥천국",
    "피자",
    "Bakery",
    "Diner",
    "Express",
    "Palace",
    "Garden",
    "Trattoria",
];
const DISHES: [&str; 24] = [
    "Margherita",
    "Pepperoni",
    "Doner Wrap",
    "Chicken Shish",
    "California Roll",
    "Salmon Nigiri",
    "Tikka Masala",
    "Lamb Biryani",
    "Cheeseburger",
    "Fries",
    "Pad Thai",
    "Green Curry",
    "양념치킨",
    "후라이드 치킨",
    "떡볶이",
    "순대",
    "김밥",
    "보쌈",
    "Garlic Bread",
    "Tiramisu",
    "Falafel",
    "Wings",
    "Coleslaw",
    "Sweet Potato Fries",
];

/// CPU time of this thread: other programs on the machine do not count.
pub(crate) fn spent() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap())
}

/// Kitchens are twice as dense in the middle, open at half past or on the hour, and deliver some three kilometres far.
pub(crate) fn part_of(number: u64, round: u64, reach: f64) -> ListPart {
    let chance = |salt: u64| {
        let mixed = (number * 31 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
    };
    #[allow(clippy::cast_precision_loss)]
    let spread = |salt| (chance(salt) as f64 / f64::from(u32::MAX) - 0.5) * reach;
    let far = spread(1).abs() * 2.0 / reach;
    let place = Place { lat: 51.5 + spread(2) * far, lng: -0.1 + spread(3) * far };
    let home = LatLng::new(place.lat, place.lng).unwrap().to_cell(Resolution::Eight);
    let opens = 600 + u32::try_from(chance(4) % 16).unwrap() * 30;
    let days = (0..7).map(|day| (day * 1_440 + opens, day * 1_440 + opens + 600));
    let stars = |salt| u32::try_from((chance(salt) + round) % 100).unwrap();
    let revision = Revision::new(1, round + 1);
    let shop = ShopSection {
        categories: vec![CATEGORIES[usize::try_from(chance(5) % 8).unwrap()].to_owned()],
        location: place,
        times: Times { time_zone: "Europe/London".to_owned(), open_minutes: week(days), pauses: vec![] },
        lowest_fee_amount: i64::try_from(chance(6) % 400).unwrap(),
        min_order_amount: i64::try_from(chance(7) % 20 * 100).unwrap(),
        area: Area::Circle(3_000),
        cells: home.grid_disk::<Vec<_>>(3).into_iter().map(u64::from).collect(),
        card: card(&chance),
        detail: "\"menus\":[]".to_owned(),
    };
    let reviews = ReviewsSection { by_stars: [8, 9, 10, 11, 12].map(stars), detail: "{}".to_owned() };
    let sections = Sections {
        shop: Held::Present(revision, shop),
        reviews: Held::Present(revision, reviews),
        ..Sections::default()
    };
    ShopDocument::assemble(ShopId::new(number).unwrap(), &sections).list
}

/// Some of the members that cards have.
fn card(chance: &impl Fn(u64) -> u64) -> String {
    let pick = |words: [&'static str; 24], salt| words[usize::try_from(chance(salt) % 24).unwrap()];
    let preview = |salt| {
        let price = format!("{{\"amount\":{},\"currency\":\"GBP\"}}", chance(salt) % 1_500);
        format!("{{\"name\":\"{}\",\"price\":{price}}}", pick(DISHES, salt))
    };
    format!(
        "\"name\":\"{} {} {}\",\"thumbnail_url\":null,\"menu_previews\":[{},{},{}]",
        pick(OWNERS, 20),
        pick(TRADES, 21),
        chance(22) % 100,
        preview(23),
        preview(24),
        preview(25)
    )
}

/// As Linux counts them.
pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

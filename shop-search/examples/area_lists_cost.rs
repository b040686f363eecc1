//! What area lists cost on this machine: bytes per shop, and the CPU time of each step. The figures in the crate's head
//! come from here.
//!
//! ```text
//! cargo run --release -p shop-search --example area_lists_cost -- [shops]
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use h3o::{CellIndex, LatLng, Resolution};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use shop_document::hours::{Times, week};
use shop_document::{Area, Held, ListPart, Place, ReviewsSection, Sections, ShopDocument, ShopSection};
use shop_id::{Revision, ShopId};
use shop_search::{AreaLists, AreaListsLimits, ListQuestion, ShopIndexer, ShopSearch, Sort};

const WORDS: [&str; 8] = ["pizza", "kebab", "sushi", "curry", "burger", "chicken", "thai", "vegan"];
/// Changed between two publishings at 1,000 changes a second.
const CHANGES: u64 = 200;

fn main() {
    let shops = std::env::args().nth(1).map_or(100_000, |shops| shops.parse().unwrap());
    let now: Timestamp = "2026-11-23T16:59:30Z".parse().unwrap();
    // Somewhat denser than a country with its towns: 100,000 shops reach over one degree, some 10,000 cells.
    #[allow(clippy::cast_precision_loss)]
    let reach = (shops as f64 / 100_000.0).sqrt();
    let part = |number, round| part_of(number, round, reach);

    let index = AreaLists::new(AreaListsLimits::default());
    let resident_before = resident_bytes();
    let mut folding = Duration::ZERO;
    for number in 1..=shops {
        let part = part(number, 0);
        let began = spent();
        index.fold(part.shop_id(), &part);
        folding += spent() - began;
    }
    let began = spent();
    index.publish(now);
    println!("first scan: fold {folding:?}, then publish {:?}", spent() - began);
    let parts: Vec<ListPart> = (1..=1_000).map(|number| part(number, 0)).collect();
    let began = spent();
    parts.iter().for_each(|part| index.fold(part.shop_id(), part));
    println!("fold of a shop that did not move: {:?}", (spent() - began) / 1_000);
    let figures = index.figures();
    println!("{figures:?}");
    println!(
        "bytes a shop: {} estimated, {} resident; cells a shop: {}",
        figures.index_bytes / figures.shops,
        (resident_bytes() - resident_before) / figures.shops,
        figures.memberships / figures.shops
    );

    let popular = index.popular_cells(500);
    println!("the fullest cell has {} shops, the 500th {}", popular[0].1, popular[popular.len() - 1].1);
    let questions: Vec<ListQuestion> = popular.iter().map(|(cell, _)| question(*cell, None)).collect();
    let mut now = now;
    let ask_all = |what: &str, now: Timestamp| {
        let began = spent();
        for question in &questions {
            black_box(ask(&index, question, now));
        }
        println!("{what}: {:?} a list", (spent() - began) / 500);
    };
    ask_all("sort from scratch", now);
    for _ in 0..3 {
        ask_all("ready", now);
    }
    now = "2026-11-23T17:00:00Z".parse().unwrap();
    ask_all("after the 5 pm flip", now);
    for round in 1..=3 {
        let parts: Vec<ListPart> =
            (0..CHANGES).map(|place| part(place * 7_919 * round % shops + 1, round)).collect();
        let began = spent();
        parts.iter().for_each(|part| index.fold(part.shop_id(), part));
        let folded = spent() - began;
        index.publish(now);
        println!("{CHANGES} moved shops: fold {folded:?}, then publish {:?}", spent() - began - folded);
        ask_all("after it", now);
    }
    println!("{:?}", index.figures());
}

/// CPU time of this thread: other programs on the machine do not count.
fn spent() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap())
}

fn question(cell: CellIndex, category: Option<&str>) -> ListQuestion {
    ListQuestion { cell, category: category.map(Arc::from), sort: Sort::Recommended, cursor: None }
}

fn ask(index: &AreaLists, question: &ListQuestion, now: Timestamp) -> usize {
    let mut asked = std::pin::pin!(index.list(question, now));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // Alone, so nobody has to be waited for.
    match asked.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer.unwrap().shop_ids.len(),
        std::task::Poll::Pending => 0,
    }
}

/// Kitchens are twice as dense in the middle, open at half past or on the hour, and deliver some three kilometres far.
fn part_of(number: u64, round: u64, reach: f64) -> ListPart {
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
        categories: vec![WORDS[usize::try_from(chance(5) % 8).unwrap()].to_owned()],
        location: place,
        times: Times { time_zone: "Europe/London".to_owned(), open_minutes: week(days), pauses: vec![] },
        lowest_fee_amount: i64::try_from(chance(6) % 400).unwrap(),
        min_order_amount: i64::try_from(chance(7) % 20 * 100).unwrap(),
        area: Area::Circle(3_000),
        cells: home.grid_disk::<Vec<_>>(3).into_iter().map(u64::from).collect(),
        card: format!("\"name\":\"Shop {number}\""),
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

/// As Linux counts them.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

//! What area lists cost on this machine: bytes per shop, and the CPU time of each step. The figures in the crate's head
//! come from here.
//!
//! ```text
//! cargo run --release -p shop-search --example area_lists_cost -- [shops]
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod country;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use h3o::CellIndex;
use jiff::Timestamp;
use shop_document::ListPart;
use shop_search::{AreaLists, AreaListsLimits, ListQuestion, ShopIndexer, ShopSearch, Sort};

use country::{part_of, resident_bytes, spent};

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

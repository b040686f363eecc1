//! What text search costs on this machine: bytes per shop, and the CPU time of each step. The figures in the crate's head
//! come from here.
//!
//! ```text
//! cargo run --release -p shop-search --example text_search_cost -- [shops]
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod country;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use country::{part_of, resident_bytes, spent};
use h3o::CellIndex;
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use shop_document::ListPart;
use shop_id::ShopId;
use shop_search::{
    AreaLists, AreaListsLimits, SearchText, ShopIndexer, TextIndex, TextLimits, TextQuestion, TextSearch,
};

/// The last two are as dear as can be: nearly everything is found; many pairs, and nothing is.
const TYPED: [&str; 9] = [
    "치킨",
    "napoli pizza",
    "fried chicken",
    "kebab",
    "sushi tokyo",
    "떡볶이",
    "piza",
    "p",
    "chickenpizzakebabgrillburgercurrysushithainoodlestakeawaybistrokitchenbakerydinerexpresspalacegarden",
];
/// Changed between two publishings at 1,000 changes a second.
const CHANGES: u64 = 1_000;

fn main() {
    let shops = std::env::args().nth(1).map_or(100_000, |shops| shops.parse().unwrap());
    let now: Timestamp = "2026-11-23T16:59:30Z".parse().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let reach = (shops as f64 / 100_000.0).sqrt();
    let part = |number, round| part_of(number, round, reach);

    let lists = Arc::new(AreaLists::new(AreaListsLimits::default()));
    let text = TextIndex::new(Arc::clone(&lists), TextLimits::default()).unwrap();
    let parts: Vec<ListPart> = (1..=shops).map(|number| part(number, 0)).collect();
    parts.iter().for_each(|part| lists.fold(part.shop_id(), part));
    lists.publish(now);
    let resident_before = resident_bytes();
    let began = spent();
    parts.iter().for_each(|part| text.fold(part.shop_id(), part));
    println!("first scan: fold {:?}", spent() - began);
    publish("first publishing", &text, now);
    drop(parts);
    settle(&text, now);
    println!("bytes a shop: {} in segments", text.figures().index_bytes / shops);
    println!(
        "resident more than before: {} a shop",
        resident_bytes().saturating_sub(resident_before) / shops
    );

    ask_all(&lists, &text, now);
    for (what, round, named) in [("other stars", 1, 0), ("other words and cells", 2, 1_000_003)] {
        for number in (0..CHANGES).map(|place| place * 79 % shops + 1) {
            let part = part(number + named, round);
            // Where words change, they are the ones of another shop.
            text.fold(id(number), &part);
        }
        publish(&format!("{CHANGES} shops with {what}"), &text, now);
    }
    for round in 0..20 {
        for number in (0..100).map(|place| (place * 7_919 + round * 13) % shops + 1) {
            text.fold(id(number), &part(number + 2_000_003 + round, 3));
        }
        text.try_publish(now).unwrap();
    }
    println!("after 20 publishings of 100 renamed shops each:");
    ask_all(&lists, &text, now);
}

fn id(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

fn publish(what: &str, text: &TextIndex, now: Timestamp) {
    let (began, began_in_all, began_at) = (spent(), spent_in_all(), Instant::now());
    text.try_publish(now).unwrap();
    println!(
        "{what}: publish {:?}, all threads {:?}, wall {:?}",
        spent() - began,
        spent_in_all() - began_in_all,
        began_at.elapsed()
    );
}

/// Until merging beside has come to an end.
fn settle(text: &TextIndex, now: Timestamp) {
    let mut still = 0;
    let mut segments = 0;
    while still < 5 {
        std::thread::sleep(Duration::from_millis(200));
        text.try_publish(now).unwrap();
        still = if text.figures().segments == segments { still + 1 } else { 0 };
        segments = text.figures().segments;
    }
    println!("{:?}", text.figures());
}

fn ask_all(lists: &AreaLists, text: &TextIndex, now: Timestamp) {
    let popular = lists.popular_cells(500);
    let typical = lists.popular_cells(usize::MAX);
    let typical: Vec<(CellIndex, usize)> = typical.into_iter().skip(500).step_by(20).collect();
    for (what, cells) in [("the 500 fullest cells", popular), ("cells of all kinds", typical)] {
        let shops: usize = cells.iter().map(|(_, shops)| shops).sum();
        println!("{what}, {} shops each:", shops / cells.len());
        for typed in TYPED {
            let ask = |cell: CellIndex| {
                let text_of = SearchText::parse(typed).unwrap();
                let question = TextQuestion { text: text_of, cell, category: None, sort: None, cursor: None };
                answer(text, &question, now)
            };
            let warm: usize = cells.iter().map(|(cell, _)| ask(*cell)).sum();
            let began = spent();
            let rounds = 5;
            for _ in 0..rounds {
                cells.iter().for_each(|(cell, _)| {
                    black_box(ask(*cell));
                });
            }
            let asked = u32::try_from(cells.len()).unwrap() * rounds;
            println!(
                "  {typed}: {:?} a question, {} on the page",
                (spent() - began) / asked,
                warm / cells.len()
            );
        }
    }
}

fn answer(text: &TextIndex, question: &TextQuestion, now: Timestamp) -> usize {
    let mut asked = std::pin::pin!(text.search(question, now));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match asked.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer.unwrap().shop_ids.len(),
        std::task::Poll::Pending => 0,
    }
}

/// CPU time of all threads, the engine's included.
fn spent_in_all() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap())
}

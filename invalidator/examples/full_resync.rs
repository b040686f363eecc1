//! How many shops a second a full resync saves: `cargo run --release -p invalidator --example full_resync -- 100000`.
//!
//! Everything but asking and reading JSON: pages of three writers are handed over as their subscriptions would, into an
//! LMDB store in a temporary directory, for the first time and then again, when nothing is newer.
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use document_store::lmdb::{LmdbOptions, LmdbWriter};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use invalidator::flatten::flatten;
use invalidator::heal;
use invalidator::metrics::InvalidatorMetrics;
use invalidator::save::Saver;
use prometheus_client::registry::Registry;
use serde_json::json;
use shop_id::{Revision, ShopId, Writer};
use subscription::{Follower, Priority, SaveError};
use writer_api::{AdFacts, Facts, ReviewFacts, SectionAnswer, SectionState, ShopFacts};

const PAGE_SHOPS: u64 = 1_000;
const PAGES_AT_ONCE: usize = 3;
const MENU_ITEMS: u64 = 40;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shops: u64 = std::env::args().nth(1).map_or(Ok(20_000), |shops| shops.parse())?;
    let facts: ShopFacts = serde_json::from_value(shop_facts())?;
    flattened(&facts, 5_000);
    let directory = tempfile::tempdir()?;
    let store = Arc::new(LmdbWriter::open(directory.path(), LmdbOptions::default())?);
    let (doubts, _doubted) = heal::roads();
    let saver = Saver::new(store, doubts, InvalidatorMetrics::register(&mut Registry::default()));
    for what in ["first full resync", "once more, nothing newer"] {
        let stopwatch = Stopwatch::start();
        let resyncs = Writer::OF_THE_DOCUMENT.map(|writer| resync(&saver, writer, shops, &facts)).into_iter();
        futures_util::future::try_join_all(resyncs).await?;
        stopwatch.stop(what, shops);
    }
    let stopwatch = Stopwatch::start();
    let changed = (1..=shops).map(|number| answer(Writer::Reviews, number, 2, &facts));
    let saving =
        stream::iter(changed).map(|answer| saver.save(Writer::Reviews, vec![answer], Priority::Live));
    saving.buffer_unordered(16).try_collect::<()>().await?;
    stopwatch.stop("single changes, 16 at once", shops);
    Ok(())
}

/// Wall clock and processor time, which alone says something on a busy machine.
struct Stopwatch {
    started: Instant,
    processor_ms: u64,
}

impl Stopwatch {
    fn start() -> Self {
        Self { started: Instant::now(), processor_ms: processor_ms() }
    }

    // Shops of a benchmark are few enough for a float.
    #[allow(clippy::cast_precision_loss)]
    fn stop(&self, what: &str, shops: u64) {
        let (each_second, each_us) = (
            shops as f64 / self.started.elapsed().as_secs_f64(),
            (processor_ms() - self.processor_ms) as f64 * 1e3 / shops as f64,
        );
        println!("{what:<28} {each_second:>8.0} shops/s {each_us:>8.1} µs of processor time each");
    }
}

/// Of this process; in ticks of ten milliseconds, which is how Linux tells it.
fn processor_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>()
        * 10
}

fn flattened(facts: &ShopFacts, shops: u64) {
    let answers: Vec<SectionAnswer> =
        (1..=shops).map(|number| answer(Writer::Shop, number, 1, facts)).collect();
    let stopwatch = Stopwatch::start();
    let without_a_slip = answers.into_iter().map(flatten).filter(|flat| flat.left_out.is_empty()).count();
    stopwatch.stop("flatten and render", without_a_slip as u64);
}

async fn resync(
    saver: &Saver<LmdbWriter>,
    writer: Writer,
    shops: u64,
    facts: &ShopFacts,
) -> Result<(), SaveError> {
    let pages = (0..shops.div_ceil(PAGE_SHOPS)).map(|page| {
        let numbers = page * PAGE_SHOPS + 1..=((page + 1) * PAGE_SHOPS).min(shops);
        let answers = numbers.map(|number| answer(writer, number, 1, facts)).collect();
        saver.save(writer, answers, Priority::Bulk)
    });
    stream::iter(pages).buffer_unordered(PAGES_AT_ONCE).try_collect().await
}

fn answer(writer: Writer, number: u64, counter: u64, facts: &ShopFacts) -> SectionAnswer {
    let facts = match writer {
        Writer::Shop => Facts::Shop(facts.clone()),
        Writer::Ads => Facts::Ads(AdFacts { campaigns: Vec::new(), generated: Vec::new() }),
        _ => Facts::Reviews(ReviewFacts { by_stars: [1, 2, 3, 4, 5], latest: vec![], generated: vec![] }),
    };
    let revision = Revision::new(1, counter);
    let Some(shop_id) = ShopId::new(number) else { unreachable!("numbers are counted from one") };
    let state = SectionState::Present(Box::new(facts));
    SectionAnswer { shop_id, writer, revision, as_of_sequence: Revision::new(1, number.max(counter)), state }
}

fn shop_facts() -> serde_json::Value {
    let gbp = |amount: u64| json!({"amount": amount, "currency": "GBP"});
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let hours: Vec<_> =
        days.iter().map(|day| json!({"day": day, "opens": "11:00", "closes": "23:30"})).collect();
    let menu: Vec<_> = (0..MENU_ITEMS)
        .map(|item| {
            json!({"id": item.to_string(), "group": format!("Group {}", item / 8), "name": format!("Dish number {item}"),
                "description": "tomato, mozzarella, basil and what else grows in the garden", "price": gbp(950 + item),
                "image_url": format!("https://img.example/dishes/{item}.jpg")})
        })
        .collect();
    json!({
        "name": "Da Mario", "address": "1 Strand, London", "location": {"lat": 51.5115, "lng": -0.1160},
        "time_zone": "Europe/London", "categories": ["pizza", "italian"], "notices": ["Ring twice"],
        "opening_hours": hours, "menu": menu,
        "delivery": {"area": {"radius_m": 2200}, "min_order": gbp(1000), "eta_minutes": {"from": 20, "to": 35},
            "fee_ladder": [{"order_at_least": gbp(1000), "fee": gbp(199)}, {"order_at_least": gbp(2000), "fee": gbp(0)}]}
    })
}

//! The shops of London, which come with the executable, into the writers: any number of them, always the same ones.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;
use tokio::sync::mpsc;
use writer_api::facts::Location;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::layout::{Layout, Program};
use super::memory::Plan;
use crate::import::mapping::Mapping;
use crate::import::report::{Counts, Place, Report};
use crate::import::rows;
use crate::import::shape::{self, Shaped};
use crate::import::{Filler, Targets, send_all};
use crate::say::Say;

/// Real shops; more are copies of these. The data holds some more rows, of which a few may be refused.
const REAL_SHOPS: u64 = 70_000;
const SHOPS_FILE: &str = "data/london-shops.csv.gz";
const SHOPS: &[u8] = include_bytes!("../../../data/london-shops.csv.gz");
const MAPPING_FILE: &str = "data/london-shops.toml";
const MAPPING: &str = include_str!("../../../data/london-shops.toml");
/// Copies stand at most so many degrees beside the real shop: some 300 m.
const SHIFT_DEGREES: f64 = 0.003;

/// Brings the shops of the plan to the writers.
pub(super) async fn seed(layout: &Layout, plan: &Plan, seed: u64, say: &Say) -> anyhow::Result<()> {
    let started = Instant::now();
    let targets = Targets {
        shop: layout.url(Program::ShopWriter),
        ads: Some(layout.url(Program::AdsWriter)),
        reviews: Some(layout.url(Program::ReviewsWriter)),
        // In order, so that a shop has the same ID in every demo of the same seed.
        bulks_in_flight: 1,
        patience: Duration::from_secs(60),
    };
    let style = ProgressStyle::with_template("seeding {bar:32} {pos}/{len} shops {elapsed}, {eta} left")?;
    let bar = say.bar(ProgressBar::new(plan.to - plan.from).with_style(style));
    let report = Arc::new(Mutex::new(Report::new(None, say.clone())?));
    let (rows, bulks) = mpsc::channel(2);
    let reader = {
        let (plan, report) = (*plan, report.clone());
        tokio::task::spawn_blocking(move || fill(&plan, seed, &report, Filler::new(rows)))
    };
    let sent = send_all(&targets, bulks, &report, |rows| bar.inc(rows as u64)).await;
    let read = reader.await?;
    sent?;
    read?;
    bar.finish_and_clear();
    let counts = crate::import::take_counts(&report, say)?;
    say.aside(&said(&counts, started.elapsed()));
    Ok(())
}

fn said(counts: &Counts, took: Duration) -> String {
    let rate = f64::from(u32::try_from(counts.shops()).unwrap_or(u32::MAX)) / took.as_secs_f64();
    format!("seeded {} shops in {:.1} s, {rate:.0} a second", counts.shops(), took.as_secs_f64())
}

/// Shapes the rows of the plan, pass by pass: the first pass are the real shops, each later one a copy of all.
fn fill(plan: &Plan, seed: u64, report: &Mutex<Report>, mut filler: Filler) -> anyhow::Result<()> {
    let mapping = Mapping::parse(Path::new(MAPPING_FILE), MAPPING)?;
    let ranks = Ranks::read(&mapping, seed)?;
    let mut pass = plan.from / REAL_SHOPS;
    while pass * REAL_SHOPS < plan.to {
        let mut mapping = mapping.clone();
        if pass > 0 {
            mapping.source = format!("{}-copy-{pass}", mapping.source);
        }
        each_row(&mapping, |row, json| {
            let number = ranks.of(json).map(|rank| pass * REAL_SHOPS + rank);
            if number.is_none_or(|number| number < plan.from || number >= plan.to) {
                return true;
            }
            let place = Place { file: SHOPS_FILE.into(), row };
            match shape::shape(&mapping, seed, json) {
                Ok(Shaped::Skipped) => true,
                Err(problem) => {
                    crate::import::lock(report).bad(&place, &problem);
                    true
                }
                Ok(Shaped::Shop(mut shop)) => {
                    if pass > 0 {
                        shop.facts.location = beside(shop.facts.location, seed, &mapping.source, &shop.key);
                        shop.facts.generated.push("location".to_owned());
                    }
                    filler.push(place, shop.from(&mapping.source))
                }
            }
        })?;
        pass += 1;
    }
    filler.finish();
    Ok(())
}

fn each_row(mapping: &Mapping, mut each: impl FnMut(u64, &Json) -> bool) -> anyhow::Result<()> {
    let file = Path::new(SHOPS_FILE);
    rows::read(file, SHOPS, &mapping.input, &mapping.columns(), &mut |row, json| {
        // Every row of the embedded file can be read: `every_shop_of_london_can_be_imported`.
        json.map_or(true, |json| each(row, &json))
    })?;
    Ok(())
}

/// Which shops come first: those that plausibly deliver, then by a hash, which spreads any number over London
/// as densely as shops stand.
struct Ranks(std::collections::HashMap<u64, u64>);

impl Ranks {
    fn read(mapping: &Mapping, seed: u64) -> anyhow::Result<Self> {
        let mut shops = Vec::new();
        each_row(mapping, |_, json| {
            if let Some(key) = key_of(json) {
                let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default();
                let order =
                    (tier(text("type"), text("located")), xxh3_64_with_seed(&key.to_le_bytes(), seed));
                shops.push((order, key));
            }
            true
        })?;
        shops.sort_unstable();
        shops.truncate(usize::try_from(REAL_SHOPS)?);
        Ok(Self((0..).zip(shops).map(|(rank, (_, key))| (key, rank)).collect()))
    }

    fn of(&self, json: &Json) -> Option<u64> {
        self.0.get(&key_of(json)?).copied()
    }
}

fn key_of(json: &Json) -> Option<u64> {
    json.get("fhrsid")?.as_str()?.parse().ok()
}

fn tier(kind: &str, located: &str) -> u8 {
    match (kind, located) {
        ("Restaurant/Cafe/Canteen" | "Takeaway/sandwich shop" | "Pub/bar/nightclub", "geocode") => 0,
        (kind, "geocode") if kind.starts_with("Retailers") || kind == "Mobile caterer" => 1,
        ("Caring Premises" | "School/college/university", _) => 4,
        (_, "geocode") => 2,
        _ => 3,
    }
}

/// A copy's place, within [`SHIFT_DEGREES`] of the real one.
fn beside(location: Location, seed: u64, source: &str, key: &str) -> Location {
    let hash = xxh3_64_with_seed(format!("{source} {key}").as_bytes(), seed);
    let part =
        |bits: u64| (f64::from((bits & 0xffff) as u16) / f64::from(u16::MAX) * 2.0 - 1.0) * SHIFT_DEGREES;
    Location { lat: location.lat + part(hash), lng: location.lng + part(hash >> 16) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::send::BulkRow;

    fn seeded(plan: Plan) -> Vec<BulkRow> {
        let (bulks, mut filled) = mpsc::channel(1_000);
        let report = Mutex::new(Report::new(None, Say::default()).unwrap());
        fill(&plan, 1, &report, Filler::new(bulks)).unwrap();
        let mut rows = Vec::new();
        while let Ok(bulk) = filled.try_recv() {
            rows.extend(bulk);
        }
        rows
    }

    fn keys(rows: &[BulkRow]) -> std::collections::BTreeSet<String> {
        let source = |row: &BulkRow| serde_json::from_slice::<Json>(&row.body).unwrap()["source"].to_string();
        rows.iter().map(source).collect()
    }

    #[test]
    fn growing_a_demo_adds_shops_and_touches_none_that_are_there() {
        let (few, rest) = (seeded(Plan { from: 0, to: 30 }), seeded(Plan { from: 30, to: 80 }));
        let all = keys(&seeded(Plan { from: 0, to: 80 }));
        assert_eq!((few.len(), rest.len(), all.len()), (30, 50, 80));
        assert_eq!(&keys(&few) | &keys(&rest), all);
    }

    #[test]
    fn above_the_real_shops_come_copies_of_another_source() {
        let rows = seeded(Plan { from: REAL_SHOPS - 2, to: REAL_SHOPS + 3 });
        let copies = keys(&rows).iter().filter(|source| source.contains("fhrs-london-copy-1")).count();
        assert_eq!((rows.len(), copies), (5, 3));
    }

    #[test]
    fn every_shop_of_london_can_be_imported() {
        let mut mapping = Mapping::parse(Path::new(MAPPING_FILE), MAPPING).unwrap();
        mapping.generate.clear();
        let (mut read, mut shaped) = (0, 0);
        rows::read(Path::new(SHOPS_FILE), SHOPS, &mapping.input, &mapping.columns(), &mut |_, json| {
            read += 1;
            shaped += u32::from(shape::shape(&mapping, 1, &json.unwrap()).is_ok());
            true
        })
        .unwrap();
        assert_eq!((read, shaped), (71_155, 71_155));
    }
}

//! Makes `data/london-shops.csv.gz` from the Food Standards Agency's files, one JSON file (gzip) per borough:
//! `cargo run --release -p shopfront --example london_shops -- FOLDER data/london-shops.csv.gz`.
//!
//! The same input gives the same bytes: rows in the order of their IDs, no time in the gzip header.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use flate2::{Compression, GzBuilder, read::GzDecoder};
use serde::Deserialize;

#[derive(Deserialize)]
struct Borough {
    establishments: Vec<Establishment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Establishment {
    #[serde(rename = "FHRSID")]
    id: u64,
    business_name: String,
    business_type: String,
    address_line1: Option<String>,
    address_line2: Option<String>,
    address_line3: Option<String>,
    address_line4: Option<String>,
    post_code: Option<String>,
    rating_value: String,
    rating_date: Option<String>,
    #[serde(rename = "geocode")]
    geocode: Geocode,
}

#[derive(Deserialize)]
struct Geocode {
    latitude: Option<String>,
    longitude: Option<String>,
}

/// Latitude, longitude.
type Place = (f64, f64);

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (Some(folder), Some(target), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        anyhow::bail!("expected two arguments: the folder of `*.json.gz` and the file to write");
    };
    let shops = read_all(&folder)?;
    let districts = district_centroids(shops.values());
    write_all(&target, shops.values(), &districts)
}

fn read_all(folder: &Path) -> anyhow::Result<BTreeMap<u64, Establishment>> {
    let mut shops = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let borough: Borough = serde_json::from_reader(BufReader::new(GzDecoder::new(File::open(&path)?)))
            .with_context(|| path.display().to_string())?;
        shops.extend(borough.establishments.into_iter().map(|shop| (shop.id, shop)));
    }
    Ok(shops)
}

/// The geocode, if there is one and it lies in London: some rows without a full postcode point to Yorkshire.
fn place_of(shop: &Establishment) -> Option<Place> {
    let lat: f64 = shop.geocode.latitude.as_deref()?.parse().ok()?;
    let lng: f64 = shop.geocode.longitude.as_deref()?.parse().ok()?;
    let in_london = (51.28..51.70).contains(&lat) && (-0.52..0.34).contains(&lng);
    in_london.then_some((lat, lng))
}

/// `SW6` of `SW6 4PU`. Businesses in private homes are published with this half only.
fn district_of(shop: &Establishment) -> Option<&str> {
    shop.post_code.as_deref()?.split_whitespace().next()
}

fn district_centroids<'a>(shops: impl Iterator<Item = &'a Establishment>) -> BTreeMap<&'a str, Place> {
    let mut sums: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
    for (district, (lat, lng)) in shops.filter_map(|shop| Some((district_of(shop)?, place_of(shop)?))) {
        let sum = sums.entry(district).or_default();
        *sum = (sum.0 + lat, sum.1 + lng, sum.2 + 1.0);
    }
    sums.into_iter().map(|(district, (lat, lng, count))| (district, (lat / count, lng / count))).collect()
}

fn write_all<'a>(
    target: &Path,
    shops: impl Iterator<Item = &'a Establishment>,
    districts: &BTreeMap<&str, Place>,
) -> anyhow::Result<()> {
    let gzip = GzBuilder::new().mtime(0).write(File::create(target)?, Compression::best());
    let mut csv = csv::Writer::from_writer(gzip);
    csv.write_record([
        "fhrsid",
        "name",
        "type",
        "address",
        "postcode",
        "lat",
        "lng",
        "located",
        "rating",
        "inspected",
    ])?;
    let (mut geocoded, mut by_district, mut dropped) = (0_u32, 0_u32, 0_u32);
    for shop in shops {
        let district = district_of(shop).and_then(|district| districts.get(district).copied());
        let (place, located) = match (place_of(shop), district) {
            (Some(place), _) => (place, "geocode"),
            (None, Some(place)) => (place, "postcode_district"),
            (None, None) => {
                dropped += 1;
                continue;
            }
        };
        *(if located == "geocode" { &mut geocoded } else { &mut by_district }) += 1;
        csv.write_record(record_of(shop, place, located))?;
    }
    csv.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?.finish()?.flush()?;
    writeln!(std::io::stderr(), "geocoded {geocoded}, by district {by_district}, dropped {dropped}")?;
    Ok(())
}

fn record_of(shop: &Establishment, (lat, lng): Place, located: &str) -> [String; 10] {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = [&shop.address_line1, &shop.address_line2, &shop.address_line3, &shop.address_line4];
    let lines: Vec<String> =
        lines.into_iter().flatten().map(|line| words(line)).filter(|line| !line.is_empty()).collect();
    [
        shop.id.to_string(),
        words(&shop.business_name),
        shop.business_type.clone(),
        lines.join(", "),
        words(shop.post_code.as_deref().unwrap_or_default()),
        format!("{lat:.5}"),
        format!("{lng:.5}"),
        located.to_owned(),
        shop.rating_value.clone(),
        shop.rating_date.as_deref().unwrap_or_default().chars().take(10).collect(),
    ]
}

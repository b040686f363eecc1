//! A list part -> one document of the index (pure). What stands there is what the embedded lists compare.

use serde::Serialize;
use shop_document::hours::WEEK_MINUTES;
use shop_document::{ListPart, Place};
use shop_id::ShopId;

use super::clock::changes_of_two_weeks;
use crate::normalise;
use crate::rank::clamped_amount;
use crate::shop::{rating_microstars, weighted_microstars};
use crate::text::{Gram, ShopText, searched};

/// See [`super::mapping`] for the meaning of the members.
#[derive(Debug, Serialize)]
pub(crate) struct ShopDocument {
    shop: i64,
    cells: Vec<String>,
    categories: Vec<String>,
    zone: String,
    hours: Vec<Range<u16>>,
    pauses: Vec<Range<i64>>,
    week: Vec<u16>,
    edges: Vec<i64>,
    ads: Vec<Ad>,
    rating: u32,
    weighted: u32,
    fee: i64,
    min_order: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lat: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lng: Option<f64>,
    grams: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Range<T> {
    gte: T,
    lt: T,
}

#[derive(Debug, Serialize)]
struct Ad {
    starts: i64,
    ends: i64,
    /// Plus one: an ad that weighs nothing is more than none.
    weight: u32,
}

#[derive(Debug, Serialize)]
struct Point {
    lat: f64,
    lon: f64,
}

impl ShopDocument {
    /// `None`: the shop stands in no list.
    pub(crate) fn of(shop_id: ShopId, part: &ListPart, with_words: bool) -> Option<Self> {
        let text = ShopText::of(part);
        let cells: Vec<String> = text.cells.iter().copied().filter_map(cell_word).collect();
        if cells.is_empty() {
            return None;
        }
        let times = &part.flat().times;
        let open = times.open_minutes.iter().map(|range| (range.0.to_native(), range.1.to_native()));
        // A range that ends where it begins is refused by engines, and is open at no minute.
        let open: Vec<(u16, u16)> =
            open.filter(|(opens, closes)| opens < closes && *closes <= WEEK_MINUTES).collect();
        let pauses = times.pauses.iter().map(|pause| (pause.0.to_native(), pause.1.to_native()));
        let pauses: Vec<(i64, i64)> = pauses.filter(|(from, until)| from < until).collect();
        let ads: Vec<Ad> = part
            .campaigns()
            .iter()
            .map(|ad| Ad {
                starts: ad.starts.to_native(),
                ends: ad.ends.to_native(),
                weight: u32::from(ad.weight.to_native()) + 1,
            })
            .collect();
        let mut edges: Vec<i64> = ads.iter().flat_map(|ad| [ad.starts, ad.ends]).collect();
        edges.extend(pauses.iter().flat_map(|(from, until)| [*from, *until]));
        edges.sort_unstable();
        edges.dedup();
        let (stars, reviews) = part.stars();
        let place = on_the_map(part.location());
        Some(Self {
            shop: signed(shop_id),
            cells,
            categories: part.categories().map(str::to_owned).collect(),
            zone: times.time_zone.to_string(),
            week: changes_of_two_weeks(&open),
            hours: open.into_iter().map(|(gte, lt)| Range { gte, lt }).collect(),
            pauses: pauses.into_iter().map(|(gte, lt)| Range { gte, lt }).collect(),
            edges,
            ads,
            rating: rating_microstars(stars, reviews),
            weighted: weighted_microstars(stars, reviews),
            fee: clamped_amount(part.lowest_fee_amount()),
            min_order: clamped_amount(part.min_order_amount()),
            place: place.map(|place| Point { lat: place.lat, lon: place.lng }),
            lat: place.map(|place| place.lat),
            lng: place.map(|place| place.lng),
            grams: text.grams.iter().map(|gram| gram_word(*gram)).collect(),
            words: with_words.then(|| normalise(&searched(part).join(" "))),
        })
    }
}

/// The number in an index that has the place of this ID.
pub(crate) const fn signed(shop_id: ShopId) -> i64 {
    (shop_id.get() ^ (1 << 63)).cast_signed()
}

/// The ID of a number in an index; `None`: of no shop.
pub(crate) fn shop_id_of(signed: i64) -> Option<ShopId> {
    ShopId::new(signed.cast_unsigned() ^ (1 << 63))
}

/// `None`: lists are kept for cells of another resolution.
pub(crate) fn cell_word(index: u64) -> Option<String> {
    let cell = h3o::CellIndex::try_from(index).ok()?;
    (cell.resolution() == h3o::Resolution::Eight).then(|| cell.to_string())
}

/// One or two characters.
pub(crate) fn gram_word(gram: Gram) -> String {
    let character = |code: u64| u32::try_from(code).ok().and_then(char::from_u32);
    let both = [character(gram >> 21), character(gram & 0x1f_ffff)];
    both.into_iter().flatten().filter(|character| *character != '\0').collect()
}

fn on_the_map(place: Place) -> Option<Place> {
    let is_there = (-90.0..=90.0).contains(&place.lat) && (-180.0..=180.0).contains(&place.lng);
    is_there.then_some(place)
}

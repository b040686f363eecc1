//! Places in an order as an engine sorts by them, and as cursors carry them: one and the same.
//!
//! Engines sort by three values: a score, a number, the shop. The score is a sum of whole numbers below 2^24, which a
//! float holds exactly: [`OPEN`] for an open shop, plus the weight of its running ad or the pairs of characters that
//! match, where the order begins with those. All other values are whole numbers that the index holds as such.

use serde::Deserialize;
use serde_json::{Value, json};
use shop_document::Place;
use shop_id::ShopId;

use super::document::{shop_id_of, signed};
use crate::Sort;
use crate::distance::CellCentre;
use crate::rank::{AMOUNT_HALF, NOT_OPEN, Standing, VALUE_MAX};

/// Above the heaviest ad and the most pairs.
pub(crate) const OPEN: u32 = 1 << 20;
/// How far an engine's metres may be from ours: it rounds places to centimetres, sines to decimetres, and has a globe
/// that is a millionth larger or smaller.
const SLACK_M: f64 = 2.0;
const SLACK_SHARE: f64 = 1e-6;

/// What a list is sorted by, or, `None`, what was found by a text: what matches best first.
pub(crate) type Order = Option<Sort>;

/// One hit of an engine's answer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Hit {
    pub(crate) sort: (f64, Number, i64),
    #[serde(default)]
    fields: Exact,
}

/// A value in JSON, where what is endless is a word.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Number {
    Whole(i64),
    Real(f64),
    Endless(String),
}

/// Where the kitchen is; empty for one that is on no map.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Exact {
    #[serde(default)]
    lat: Option<[f64; 1]>,
    #[serde(default)]
    lng: Option<[f64; 1]>,
}

impl Number {
    const fn metres(&self) -> f64 {
        match self {
            // Exact up to 2^53.
            #[allow(clippy::cast_precision_loss)]
            Self::Whole(metres) => *metres as f64,
            Self::Real(metres) => *metres,
            Self::Endless(_) => f64::INFINITY,
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Whole(number) => json!(number),
            Self::Real(number) => json!(number),
            Self::Endless(word) => json!(word),
        }
    }
}

/// The values that an order has between score and shop.
pub(crate) fn sort_by(order: Order, centre: h3o::LatLng) -> Value {
    let middle = match order {
        Some(Sort::Distance) => json!({"_geo_distance": {
            "place": {"lat": centre.lat(), "lon": centre.lng()}, "order": "asc", "unit": "m",
        }}),
        Some(Sort::Rating) => json!({"rating": "desc"}),
        Some(Sort::DeliveryFee) => json!({"fee": "asc"}),
        Some(Sort::MinOrder) => json!({"min_order": "asc"}),
        Some(Sort::Recommended) | None => json!({"weighted": "desc"}),
    };
    json!([{"_score": "desc"}, middle, {"shop": "asc"}])
}

/// Where an engine has to go on so that it leaves out nothing behind a place. By distance it begins a little before:
/// see [`standing`].
pub(crate) fn search_after(order: Order, after: Standing) -> Value {
    let open = if after.rank & NOT_OPEN == 0 { OPEN } else { 0 };
    let value = after.rank & VALUE_MAX;
    let turned = VALUE_MAX - value;
    let shop = signed(after.shop_id);
    match order {
        // The upper half of a made-up cursor may be anything; it then shows another place of the list.
        Some(Sort::Recommended) | None => {
            json!([u64::from(open) + (turned >> 32), turned & u64::from(u32::MAX), shop])
        }
        Some(Sort::Rating) => json!([open, turned, shop]),
        Some(Sort::DeliveryFee | Sort::MinOrder) => {
            json!([open, i64::try_from(value).unwrap_or(i64::MAX) - AMOUNT_HALF, shop])
        }
        Some(Sort::Distance) => {
            let metres = f64::from(u32::try_from(value).unwrap_or(u32::MAX));
            json!([open, (metres - slack(metres)).max(-1.0), i64::MAX])
        }
    }
}

/// The same behind the last hit of an answer.
pub(crate) fn search_on(last: &Hit) -> Value {
    json!([last.sort.0, last.sort.1.json(), last.sort.2])
}

/// The place of a hit. `None`: no answer to such a question.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn standing(order: Order, hit: &Hit, centre: CellCentre) -> Option<Standing> {
    let shop_id = shop_id_of(hit.sort.2)?;
    let score = hit.sort.0 as u64;
    let (is_open, first) =
        if score >= u64::from(OPEN) { (true, score - u64::from(OPEN)) } else { (false, score) };
    let value = match (order, &hit.sort.1) {
        (Some(Sort::Distance), _) => u64::from(metres(hit, centre)),
        (Some(Sort::Recommended) | None, Number::Whole(weighted)) => {
            VALUE_MAX.checked_sub(first << 32 | u64::try_from(*weighted).ok()?)?
        }
        (Some(Sort::Rating), Number::Whole(rating)) => VALUE_MAX.checked_sub(u64::try_from(*rating).ok()?)?,
        (Some(Sort::DeliveryFee | Sort::MinOrder), Number::Whole(amount)) => {
            u64::try_from(amount.checked_add(AMOUNT_HALF)?).ok()?
        }
        _ => return None,
    };
    Some(Standing { rank: if is_open { value } else { value | NOT_OPEN }, shop_id })
}

/// The least place that a shop behind this hit of a distance list can have: nearer ones are all in hand.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn least_behind(last: &Hit) -> Standing {
    let metres = last.sort.1.metres();
    // A float becomes the nearest number that fits.
    let value = u64::from((metres - slack(metres)).max(0.0) as u32);
    let is_open = last.sort.0 >= f64::from(OPEN);
    Standing { rank: if is_open { value } else { value | NOT_OPEN }, shop_id: FIRST }
}

/// The least of all IDs.
const FIRST: ShopId = match ShopId::new(1) {
    Some(first) => first,
    None => unreachable!(),
};

fn metres(hit: &Hit, centre: CellCentre) -> u32 {
    match (hit.fields.lat, hit.fields.lng) {
        (Some([lat]), Some([lng])) => centre.distance_m(Place { lat, lng }),
        _ => u32::MAX,
    }
}

fn slack(metres: f64) -> f64 {
    if metres.is_finite() { SLACK_M + metres * SLACK_SHARE } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hit(sort: &Value) -> Hit {
        serde_json::from_value(json!({"sort": sort})).unwrap()
    }

    fn centre() -> CellCentre {
        CellCentre::of(h3o::CellIndex::try_from(0x0881_95da_49bf_ffff).unwrap())
    }

    proptest! {
        /// All but distance, where an engine's metres are not ours.
        #[test]
        fn a_place_that_is_sent_comes_back(
            order in prop::sample::select(vec![
                None, Some(Sort::Recommended), Some(Sort::Rating), Some(Sort::DeliveryFee), Some(Sort::MinOrder),
            ]),
            first in 0_u64..65_537,
            second: u32,
            amount in 0_u64..=VALUE_MAX,
            is_closed: bool,
            shop_id in 1_u64..,
        ) {
            let value = match order {
                Some(Sort::DeliveryFee | Sort::MinOrder) => amount,
                Some(Sort::Rating) => VALUE_MAX - u64::from(second),
                _ => VALUE_MAX - (first << 32 | u64::from(second)),
            };
            let rank = value | u64::from(is_closed) << 63;
            let place = Standing { rank, shop_id: ShopId::new(shop_id).unwrap() };
            let sent = search_after(order, place);
            prop_assert_eq!(standing(order, &hit(&sent), centre()), Some(place));
        }

        #[test]
        fn any_cursor_is_a_question_that_engines_understand(rank: u64, shop_id in 1_u64.., sort in prop::sample::select(Sort::ALL.to_vec())) {
            let place = Standing { rank, shop_id: ShopId::new(shop_id).unwrap() };
            let sent = search_after(Some(sort), place);
            prop_assert!(sent[0].as_f64().unwrap().is_finite());
            prop_assert!(sent[1].is_i64() || sent[1].as_f64().unwrap().is_finite());
            prop_assert!(sent[2].is_i64());
        }
    }

    #[test]
    fn a_kitchen_on_no_map_is_the_farthest() {
        let lost = hit(&json!([1_048_576.0, "Infinity", 5]));
        let place = standing(Some(Sort::Distance), &lost, centre()).unwrap();
        assert_eq!(place.rank, u64::from(u32::MAX));
        assert_eq!(search_on(&lost), json!([1_048_576.0, "Infinity", 5]));
        assert_eq!(least_behind(&lost).rank, u64::from(u32::MAX));
    }
}

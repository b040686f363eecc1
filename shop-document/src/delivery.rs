//! An exact place -> whether the shop delivers there, how far that is, and the fee ladder as it was rendered.
//!
//! The cells of a shop are those that its area touches: lists are generous. This is the answer itself.

use h3o::LatLng;
use serde_json::value::RawValue;

use crate::document::{DetailPart, ListPart};
use crate::sections::{ArchivedArea, Place};

const FEE_LADDER: &[u8] = b"\"delivery_fee\":";

impl DetailPart {
    /// Whether a place lies in the delivery area; the border belongs to a circle. `kitchen` is the list part's
    /// location. Nobody delivers to a place that is on no map.
    #[must_use]
    pub fn delivers_to(&self, kitchen: Place, place: Place) -> bool {
        if !self.is_visible() || metres_between(kitchen, place).is_none() {
            return false;
        }
        match &self.flat().area {
            ArchivedArea::Circle(radius_m) => {
                metres_between(kitchen, place).is_some_and(|metres| metres <= f64::from(radius_m.to_native()))
            }
            ArchivedArea::Ring(corners) => {
                let corners = corners
                    .iter()
                    .map(|corner| Place { lat: corner.lat.to_native(), lng: corner.lng.to_native() });
                is_within(corners, kitchen.lng, place)
            }
        }
    }
}

impl ListPart {
    /// The rungs of the fee ladder, ascending, as JSON; `None` for an invisible shop and for one that has none. The
    /// fee depends on how much is ordered, not on where to.
    #[must_use]
    pub fn delivery_fee(&self) -> Option<&str> {
        let members = self.shop_members()?;
        // Within a text the quotes would stand behind backslashes, so this is the member itself.
        let at = members.windows(FEE_LADDER.len()).position(|bytes| bytes == FEE_LADDER)?;
        let ladder = serde_json::Deserializer::from_slice(&members[at + FEE_LADDER.len()..]);
        ladder.into_iter::<&RawValue>().next()?.ok().map(RawValue::get)
    }
}

/// Whole metres of the great circle, rounded down, as in lists; `u32::MAX` for a place that is on no map.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn distance_m(one: Place, other: Place) -> u32 {
    // A float becomes the nearest number that fits, never a wrong one.
    metres_between(one, other).map_or(u32::MAX, |metres| metres as u32)
}

/// Half around the globe of h3.
const ANTIPODES_M: f64 = 20_015_109.0;

fn metres_between(one: Place, other: Place) -> Option<f64> {
    let on_globe = |place: Place| {
        let is_somewhere = place.lat.abs() <= 90.0 && place.lng.abs() <= 180.0;
        if is_somewhere { LatLng::new(place.lat, place.lng).ok() } else { None }
    };
    // Not a number at antipodes, where rounding takes the half chord past the radius.
    Some(on_globe(one)?.distance_m(on_globe(other)?)).filter(|metres| !metres.is_nan()).or(Some(ANTIPODES_M))
}

/// Even-odd on a map of degrees, with longitudes counted from the kitchen's, so that a ring over the date line is in
/// one piece: how often a line from the place to the far east crosses the border.
fn is_within(corners: impl Iterator<Item = Place> + Clone, meridian: f64, place: Place) -> bool {
    let on_map = |at: Place| [(at.lng - meridian + 180.0).rem_euclid(360.0) - 180.0, at.lat];
    let [x, y] = on_map(place);
    let corners = corners.map(on_map);
    let edges = corners.clone().zip(corners.cycle().skip(1));
    let crossed = edges
        .filter(|([ax, ay], [bx, by])| (*ay > y) != (*by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax);
    // With fewer than three corners each line is crossed there and back.
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shop_id::{Revision, ShopId};

    use super::*;
    use crate::{Area, Held, Sections, ShopDocument, ShopSection};

    const KITCHEN: Place = Place { lat: 51.5, lng: -0.1 };

    fn document(section: ShopSection) -> ShopDocument {
        let sections = Sections { shop: Held::Present(Revision::new(1, 1), section), ..Sections::default() };
        ShopDocument::assemble(ShopId::new(7).unwrap(), &sections)
    }

    fn with_area(kitchen: Place, area: Area) -> impl Fn(f64, f64) -> bool {
        let detail = document(ShopSection { location: kitchen, area, ..ShopSection::default() }).detail;
        move |lat, lng| detail.delivers_to(kitchen, Place { lat, lng })
    }

    fn ring(corners: &[(f64, f64)]) -> Area {
        Area::Ring(corners.iter().map(|&(lat, lng)| Place { lat, lng }).collect())
    }

    #[test]
    fn a_circle_ends_where_its_radius_does() {
        let delivers_to = with_area(KITCHEN, Area::Circle(1_000));
        // A thousandth of a degree to the north is 111.2 m.
        for (lat, lng, expected) in [
            (51.5, -0.1, true),
            (51.508_9, -0.1, true),
            (51.509, -0.1, false),
            (51.5, -0.114_4, true),
            (51.5, -0.114_5, false),
            (-51.5, 179.9, false),
            (91.0, 0.0, false),
            (f64::NAN, 0.0, false),
        ] {
            assert_eq!(delivers_to(lat, lng), expected, "{lat}, {lng}");
        }
    }

    #[test]
    fn a_ring_has_an_inside_also_where_it_is_bent_or_lies_on_the_date_line() {
        // A horseshoe, open to the north.
        let horseshoe = ring(&[
            (51.52, -0.14),
            (51.48, -0.14),
            (51.48, -0.06),
            (51.52, -0.06),
            (51.52, -0.08),
            (51.49, -0.08),
            (51.49, -0.12),
            (51.52, -0.12),
        ]);
        let delivers_to = with_area(KITCHEN, horseshoe);
        assert!(delivers_to(51.51, -0.13) && delivers_to(51.51, -0.07) && delivers_to(51.485, -0.1));
        assert!(!delivers_to(51.51, -0.1), "not even to itself");
        assert!(!delivers_to(51.53, -0.13));

        let fiji = Place { lat: -17.0, lng: 179.99 };
        let delivers_to =
            with_area(fiji, ring(&[(-16.9, 179.9), (-16.9, -179.9), (-17.1, -179.9), (-17.1, 179.9)]));
        assert!(delivers_to(-17.0, -179.95) && delivers_to(-17.0, 179.95) && !delivers_to(-17.0, 0.0));
    }

    #[test]
    fn what_is_no_area_is_delivered_to_by_nobody() {
        for corners in [&[][..], &[(51.4, -0.1)], &[(51.4, -0.1), (51.6, -0.1)]] {
            assert!(!with_area(KITCHEN, ring(corners))(51.5, -0.1), "{corners:?}");
        }
        let gone = Sections { shop: Held::Gone(Revision::new(1, 2)), ..Sections::default() };
        let detail = ShopDocument::assemble(ShopId::new(7).unwrap(), &gone).detail;
        assert!(!detail.delivers_to(KITCHEN, KITCHEN));
    }

    #[test]
    fn the_fee_ladder_is_taken_from_the_card_whatever_the_shop_is_called() {
        let ladder = |card: &str| {
            let section = ShopSection { card: card.to_owned(), ..ShopSection::default() };
            document(section).list.delivery_fee().map(str::to_owned)
        };
        let rungs =
            r#"[{"order_at_least":{"amount":0,"currency":"GBP"},"fee":{"amount":199,"currency":"GBP"}}]"#;
        assert_eq!(
            ladder(&format!(r#""name":"a \"delivery_fee\":[1] b","delivery_fee":{rungs},"min_order":1"#)),
            Some(rungs.to_owned())
        );
        assert_eq!(ladder(r#""name":"x","delivery_fee":[],"min_order":1"#), Some("[]".to_owned()));
        assert_eq!(ladder(r#""name":"delivery_fee""#), None);
    }

    #[test]
    fn distances_are_those_of_lists() {
        let place = |lat, lng| Place { lat, lng };
        assert_eq!(distance_m(KITCHEN, KITCHEN), 0);
        assert_eq!(distance_m(KITCHEN, place(51.501, -0.1)), 111);
        assert_eq!(distance_m(KITCHEN, place(f64::NAN, 0.0)), u32::MAX);
    }

    proptest! {
        /// A ring of many corners around the kitchen holds what lies well within it, and nothing well without.
        #[test]
        fn a_round_ring_is_a_circle(
            lat in -60.0_f64..60.0,
            lng in -180.0_f64..180.0,
            bearing in 0.0_f64..std::f64::consts::TAU,
            part in 0.0_f64..2.0,
        ) {
            let kitchen = Place { lat, lng };
            let at = |bearing: f64, radius: f64| {
                let east = lng + bearing.sin() * radius / lat.to_radians().cos();
                (lat + bearing.cos() * radius, (east + 180.0).rem_euclid(360.0) - 180.0)
            };
            let corners: Vec<_> = (0..100).map(|n| at(f64::from(n) * std::f64::consts::TAU / 100.0, 0.02)).collect();
            let (to_lat, to_lng) = at(bearing, 0.02 * part);
            let delivers = with_area(kitchen, ring(&corners))(to_lat, to_lng);
            prop_assert!((0.99..1.01).contains(&part) || delivers == (part < 1.0), "{}", part);
        }
    }
}

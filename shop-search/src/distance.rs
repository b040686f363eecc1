//! How far a kitchen is from the middle of a cell: one formula for the order of a list and for the card in it.

use h3o::{CellIndex, LatLng};
use shop_document::Place;

/// The radius of a globe with the surface of the earth, as h3 has it.
const EARTH_RADIUS_M: f64 = 6_371_007.180_918_475;
/// Up to so many radians, 640 km, sines are short sums whose first missing term is below a millionth of a millimetre.
const NEAR: f64 = 0.1;

/// The middle of a cell.
#[derive(Clone, Copy, Debug)]
pub struct CellCentre {
    /// Radians.
    lat: f64,
    lng: f64,
    sin_lat: f64,
    cos_lat: f64,
}

impl CellCentre {
    /// Of a cell.
    #[must_use]
    pub fn of(cell: CellIndex) -> Self {
        let centre = LatLng::from(cell);
        Self::at(centre.lat_radians(), centre.lng_radians())
    }

    fn at(lat: f64, lng: f64) -> Self {
        Self { lat, lng, sin_lat: lat.sin(), cos_lat: lat.cos() }
    }

    /// Whole metres of the great circle, rounded down; `u32::MAX` for a place that is no place.
    ///
    /// The haversine formula. A page asks it 25 times, and nearly all kitchens are near.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn distance_m(&self, place: Place) -> u32 {
        if !(place.lat.is_finite() && place.lng.is_finite()) {
            return u32::MAX;
        }
        let (north, east) = (place.lat.to_radians() - self.lat, place.lng.to_radians() - self.lng);
        let (half_north, half_east) = (north * 0.5, east * 0.5);
        let is_near = north.abs() < NEAR && east.abs() < NEAR;
        let (sin_north, sin_east, cos_place) = if is_near {
            // cos(a + b), a being known.
            let cos_place = self.cos_lat * cos(north) - self.sin_lat * sin(north);
            (sin(half_north), sin(half_east), cos_place)
        } else {
            (half_north.sin(), half_east.sin(), place.lat.to_radians().cos())
        };
        let squared = sin_north * sin_north + self.cos_lat * cos_place * sin_east * sin_east;
        let half_chord = squared.max(0.0).sqrt();
        let half_angle = if is_near { asin(half_chord) } else { half_chord.min(1.0).asin() };
        // A float becomes the nearest number that fits, never a wrong one.
        (2.0 * EARTH_RADIUS_M * half_angle) as u32
    }
}

/// Of less than [`NEAR`]. Quotients of constants, so that nothing is divided at run time.
fn sin(x: f64) -> f64 {
    let square = x * x;
    let sum = 1.0 / 120.0 - square * (1.0 / 5_040.0 - square * (1.0 / 362_880.0));
    x * (1.0 - square * (1.0 / 6.0 - square * sum))
}

/// Of less than [`NEAR`].
fn cos(x: f64) -> f64 {
    let square = x * x;
    let sum = 1.0 / 24.0 - square * (1.0 / 720.0 - square * (1.0 / 40_320.0));
    1.0 - square * (0.5 - square * sum)
}

/// Of less than [`NEAR`].
fn asin(x: f64) -> f64 {
    let square = x * x;
    let sum = 15.0 / 336.0 + square * (105.0 / 3_456.0 + square * (945.0 / 42_240.0));
    x * (1.0 + square * (1.0 / 6.0 + square * (3.0 / 40.0 + square * sum)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_kitchen_is_as_far_as_the_map_says() {
        let centre = CellCentre::at(51.5_f64.to_radians(), (-0.1_f64).to_radians());
        for (place, distance_m) in [
            (Place { lat: 51.5, lng: -0.1 }, 0),
            // A thousandth of a degree of latitude, on a globe of 40,030 km.
            (Place { lat: 51.501, lng: -0.1 }, 111),
            // The same to the east, times the cosine of the latitude.
            (Place { lat: 51.5, lng: -0.101 }, 69),
            (Place { lat: f64::NAN, lng: 0.0 }, u32::MAX),
        ] {
            assert_eq!(centre.distance_m(place), distance_m, "{place:?}");
        }
    }

    proptest! {
        /// Near kitchens and far ones, over the date line and at the poles.
        #[test]
        fn the_formula_is_the_one_of_h3(
            (lat, lng) in (-90.0_f64..90.0, -180.0_f64..180.0),
            (north, east) in (-1.0_f64..1.0, -1.0_f64..1.0),
            scale in prop::sample::select(vec![0.001, 0.05, 1.0, 5.72, 5.74, 90.0]),
        ) {
            let place = Place { lat: (lat + north * scale).clamp(-90.0, 90.0), lng: lng + east * scale };
            let centre = LatLng::new(lat, lng).unwrap();
            let exact = centre.distance_m(LatLng::new(place.lat, place.lng).unwrap());
            let metres = CellCentre::at(lat.to_radians(), lng.to_radians()).distance_m(place);
            prop_assert!((f64::from(metres) + 0.5 - exact).abs() < 0.500_1 + exact * 1e-9, "{} and {}", metres, exact);
        }
    }
}

//! How far a kitchen is from the middle of a cell: one formula for the order of a list and for the card in it.

use h3o::{CellIndex, LatLng};
use shop_document::Place;

/// The middle of a cell.
#[derive(Clone, Copy, Debug)]
pub struct CellCentre(LatLng);

impl CellCentre {
    /// Of a cell.
    #[must_use]
    pub fn of(cell: CellIndex) -> Self {
        Self(LatLng::from(cell))
    }

    /// Whole metres of the great circle, rounded down; `u32::MAX` for a place that is not on the globe.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn distance_m(self, place: Place) -> u32 {
        // A float becomes the nearest number that fits, never a wrong one.
        LatLng::new(place.lat, place.lng).map_or(u32::MAX, |kitchen| self.0.distance_m(kitchen) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kitchen_is_as_far_as_the_map_says() {
        let centre = CellCentre(LatLng::new(51.5, -0.1).unwrap());
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
}

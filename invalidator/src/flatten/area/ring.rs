//! Corners, joined by lines that are straight on a map of degrees: as `availability` judges an exact address.

use std::collections::HashSet;

use h3o::{CellIndex, LatLng};
use shop_document::Place;

use super::RESOLUTION;
use super::plane::{Point, contains, cross, lines};

const CORNERS_MIN: usize = 3;
const CORNERS_MAX: usize = 200;

#[derive(Clone, Debug)]
pub(super) struct Ring {
    /// Degrees; longitudes are counted from here, so that a ring over the date line is in one piece.
    meridian: f64,
    corners: Vec<Point>,
    first: CellIndex,
    /// Cells in which a corner lies. Told by H3 itself, so that a ring within a single cell needs no geometry.
    holding: HashSet<CellIndex>,
}

impl Ring {
    /// # Errors
    /// What is wrong with the corners.
    pub(super) fn of(kitchen: Place, places: &[Place]) -> Result<Self, String> {
        if !(CORNERS_MIN..=CORNERS_MAX).contains(&places.len()) {
            let count = places.len();
            return Err(format!("`{count}` corners, expected {CORNERS_MIN} to {CORNERS_MAX}"));
        }
        let mut points = Vec::with_capacity(places.len());
        for (index, place) in places.iter().enumerate() {
            let point = super::point(*place);
            points.push(point.ok_or_else(|| {
                format!("corner {index} is `[{}, {}]`, which is nowhere", place.lat, place.lng)
            })?);
        }
        let meridian = kitchen.lng;
        let corners = points.iter().map(|point| on_map(meridian, *point)).collect();
        let cells: Vec<CellIndex> = points.iter().map(|point| point.to_cell(RESOLUTION)).collect();
        Ok(Self { meridian, corners, first: cells[0], holding: cells.into_iter().collect() })
    }

    /// The first corner's cell, which is touched.
    pub(super) const fn first(&self) -> CellIndex {
        self.first
    }

    pub(super) fn touches(&self, cell: CellIndex) -> bool {
        if self.holding.contains(&cell) || contains(&self.corners, on_map(self.meridian, LatLng::from(cell)))
        {
            return true;
        }
        let border: Vec<Point> = cell.boundary().iter().map(|point| on_map(self.meridian, *point)).collect();
        lines(&self.corners).any(|edge| lines(&border).any(|line| cross(edge, line)))
            // Only a ring that winds around the centre could hold a corner of the cell and not cross its border.
            || border.iter().any(|corner| contains(&self.corners, *corner))
    }
}

/// East of the meridian, north of the equator, in degrees.
fn on_map(meridian: f64, point: LatLng) -> Point {
    [(point.lng() - meridian + 180.0).rem_euclid(360.0) - 180.0, point.lat()]
}

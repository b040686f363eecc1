//! A circle around the kitchen.

use h3o::{CellIndex, LatLng};
use shop_document::Place;

use super::plane::{Plane, Point, distance_to_line, lines};

/// Added to the radius, so that roundings never hide a shop from somebody at the very edge.
const SLACK_M: f64 = 0.5;
/// How much smaller or larger than the kitchen's own cell the cells around it might be. Real ones differ by a few percent.
const SMALLER: f64 = 0.8;
const LARGER: f64 = 1.25;

#[derive(Clone, Copy, Debug)]
pub(super) struct Circle {
    plane: Plane,
    reach_m: f64,
    /// A cell whose centre is at most this far away is touched, whatever its exact shape.
    surely_m: f64,
    /// A cell whose centre is further away than this is not.
    possibly_m: f64,
}

impl Circle {
    pub(super) fn around(kitchen: Place, own: CellIndex, radius_m: u32) -> Self {
        let kitchen = LatLng::new(kitchen.lat, kitchen.lng).unwrap_or_default();
        let plane = Plane::around(kitchen);
        let (centre, corners) = (plane.at(LatLng::from(own)), corners(&plane, own));
        let inner_m = lines(&corners).map(|line| distance_to_line(centre, line)).fold(f64::MAX, f64::min);
        let outer_m = corners.iter().map(|corner| distance(*corner, centre)).fold(0.0, f64::max);
        let reach_m = f64::from(radius_m) + SLACK_M;
        Self { plane, reach_m, surely_m: reach_m + SMALLER * inner_m, possibly_m: reach_m + LARGER * outer_m }
    }

    /// For any cell but the kitchen's own.
    pub(super) fn touches(&self, cell: CellIndex) -> bool {
        let kitchen = [0.0, 0.0];
        let away_m = distance(self.plane.at(LatLng::from(cell)), kitchen);
        if away_m <= self.surely_m || away_m > self.possibly_m {
            return away_m <= self.surely_m;
        }
        let corners = corners(&self.plane, cell);
        lines(&corners).any(|line| distance_to_line(kitchen, line) <= self.reach_m)
    }
}

fn corners(plane: &Plane, cell: CellIndex) -> Vec<Point> {
    cell.boundary().iter().map(|corner| plane.at(*corner)).collect()
}

fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

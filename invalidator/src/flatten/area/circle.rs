//! A circle around the kitchen, ring of cells by ring of cells.

use h3o::{CellIndex, LatLng};

use super::plane::{EARTH_RADIUS_M, Plane, Point, distance, distance_to_line, lines};
use super::{CELLS_MAX, Touched};

/// Added to the radius, so that roundings never hide a shop from somebody at the very edge.
const SLACK_M: f64 = 0.5;
/// How much smaller or larger than the kitchen's own cell the cells around it might be. Real ones differ by a few percent.
const SMALLER: f64 = 0.8;
const LARGER: f64 = 1.25;

/// All cells that the circle touches, the kitchen's own first. No path leads out of a circle around a ring of cells without
/// passing it, so behind the first ring of which no cell is touched there is none.
pub(super) fn touched(kitchen: LatLng, own: CellIndex, radius_m: u32) -> Touched {
    let circle = Circle::around(kitchen, own, radius_m);
    let mut cells = vec![own];
    for steps in 1_u32.. {
        let found = cells.len();
        let ring = own.grid_ring::<Vec<_>>(steps);
        if circle.contains_steps(steps) {
            cells.extend(ring);
        } else {
            cells.extend(ring.into_iter().filter(|cell| circle.touches(*cell)));
        }
        if cells.len() == found || cells.len() > CELLS_MAX {
            break;
        }
    }
    Touched::bounded(cells)
}

struct Circle {
    plane: Plane,
    reach_m: f64,
    /// From the kitchen to the centre of its own cell, and from one centre to the next, at most.
    first_step_m: f64,
    step_m: f64,
    /// A cell whose centre is at most this far away is touched, whatever its exact shape.
    surely: Cosine,
    /// A cell whose centre is further away than this is not.
    possibly: Cosine,
}

impl Circle {
    fn around(kitchen: LatLng, own: CellIndex, radius_m: u32) -> Self {
        let plane = Plane::around(kitchen);
        let (centre, corners) = (plane.at(LatLng::from(own)), corners(&plane, own));
        let inner_m = lines(&corners).map(|line| distance_to_line(centre, line)).fold(f64::MAX, f64::min);
        let outer_m = corners.iter().map(|corner| distance(*corner, centre)).fold(0.0, f64::max);
        let reach_m = f64::from(radius_m) + SLACK_M;
        Self {
            plane,
            reach_m,
            first_step_m: distance(centre, [0.0, 0.0]),
            step_m: LARGER * 2.0 * outer_m,
            surely: Cosine::of(reach_m + SMALLER * inner_m),
            possibly: Cosine::of(reach_m + LARGER * outer_m),
        }
    }

    /// Whether every cell so many steps away is touched.
    fn contains_steps(&self, steps: u32) -> bool {
        let furthest_m = self.first_step_m + f64::from(steps) * self.step_m;
        self.surely <= Cosine::of(furthest_m)
    }

    /// For any cell but the kitchen's own.
    fn touches(&self, cell: CellIndex) -> bool {
        let away = Cosine(self.plane.cosine_to(LatLng::from(cell)));
        if away >= self.surely || away < self.possibly {
            return away >= self.surely;
        }
        let corners = corners(&self.plane, cell);
        lines(&corners).any(|line| distance_to_line([0.0, 0.0], line) <= self.reach_m)
    }
}

/// A distance on the sphere, the larger the nearer: comparing cosines spares an arc per cell, and is exact to less than a
/// millimetre here.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Cosine(f64);

impl Cosine {
    fn of(distance_m: f64) -> Self {
        Self((distance_m / EARTH_RADIUS_M).cos())
    }
}

fn corners(plane: &Plane, cell: CellIndex) -> Vec<Point> {
    cell.boundary().iter().map(|corner| plane.at(*corner)).collect()
}

//! Points and straight lines in a plane, and the plane of metres around a place.

use h3o::LatLng;

/// `[x, y]`: east, north.
pub(super) type Point = [f64; 2];

/// Metres of the sphere that H3 is drawn on.
pub(super) const EARTH_RADIUS_M: f64 = 6_371_007.180_918_475;

/// Azimuthal, equidistant: distances from the centre are exact, and lines of a cell's size straight to the millimetre.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane {
    centre: [f64; 3],
    east: [f64; 3],
    north: [f64; 3],
}

impl Plane {
    pub(super) fn around(centre: LatLng) -> Self {
        let (sin_lat, cos_lat) = centre.lat_radians().sin_cos();
        let (sin_lng, cos_lng) = centre.lng_radians().sin_cos();
        Self {
            centre: on_sphere(centre),
            east: [-sin_lng, cos_lng, 0.0],
            north: [-sin_lat * cos_lng, -sin_lat * sin_lng, cos_lat],
        }
    }

    /// Metres from the centre.
    pub(super) fn at(&self, point: LatLng) -> Point {
        let point = on_sphere(point);
        let (x, y) = (along(&self.east, &point), along(&self.north, &point));
        let sine = x.hypot(y);
        // The arc is longer than its sine; nothing to stretch at the centre itself.
        let stretch = if sine > 0.0 { sine.atan2(along(&self.centre, &point)) / sine } else { 1.0 };
        [x * stretch * EARTH_RADIUS_M, y * stretch * EARTH_RADIUS_M]
    }

    /// Of the arc from the centre.
    pub(super) fn cosine_to(&self, point: LatLng) -> f64 {
        along(&self.centre, &on_sphere(point))
    }
}

fn on_sphere(point: LatLng) -> [f64; 3] {
    let (sin_lat, cos_lat) = point.lat_radians().sin_cos();
    let (sin_lng, cos_lng) = point.lng_radians().sin_cos();
    [cos_lat * cos_lng, cos_lat * sin_lng, sin_lat]
}

fn along(axis: &[f64; 3], point: &[f64; 3]) -> f64 {
    axis[0] * point[0] + axis[1] * point[1] + axis[2] * point[2]
}

pub(super) fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// From one point to the nearest one of a line between two others.
pub(super) fn distance_to_line(point: Point, [a, b]: [Point; 2]) -> f64 {
    let (ab, ap) = ([b[0] - a[0], b[1] - a[1]], [point[0] - a[0], point[1] - a[1]]);
    let length_squared = ab[0] * ab[0] + ab[1] * ab[1];
    let along = if length_squared > 0.0 { (ap[0] * ab[0] + ap[1] * ab[1]) / length_squared } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (ap[0] - along * ab[0]).hypot(ap[1] - along * ab[1])
}

/// Lines between each point and the next one, and back to the first.
pub(super) fn lines(points: &[Point]) -> impl Iterator<Item = [Point; 2]> {
    points.iter().zip(points.iter().cycle().skip(1)).map(|(a, b)| [*a, *b])
}

/// Whether two lines have a point in common, ends included.
pub(super) fn cross([a, b]: [Point; 2], [c, d]: [Point; 2]) -> bool {
    let overlap = |axis: usize| {
        a[axis].min(b[axis]) <= c[axis].max(d[axis]) && c[axis].min(d[axis]) <= a[axis].max(b[axis])
    };
    // Positive: `point` lies to the left of the line.
    let side = |from: Point, to: Point, point: Point| {
        (to[0] - from[0]) * (point[1] - from[1]) - (to[1] - from[1]) * (point[0] - from[0])
    };
    overlap(0) && overlap(1) && side(a, b, c) * side(a, b, d) <= 0.0 && side(c, d, a) * side(c, d, b) <= 0.0
}

/// Even-odd: how often a line from the point to the far east crosses the border.
pub(super) fn contains(ring: &[Point], point: Point) -> bool {
    let crossed = lines(ring).filter(|[a, b]| {
        let is_between = (a[1] > point[1]) != (b[1] > point[1]);
        is_between && point[0] < (b[0] - a[0]) * (point[1] - a[1]) / (b[1] - a[1]) + a[0]
    });
    crossed.count() % 2 == 1
}

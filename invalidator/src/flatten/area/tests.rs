//! Against an oracle that knows nothing of the geometry above: points are asked which cell they lie in, distances
//! are H3's own.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Between the points of a sampled border or edge, metres.
const STEP_M: f64 = 10.0;
const DEGREE_M: f64 = 111_195.0;

fn place(lat: f64, lng: f64) -> Place {
    Place { lat, lng }
}

fn latlng(place: Place) -> LatLng {
    LatLng::new(place.lat, place.lng).unwrap()
}

fn found(kitchen: Place, area: &Area) -> BTreeSet<CellIndex> {
    let mut left_out = Vec::new();
    let cells = cells(kitchen, area, &mut left_out);
    assert_eq!(left_out, []);
    assert!(cells.is_sorted() && !cells.is_empty());
    cells.into_iter().map(|cell| CellIndex::try_from(cell).unwrap()).collect()
}

/// Points of the line between two, the ends included.
fn between(a: LatLng, b: LatLng) -> impl Iterator<Item = LatLng> {
    let steps = (a.distance_m(b) / STEP_M).ceil().max(1.0);
    let eastwards = (b.lng() - a.lng() + 180.0).rem_euclid(360.0) - 180.0;
    (0..=steps as u32).map(move |step| {
        let part = f64::from(step) / steps;
        LatLng::new(a.lat() + part * (b.lat() - a.lat()), a.lng() + part * eastwards).unwrap()
    })
}

/// The point so many metres from another, in a direction.
fn away(from: LatLng, metres: f64, direction: f64) -> LatLng {
    let arc = metres / h3o_radius_m();
    let (sin_lat, cos_lat) = from.lat_radians().sin_cos();
    let lat = (sin_lat * arc.cos() + cos_lat * arc.sin() * direction.cos()).asin();
    let east = (direction.sin() * arc.sin() * cos_lat).atan2(arc.cos() - sin_lat * lat.sin());
    let lng = (from.lng_radians() + east + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
        - std::f64::consts::PI;
    LatLng::from_radians(lat, lng).unwrap()
}

/// As H3 measures, told by a distance that is known.
fn h3o_radius_m() -> f64 {
    let (equator, pole) = (LatLng::new(0.0, 0.0).unwrap(), LatLng::new(90.0, 0.0).unwrap());
    equator.distance_m(pole) / std::f64::consts::FRAC_PI_2
}

/// Places where shops are, and where H3 is at its strangest: pentagons, poles, the date line.
fn kitchens() -> impl Strategy<Value = Place> {
    let pentagons: Vec<LatLng> = RESOLUTION.pentagons().map(LatLng::from).collect();
    let anywhere = (-89.9_f64..89.9, -180.0_f64..180.0).prop_map(|(lat, lng)| place(lat, lng));
    let near_a_pentagon = (0..pentagons.len(), 0.0_f64..6_000.0, 0.0_f64..std::f64::consts::TAU).prop_map(
        move |(which, metres, direction)| {
            let near = away(pentagons[which], metres, direction);
            place(near.lat(), near.lng())
        },
    );
    let in_cities = (
        prop::sample::select(vec![(51.51, -0.12), (37.55, 126.98), (60.17, 24.94), (-33.87, 151.21)]),
        -0.1_f64..0.1,
        -0.1_f64..0.1,
    )
        .prop_map(|((lat, lng), north, east)| place(lat + north, lng + east));
    let date_line = (-70.0_f64..70.0, -0.05_f64..0.05)
        .prop_map(|(lat, east)| place(lat, if east < 0.0 { 180.0 + east } else { -180.0 + east }));
    prop_oneof![4 => in_cities, 2 => anywhere, 2 => near_a_pentagon, 1 => date_line]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_circle_is_listed_in_every_cell_it_touches_and_in_no_other(
        kitchen in kitchens(),
        radius_m in prop_oneof![4 => 100_u32..4_000, 1 => 4_000_u32..7_000],
    ) {
        let found = found(kitchen, &Area::Circle(radius_m));
        let centre = latlng(kitchen);
        prop_assert!(found.contains(&centre.to_cell(RESOLUTION)), "the kitchen's own cell");
        // No point of the circle lies in a cell that was not found: the rim densely, the inside coarsely.
        let rim = f64::from(radius_m);
        let directions = (rim * std::f64::consts::TAU / STEP_M).ceil() as u32;
        let around = |metres: f64, every: u32| {
            (0..directions / every).map(move |step| {
                let direction = std::f64::consts::TAU * f64::from(step * every) / f64::from(directions);
                away(centre, metres, direction)
            })
        };
        let inside = (1..=10).flat_map(|part| around(rim * f64::from(part) / 11.0, 10));
        for point in around(rim - 0.01, 1).chain(inside) {
            let cell = point.to_cell(RESOLUTION);
            prop_assert!(found.contains(&cell), "{cell} holds {point}, {} m away", point.distance_m(centre));
        }
        // And every cell that was found has a point in the circle, or one metre beside it.
        for cell in found.iter().filter(|cell| **cell != centre.to_cell(RESOLUTION)) {
            let border = cell.boundary();
            let points = (0..border.len()).flat_map(|corner| between(border[corner], border[(corner + 1) % border.len()]));
            let nearest = points.map(|point| point.distance_m(centre)).fold(f64::MAX, f64::min);
            prop_assert!(nearest <= rim + 1.0, "{cell} is {nearest} m away, the circle reaches {rim} m");
        }
    }

    #[test]
    fn a_ring_is_listed_in_every_cell_it_touches_and_in_no_other(
        kitchen in kitchens().prop_filter("maps of degrees end before the poles", |place| place.lat.abs() < 75.0),
        // Corners in the order of their directions: a star around a point that may be far from the kitchen.
        offset in (-3_000.0_f64..3_000.0, -3_000.0_f64..3_000.0),
        spikes in prop::collection::vec(20.0_f64..3_000.0, 3..12),
        inside in prop::collection::vec((0.0_f64..1.0, 0.0_f64..1.0), 300),
    ) {
        let shrink = kitchen.lat.to_radians().cos();
        let count = spikes.len() as f64;
        let at = |north: f64, east: f64| {
            let lng = kitchen.lng + east / (DEGREE_M * shrink);
            place(kitchen.lat + north / DEGREE_M, (lng + 180.0).rem_euclid(360.0) - 180.0)
        };
        let corner = |index: usize| {
            let direction = std::f64::consts::TAU * index as f64 / count;
            (offset.0 + spikes[index] * direction.cos(), offset.1 + spikes[index] * direction.sin())
        };
        let places: Vec<Place> = (0..spikes.len()).map(corner).map(|(north, east)| at(north, east)).collect();
        let found = found(kitchen, &Area::Ring(places.clone()));
        // A point of a star lies between its middle and a point of an edge.
        let edge_points: Vec<LatLng> = (0..places.len())
            .flat_map(|index| between(latlng(places[index]), latlng(places[(index + 1) % places.len()])))
            .collect();
        let middle = latlng(at(offset.0, offset.1));
        let inner = inside.iter().map(|(which, part)| {
            let edge = edge_points[((edge_points.len() - 1) as f64 * which) as usize];
            let eastwards = (edge.lng() - middle.lng() + 180.0).rem_euclid(360.0) - 180.0;
            LatLng::new(middle.lat() + part * (edge.lat() - middle.lat()), middle.lng() + part * eastwards).unwrap()
        });
        let samples: Vec<LatLng> = edge_points.iter().copied().chain(inner).collect();
        for point in &samples {
            let cell = point.to_cell(RESOLUTION);
            prop_assert!(found.contains(&cell), "{cell} holds {point}");
        }
        // Each found cell either holds a sampled point, or is passed within a step, or lies inside.
        let holding: BTreeSet<CellIndex> = samples.iter().map(|point| point.to_cell(RESOLUTION)).collect();
        for cell in found.difference(&holding) {
            let border = cell.boundary();
            let mut points = (0..border.len()).flat_map(|corner| between(border[corner], border[(corner + 1) % border.len()]));
            let is_passed = points.any(|point| edge_points.iter().any(|edge| edge.distance_m(point) <= STEP_M));
            prop_assert!(is_passed || winds_around(&edge_points, LatLng::from(*cell)), "{cell} is not touched");
        }
    }
}

/// Whether the closed line goes round the point: the sum of the angles under which its pieces are seen.
fn winds_around(line: &[LatLng], point: LatLng) -> bool {
    let shrink = point.lat_radians().cos();
    let angle = |to: &LatLng| {
        let east = (to.lng() - point.lng() + 180.0).rem_euclid(360.0) - 180.0;
        (to.lat() - point.lat()).atan2(east * shrink)
    };
    let turns = line.iter().zip(line.iter().cycle().skip(1)).map(|(a, b)| {
        let turn = angle(b) - angle(a);
        (turn + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI
    });
    turns.sum::<f64>().abs() > std::f64::consts::PI
}

#[test]
fn a_ring_within_one_cell_is_listed_in_that_cell_alone() {
    let kitchen = place(51.5115, -0.1160);
    let own = latlng(kitchen).to_cell(RESOLUTION);
    let (lat, lng) = (LatLng::from(own).lat(), LatLng::from(own).lng());
    let ring = [(0.0, 0.0), (0.0005, 0.0), (0.0, 0.0005)].map(|(north, east)| place(lat + north, lng + east));
    assert_eq!(found(kitchen, &Area::Ring(ring.to_vec())), BTreeSet::from([own]));
}

#[test]
fn a_kitchen_outside_of_its_area_is_listed_where_it_delivers() {
    let kitchen = place(51.5115, -0.1160);
    let ring =
        [(51.60, -0.20), (51.62, -0.20), (51.62, -0.17), (51.60, -0.17)].map(|(lat, lng)| place(lat, lng));
    let found = found(kitchen, &Area::Ring(ring.to_vec()));
    assert!(!found.contains(&latlng(kitchen).to_cell(RESOLUTION)));
    assert!(found.contains(&LatLng::new(51.61, -0.185).unwrap().to_cell(RESOLUTION)));
}

#[test]
fn the_usual_circles_touch_so_many_cells() {
    let kitchen = place(51.5115, -0.1160);
    let counts =
        [0, 100, 600, 1_500, 6_000, 15_000].map(|radius_m| found(kitchen, &Area::Circle(radius_m)).len());
    expect_test::expect!["[1, 2, 4, 18, 198, 1142]"].assert_eq(&format!("{counts:?}"));
    assert!(found(kitchen, &Area::Circle(1_500)).contains(&"88195da49bfffff".parse().unwrap()));
}

#[test]
fn what_is_no_area_is_listed_at_the_kitchen_and_said() {
    let kitchen = place(51.5115, -0.1160);
    let own = vec![u64::from(latlng(kitchen).to_cell(RESOLUTION))];
    let corner = place(51.5, -0.1);
    let cases = [
        (vec![], "`0` corners, expected 3 to 200"),
        (vec![corner, corner], "`2` corners, expected 3 to 200"),
        (vec![corner; 201], "`201` corners, expected 3 to 200"),
        (vec![corner, place(91.0, 0.0), corner], "corner 1 is `[91, 0]`, which is nowhere"),
        (vec![corner, corner, place(0.0, f64::NAN)], "corner 2 is `[0, NaN]`, which is nowhere"),
    ];
    for (corners, reason) in cases {
        let mut left_out = Vec::new();
        assert_eq!(cells(kitchen, &Area::Ring(corners), &mut left_out), own);
        assert_eq!(left_out, [LeftOut::at("delivery.area.polygon", reason)]);
    }
    for nowhere in [place(90.1, 0.0), place(0.0, -180.1), place(f64::NAN, 0.0), place(0.0, f64::INFINITY)] {
        let mut left_out = Vec::new();
        assert_eq!(cells(nowhere, &Area::Circle(500), &mut left_out), Vec::<u64>::new());
        assert_eq!(left_out[0].path, "location");
    }
}

#[test]
fn an_area_of_a_whole_country_is_cut_to_the_cells_nearest_to_the_kitchen() {
    let kitchen = place(51.5115, -0.1160);
    let ring = [(50.0, -2.0), (53.0, -2.0), (53.0, 2.0), (50.0, 2.0)].map(|(lat, lng)| place(lat, lng));
    let mut left_out = Vec::new();
    let cells = cells(kitchen, &Area::Ring(ring.to_vec()), &mut left_out);
    assert_eq!((cells.len(), left_out[0].path.as_str()), (CELLS_MAX, "delivery.area"));
    let furthest = cells
        .iter()
        .map(|cell| LatLng::from(CellIndex::try_from(*cell).unwrap()).distance_m(latlng(kitchen)));
    assert!(furthest.fold(0.0, f64::max) < 35_000.0);
}

#[test]
fn the_largest_circle_fits_where_cells_are_smallest() {
    for pentagon in RESOLUTION.pentagons() {
        let centre = LatLng::from(pentagon);
        let count = found(place(centre.lat(), centre.lng()), &Area::Circle(15_000)).len();
        assert!(count < CELLS_MAX, "{count} cells around {pentagon}");
    }
}

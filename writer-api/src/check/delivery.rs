//! Where to, for how much, how fast.

use crate::facts::{Delivery, DeliveryArea, FeeRung, Location, Money};

use super::Findings;
use super::findings::Path;

const RUNGS_MAX: usize = 20;
const CORNERS: std::ops::RangeInclusive<usize> = 3..=200;
const RADIUS_M: std::ops::RangeInclusive<u32> = 100..=15_000;
/// Nobody carries a meal further, and a corner typed wrong is usually on another continent.
const CORNER_DISTANCE_MAX_M: f64 = 50_000.0;
/// A house with its garden: less is a mistake, usually the same corner again and again.
const AREA_MIN_M2: f64 = 1_000.0;
const EARTH_RADIUS_M: f64 = 6_371_000.0;
/// A day.
const ETA_MINUTES_MAX: u16 = 1_440;
/// More than any meal costs in any currency; sums of it stay far below 2^63.
const AMOUNT_MAX: i64 = 1_000_000_000_000;

pub(super) fn check(delivery: &Delivery, kitchen: Location, findings: &mut Findings) {
    area(&delivery.area, kitchen, findings);
    let currency = &delivery.min_order.currency;
    money("delivery.min_order", &delivery.min_order, currency, findings);
    ladder(&delivery.fee_ladder, &delivery.min_order, findings);
    let eta = delivery.eta_minutes;
    let holds = eta.from <= eta.to && eta.to <= ETA_MINUTES_MAX;
    let expected = format_args!("`from`, {}, to {ETA_MINUTES_MAX}", eta.from);
    findings.expect(holds, "delivery.eta_minutes.to", eta.to, expected);
}

fn area(area: &DeliveryArea, kitchen: Location, findings: &mut Findings) {
    match area {
        DeliveryArea::RadiusM(radius_m) => {
            let path = "delivery.area.radius_m";
            findings.expect(RADIUS_M.contains(radius_m), path, radius_m, "100 to 15000 metres");
        }
        DeliveryArea::Polygon(corners) => {
            let path = "delivery.area.polygon";
            let count = corners.len();
            findings.expect(CORNERS.contains(&count), path, format_args!("{count} corners"), "3 to 200");
            let mut all_near = true;
            for (index, &[lat, lng]) in corners.iter().enumerate() {
                let distance_m = distance_m(kitchen, Location { lat, lng });
                // Also false for what is no place at all, and for no number.
                let holds = distance_m <= CORNER_DISTANCE_MAX_M && lat.abs() <= 90.0 && lng.abs() <= 180.0;
                all_near &= holds;
                let path = || format!("delivery.area.polygon[{index}]");
                let expected = "`[lat, lng]` at most 50000 metres from `location`";
                findings.expect(holds, path, format_args!("[{lat},{lng}]"), expected);
            }
            if CORNERS.contains(&count) && all_near {
                let area_m2 = area_m2(corners, kitchen);
                let given = format_args!("an area of {area_m2:.0} m²");
                let expected = format_args!(
                    "corners in the order in which they stand around an area of at least {AREA_MIN_M2} m²"
                );
                findings.expect(area_m2 >= AREA_MIN_M2, path, given, expected);
            }
        }
    }
}

/// What the ring encloses, on the plane that touches the sphere at the kitchen: no corner is far away. A ring that
/// crosses itself encloses the difference of its parts.
fn area_m2(corners: &[[f64; 2]], kitchen: Location) -> f64 {
    let shrink = kitchen.lat.to_radians().cos();
    let on_plane = |[lat, lng]: [f64; 2]| {
        // From -180 to 180, across the date line too.
        let east = (lng - kitchen.lng + 540.0).rem_euclid(360.0) - 180.0;
        let metres = |degrees: f64| degrees.to_radians() * EARTH_RADIUS_M;
        (metres(lat - kitchen.lat), metres(east) * shrink)
    };
    let places: Vec<(f64, f64)> = corners.iter().copied().map(on_plane).collect();
    let following = places.iter().cycle().skip(1);
    let doubled: f64 = places.iter().zip(following).map(|(from, to)| from.0 * to.1 - to.0 * from.1).sum();
    doubled.abs() / 2.0
}

/// Great circle, on a sphere.
fn distance_m(from: Location, to: Location) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let cosines = from.lat.to_radians().cos() * to.lat.to_radians().cos();
    let square = half(to.lat - from.lat) + cosines * half(to.lng - from.lng);
    2.0 * EARTH_RADIUS_M * square.sqrt().min(1.0).asin()
}

fn ladder(rungs: &[FeeRung], min_order: &Money, findings: &mut Findings) {
    let path = "delivery.fee_ladder";
    let count = rungs.len();
    let expected = format_args!("1 to {RUNGS_MAX}");
    findings.expect((1..=RUNGS_MAX).contains(&count), path, format_args!("{count} rungs"), expected);
    let mut before: Option<i64> = None;
    for (index, rung) in rungs.iter().enumerate() {
        let path = || format!("{path}[{index}].order_at_least");
        money(path, &rung.order_at_least, &min_order.currency, findings);
        money(|| format!("delivery.fee_ladder[{index}].fee"), &rung.fee, &min_order.currency, findings);
        let at_least = rung.order_at_least.amount;
        match before {
            Some(before) => {
                let expected = format_args!("more than the rung before it, {before}");
                findings.expect(at_least > before, || path() + ".amount", at_least, expected);
            }
            None => {
                let holds = at_least == 0 || at_least == min_order.amount;
                let expected = format_args!("0 or the minimum order, {}", min_order.amount);
                findings.expect(holds, || path() + ".amount", at_least, expected);
            }
        }
        before = Some(at_least);
    }
}

/// Not negative, and in the one currency of the shop.
pub(super) fn money(path: impl Path + Clone, money: &Money, currency: &str, findings: &mut Findings) {
    let (amount, given) = (money.amount, money.currency.as_str());
    let (amount_path, currency_path) = (path.clone(), path);
    let expected = format_args!("0 to {AMOUNT_MAX} in minor units");
    let holds = (0..=AMOUNT_MAX).contains(&amount);
    findings.expect(holds, || amount_path.path() + ".amount", amount, expected);
    let is_code = given.len() == 3 && given.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_code {
        let expected = format_args!("the currency of `delivery.min_order`, `{currency}`");
        findings.expect(given == currency, || currency_path.path() + ".currency", given, expected);
    } else {
        findings.expect(
            false,
            || currency_path.path() + ".currency",
            given,
            "an ISO 4217 code, for example `GBP`",
        );
    }
}

//! Delivery: most kitchens reach two or three kilometres, fees fall with the order.

use rand::RngExt as _;
use writer_api::facts::{Delivery, DeliveryArea, EtaMinutes, FeeRung};

use super::{Generator, normal};

impl Generator<'_> {
    /// A circle of 600 m to 6 km, a ladder of one to three rungs, the minimum order below the first free one.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        let mut chance = self.chance("delivery");
        // Clamped to 600..=6000 before the cast.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let radius_m = (2_200.0 * (0.45 * normal(&mut chance)).exp()).clamp(600.0, 6_000.0) as u32 / 50 * 50;
        let min_order = [0, 500, 800, 1_000, 1_000, 1_200, 1_500, 2_000][chance.random_range(0..8)];
        let fee = [0, 99, 149, 199, 199, 249, 299, 349, 399, 449][chance.random_range(0..10)];
        let mut ladder = vec![(min_order, fee)];
        if fee > 0 && chance.random_bool(0.6) {
            ladder.push((min_order + 1_000, fee / 2));
            if chance.random_bool(0.6) {
                ladder.push((min_order + 2_000, 0));
            }
        }
        let from: u16 = chance.random_range(3..9) * 5;
        let to = from + chance.random_range(2..5) * 5;
        Delivery {
            area: DeliveryArea::RadiusM(radius_m.max(600)),
            fee_ladder: ladder
                .into_iter()
                .map(|(at_least, fee)| FeeRung { order_at_least: self.money(at_least), fee: self.money(fee) })
                .collect(),
            min_order: self.money(min_order),
            eta_minutes: EtaMinutes { from, to },
        }
    }
}

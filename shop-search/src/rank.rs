//! Where a judged shop stands: one number, so that all five sorts are one comparison.

use shop_id::ShopId;

use crate::Sort;
use crate::distance::CellCentre;
use crate::shop::{Facts, Judged};

/// Set for shops that are not open: they follow all that are.
pub(crate) const NOT_OPEN: u64 = 1 << 63;
/// The largest value beside that bit.
pub(crate) const VALUE_MAX: u64 = NOT_OPEN - 1;
/// Amounts have one bit less, and a sign.
pub(crate) const AMOUNT_HALF: i64 = 1 << 62;

/// Rank, then ID: no two shops share a place, so a page can be continued behind any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing {
    /// Ascending.
    pub(crate) rank: u64,
    pub(crate) shop_id: ShopId,
}

/// The open group in the highest bit, the sort value below, descending values turned around.
pub(crate) fn rank(sort: Sort, facts: &Facts, judged: &Judged, centre: CellCentre) -> u64 {
    let value = match sort {
        Sort::Recommended => VALUE_MAX - (u64::from(judged.ad) << 32 | u64::from(facts.weighted_microstars)),
        Sort::Distance => u64::from(centre.distance_m(facts.location)),
        Sort::Rating => VALUE_MAX - u64::from(facts.rating_microstars),
        Sort::DeliveryFee => amount(facts.lowest_fee_amount),
        Sort::MinOrder => amount(facts.min_order_amount),
    };
    if judged.is_open { value } else { value | NOT_OPEN }
}

/// For what somebody typed: what matches best first, then ratings weighted by count, descending.
pub(crate) fn rank_of_match(matched: u8, facts: &Facts, judged: &Judged) -> u64 {
    let value = VALUE_MAX - (u64::from(matched) << 32 | u64::from(facts.weighted_microstars));
    if judged.is_open { value } else { value | NOT_OPEN }
}

/// In the same order, from 0 on.
fn amount(amount: i64) -> u64 {
    u64::try_from(clamped_amount(amount) + AMOUNT_HALF).unwrap_or(0)
}

/// Amounts beyond 2^62 minor units share the last place.
pub(crate) fn clamped_amount(amount: i64) -> i64 {
    amount.clamp(-AMOUNT_HALF, AMOUNT_HALF - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_order_within_the_value_bits() {
        let amounts = [i64::MIN, -(1 << 62), -1, 0, 1, 199, (1 << 62) - 1];
        let ranks = amounts.map(amount);
        assert!(ranks.is_sorted());
        assert!(ranks.iter().all(|rank| *rank <= VALUE_MAX));
        assert_eq!(ranks[0], ranks[1]);
        assert_eq!(amount(i64::MAX), VALUE_MAX);
    }
}

//! What lists need of one shop: some hundred bytes taken out of its list part, so that an index of a million shops
//! keeps no card alive.

use std::sync::Arc;

use jiff::Timestamp;
use shop_document::hours::state_at;
use shop_document::{ListPart, Place, ShopState, Zones};
use shop_id::ShopId;

use crate::numbers::Numbers;

/// Seconds since 1970, up to 2106: half the width of a timestamp in each of millions of places.
pub(crate) type Second = u32;

/// Behind every instant.
pub(crate) const NEVER: Second = Second::MAX;

/// A cursor is good for an hour; so far back a judgement says since when it holds.
pub(crate) const CURSOR_AGE_SECONDS_MAX: Second = 3_600;

/// Mean of shops without reviews, and how many reviews it weighs.
const PRIOR_MICROSTARS: u64 = 3_500_000;
const PRIOR_REVIEWS: u64 = 20;

/// The second of an instant.
pub(crate) fn second(at: Timestamp) -> Second {
    Second::try_from(at.as_second().clamp(0, i64::from(NEVER) - 1)).unwrap_or(0)
}

/// The instant of a second; `None`: never.
pub(crate) fn instant(second: Second) -> Option<Timestamp> {
    if second == NEVER { None } else { Timestamp::from_second(i64::from(second)).ok() }
}

/// One shop of the index.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) shop_id: ShopId,
    pub(crate) facts: Facts,
    /// Numbers of its cells.
    pub(crate) cells: Numbers,
}

/// All that decides where a shop stands. A change that keeps them moves it in no list.
#[derive(Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) location: Place,
    pub(crate) lowest_fee_amount: i64,
    pub(crate) min_order_amount: i64,
    /// Millionths of a star; 0: no reviews.
    pub(crate) rating_microstars: u32,
    /// Rating weighted by count, see [`weighted_microstars`].
    pub(crate) weighted_microstars: u32,
    /// Numbers of its categories.
    pub(crate) categories: Box<[u32]>,
    time_zone: Arc<str>,
    open_minutes: Box<[(u16, u16)]>,
    pauses: Box<[(i64, i64)]>,
    ads: Box<[Ad]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ad {
    starts: i64,
    ends: i64,
    weight: u16,
}

/// A shop at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) is_open: bool,
    /// Weight of the heaviest running ad plus one; 0: none runs.
    pub(crate) ad: u32,
    /// It was so from here on, or for longer than any cursor lives,
    pub(crate) since: Second,
    /// and will be until here; then the clock changes what the card shows or where the shop stands.
    pub(crate) until: Second,
}

impl Shop {
    /// What it holds in memory, counted with the headers of its allocations.
    pub(crate) fn bytes(&self) -> u64 {
        let facts = &self.facts;
        let slices = [
            self.cells.bytes(),
            size_of_val(&*facts.categories),
            size_of_val(&*facts.open_minutes),
            size_of_val(&*facts.pauses),
            size_of_val(&*facts.ads),
        ];
        let allocated = |bytes: usize| if bytes == 0 { 0 } else { bytes.next_multiple_of(16) + 8 };
        let bytes = allocated(size_of::<Self>() + 16) + slices.into_iter().map(allocated).sum::<usize>();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Facts {
    /// Takes them out of a list part; `category` and `time_zone` give the numbers and names known already.
    pub(crate) fn of(
        part: &ListPart,
        category: impl Fn(&str) -> u32,
        time_zone: impl FnOnce(&str) -> Arc<str>,
    ) -> Self {
        let times = &part.flat().times;
        let (stars, reviews) = part.stars();
        Self {
            location: part.location(),
            lowest_fee_amount: part.lowest_fee_amount(),
            min_order_amount: part.min_order_amount(),
            rating_microstars: rating_microstars(stars, reviews),
            weighted_microstars: weighted_microstars(stars, reviews),
            categories: part.categories().map(category).collect(),
            time_zone: time_zone(&times.time_zone),
            open_minutes: times
                .open_minutes
                .iter()
                .map(|range| (range.0.to_native(), range.1.to_native()))
                .collect(),
            pauses: times.pauses.iter().map(|pause| (pause.0.to_native(), pause.1.to_native())).collect(),
            ads: part
                .campaigns()
                .iter()
                .map(|ad| Ad {
                    starts: ad.starts.to_native(),
                    ends: ad.ends.to_native(),
                    weight: ad.weight.to_native(),
                })
                .collect(),
        }
    }

    /// The shop at an instant, with the stretch of time around it for which the answer is the same.
    pub(crate) fn judge(&self, at: Second) -> Judged {
        let mut since = at.saturating_sub(CURSOR_AGE_SECONDS_MAX);
        loop {
            let judged = self.judge_from(since);
            if judged.until > at {
                return judged;
            }
            since = judged.until;
        }
    }

    fn judge_from(&self, since: Second) -> Judged {
        let at = i64::from(since);
        let now = Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH);
        let state = state_at(
            &self.time_zone,
            &self.open_minutes.iter().copied(),
            self.pauses.iter().copied(),
            now,
            Zones,
        );
        let running = self.ads.iter().filter(|ad| (ad.starts..ad.ends).contains(&at));
        let edges = self.ads.iter().flat_map(|ad| [ad.starts, ad.ends]);
        let changes =
            edges.chain(state.next_change_at.map(Timestamp::as_second)).filter(|edge| *edge > at).min();
        Judged {
            is_open: state.state == ShopState::Open,
            ad: running.map(|ad| u32::from(ad.weight) + 1).max().unwrap_or(0),
            since,
            until: changes.map_or(NEVER, |second| Second::try_from(second).unwrap_or(NEVER)),
        }
    }
}

pub(crate) fn rating_microstars(stars: u64, reviews: u64) -> u32 {
    (stars * 1_000_000).checked_div(reviews).map_or(0, narrow)
}

/// The mean of all stars given and of [`PRIOR_REVIEWS`] more at [`PRIOR_MICROSTARS`]: one review of five stars does not
/// overtake a thousand that average 4.8, and a newcomer stands among the middling shops instead of at the end.
pub(crate) fn weighted_microstars(stars: u64, reviews: u64) -> u32 {
    narrow((stars * 1_000_000 + PRIOR_REVIEWS * PRIOR_MICROSTARS) / (reviews + PRIOR_REVIEWS))
}

fn narrow(microstars: u64) -> u32 {
    // At most five stars.
    u32::try_from(microstars).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_good_reviews_weigh_more_than_one_perfect_one() {
        let weighted = [
            weighted_microstars(4_800, 1_000), // 4.8
            weighted_microstars(90, 20),       // 4.5 of as many as the prior weighs
            weighted_microstars(5, 1),
            weighted_microstars(0, 0),
            weighted_microstars(60, 20), // 3.0
        ];
        assert_eq!(weighted, [4_774_509, 4_000_000, 3_571_428, 3_500_000, 3_250_000]);
        assert_eq!(rating_microstars(9, 2), 4_500_000);
        assert_eq!(rating_microstars(0, 0), 0);
        let most = u64::from(u32::MAX) * 5;
        assert_eq!(rating_microstars(most * 5, most), 5_000_000, "no count overflows");
    }

    #[test]
    fn instants_outside_of_the_calendar_are_its_ends() {
        assert_eq!(second(Timestamp::MIN), 0);
        assert_eq!(second(Timestamp::MAX), NEVER - 1);
        assert_eq!(instant(NEVER), None);
        assert_eq!(instant(60).map(second), Some(60));
    }
}

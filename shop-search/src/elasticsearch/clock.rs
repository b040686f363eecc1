//! The clock, taken apart into what an index can compare: minutes of the week on the walls of one zone, and instants.

use shop_document::Zones;
use shop_document::hours::{PREPARING_MINUTES, WEEK_MINUTES, WallClock};

use crate::shop::{NEVER, Second};

/// A zone at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ZoneClock {
    wall: WallClock,
}

impl ZoneClock {
    pub(crate) fn of(zone: &str, at: Second) -> Self {
        Self { wall: Zones.wall_clock(zone, i64::from(at)) }
    }

    /// What its clocks show.
    pub(crate) const fn minute(self) -> u16 {
        self.wall.minute
    }

    /// When they show a later minute of this week or the next. Where summer begins or ends before, at that moment: shops
    /// may change by it, and an answer that is renewed too early is right.
    pub(crate) fn when_shows(self, minute: u32) -> Second {
        let minutes = i64::from(minute) - i64::from(self.wall.minute);
        narrow((self.wall.minute_began + minutes * 60).min(self.wall.even_until))
    }

    /// When they last showed a minute that is given as one of the week after; at the earliest when summer last began or
    /// ended.
    pub(crate) fn when_showed(self, minute: u32) -> Second {
        let minutes = i64::from(minute) - i64::from(WEEK_MINUTES) - i64::from(self.wall.minute);
        narrow((self.wall.minute_began + minutes * 60).max(self.wall.even_from))
    }
}

fn narrow(at: i64) -> Second {
    Second::try_from(at.max(0)).unwrap_or(NEVER)
}

/// Minutes at which a week of opening hours, as `hours::week` returns it, changes what is said of a shop. Each twice: as
/// a minute of this week and of the next, so that every minute has one before and one behind it.
pub(crate) fn changes_of_two_weeks(open: &[(u16, u16)]) -> Vec<u16> {
    let (Some(first), Some(last)) = (open.first(), open.last()) else { return Vec::new() };
    if *first == (0, WEEK_MINUTES) && open.len() == 1 {
        return Vec::new();
    }
    // Open over Sunday midnight is two ranges and one evening.
    let is_joined = first.0 == 0 && last.1 == WEEK_MINUTES;
    let mut changes = Vec::with_capacity(open.len() * 6);
    let mut closed_at = i32::from(last.1) - i32::from(WEEK_MINUTES);
    for (place, &(opens, closes)) in open.iter().enumerate() {
        if !(is_joined && place == 0) {
            changes.push(opens);
            if i32::from(opens) - closed_at > i32::from(PREPARING_MINUTES) {
                changes.push((opens + WEEK_MINUTES - PREPARING_MINUTES) % WEEK_MINUTES);
            }
        }
        if !(is_joined && place == open.len() - 1) {
            changes.push(closes % WEEK_MINUTES);
        }
        closed_at = i32::from(closes);
    }
    changes.sort_unstable();
    changes.dedup();
    let next: Vec<u16> = changes.iter().map(|minute| minute + WEEK_MINUTES).collect();
    changes.extend(next);
    changes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shop_document::hours::{state_at, week};

    use super::*;

    /// A Monday at midnight, in UTC.
    const MONDAY: i64 = 1_795_392_000;

    fn at(minute: u32) -> jiff::Timestamp {
        jiff::Timestamp::from_second(MONDAY + i64::from(minute) * 60).unwrap()
    }

    proptest! {
        #[test]
        fn a_shop_changes_at_its_minutes_and_at_no_others(
            ranges in prop::collection::vec(
                (prop_oneof![0_u32..10_080, Just(0), Just(10_000)], prop_oneof![1_u32..1_500, Just(80)]),
                0..8,
            ),
        ) {
            let open = week(ranges.iter().map(|(from, length)| (*from, from + length)));
            let mut expected: Vec<u32> = Vec::new();
            let mut now = at(10_080 - 1);
            // Two weeks, change by change, as cards say it.
            while let Some(next) = state_at("UTC", &open.iter().copied(), std::iter::empty(), now, Zones).next_change_at {
                let minute = u32::try_from((next.as_second() - MONDAY) / 60).unwrap() - 10_080;
                if minute >= 2 * 10_080 {
                    break;
                }
                expected.push(minute);
                now = next;
            }
            let minutes: Vec<u32> = changes_of_two_weeks(&open).into_iter().map(u32::from).collect();
            prop_assert_eq!(minutes, expected);
        }
    }

    #[test]
    fn minutes_of_the_week_are_instants_again() {
        // Monday 12:34:56 in London, in winter.
        let noon = Second::try_from(MONDAY + 12 * 3_600 + 34 * 60 + 56).unwrap();
        let clock = ZoneClock::of("Europe/London", noon);
        assert_eq!(clock.minute(), 12 * 60 + 34);
        let hour = |hours: i64| Second::try_from(MONDAY + hours * 3_600).unwrap();
        assert_eq!(clock.when_shows(13 * 60), hour(13));
        assert_eq!(clock.when_shows(u32::from(WEEK_MINUTES) + 60), hour(7 * 24 + 1));
        assert_eq!(clock.when_showed(u32::from(WEEK_MINUTES) + 12 * 60), hour(12));
        assert_eq!(clock.when_showed(23 * 60), hour(23 - 7 * 24));
        // Seoul is nine hours ahead, and has no summer.
        assert_eq!(ZoneClock::of("Asia/Seoul", noon).minute(), 21 * 60 + 34);
    }

    #[test]
    fn nothing_is_said_beyond_the_next_change_of_the_clocks() {
        // London's clock jumps at 2027-03-28T01:00:00Z, a Sunday.
        let spring = 1_806_195_600;
        let before = ZoneClock::of("Europe/London", spring - 3_600);
        assert_eq!(before.when_shows(u32::from(before.minute()) + 600), spring);
        let after = ZoneClock::of("Europe/London", spring + 60);
        assert_eq!(after.when_showed(u32::from(after.minute()) + u32::from(WEEK_MINUTES) - 30), spring);
    }
}

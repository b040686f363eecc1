//! Open or closed, from weekly minutes, pauses and an instant.
//!
//! A state is a function of the local minute of the week (and of pauses, which are instants), so a clock that
//! jumps in spring skips minutes and one that falls back in autumn repeats them, as on the shop's own wall.

use std::cell::RefCell;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Minutes of a week; minute 0 is Monday 00:00.
pub const WEEK_MINUTES: u16 = 7 * 24 * 60;
/// A closed shop that opens within this many minutes is preparing.
pub const PREPARING_MINUTES: u16 = 60;

/// What a person standing at the door would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ShopState {
    /// Takes orders.
    Open,
    /// Would be open, but takes no orders for a while.
    Paused,
    /// Opens within the hour.
    Preparing,
    /// Closed.
    Closed,
}

impl ShopState {
    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Preparing => "preparing",
            Self::Closed => "closed",
        }
    }
}

/// A state and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateNow {
    /// Now.
    pub state: ShopState,
    /// The first moment at which the clock alone changes it; `None`: never.
    pub next_change_at: Option<Timestamp>,
    /// Of the shop's wall clock at that moment (or now), east of UTC.
    pub offset_seconds: i32,
}

/// When a shop takes orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Times {
    /// IANA name.
    pub time_zone: String,
    /// Sorted, apart, within the week: what [`week`] returns.
    pub open_minutes: Vec<(u16, u16)>,
    /// `[from, until)` in seconds since 1970, sorted and apart: what [`apart`] returns.
    pub pauses: Vec<(i64, i64)>,
}

/// Any ranges of minutes, overlong and overlapping ones included, as sorted ranges within one week.
#[must_use]
pub fn week(ranges: impl IntoIterator<Item = (u32, u32)>) -> Vec<(u16, u16)> {
    let length = u32::from(WEEK_MINUTES);
    let mut within = Vec::new();
    for (from, until) in ranges.into_iter().filter(|(from, until)| from < until) {
        if until - from >= length {
            return vec![(0, WEEK_MINUTES)];
        }
        let (from, until) = (from % length, from % length + (until - from));
        within.push((from, until.min(length)));
        if until > length {
            within.push((0, until - length));
        }
    }
    let narrow = |minute: u32| u16::try_from(minute).unwrap_or(WEEK_MINUTES);
    apart(within).into_iter().map(|(from, until)| (narrow(from), narrow(until))).collect()
}

/// Sorted, with overlapping and touching ranges joined.
#[must_use]
pub fn apart<T: Copy + Ord>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.retain(|(from, until)| from < until);
    ranges.sort_unstable();
    let mut joined: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (from, until) in ranges {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    joined
}

/// Remembers each zone's offset until its next transition, per thread, so that a request pays a comparison.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zones;

#[derive(Clone, Copy, Debug)]
struct Offset {
    seconds: i32,
    /// Holds in `[from, until)`, seconds since 1970.
    from: i64,
    until: i64,
}

struct Zone {
    name: String,
    zone: TimeZone,
    last: Offset,
}

thread_local! {
    static ZONES: RefCell<Vec<Zone>> = const { RefCell::new(Vec::new()) };
}

impl Zones {
    fn offset(self, name: &str, at: i64) -> Offset {
        ZONES.with_borrow_mut(|zones| {
            let known = zones.iter().position(|zone| zone.name == name).unwrap_or_else(|| {
                // Zones are checked at the writer's door; one that this build does not know is shown in UTC.
                let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
                zones.push(Zone {
                    name: name.to_owned(),
                    zone,
                    last: Offset { seconds: 0, from: 0, until: 0 },
                });
                zones.len() - 1
            });
            let zone = &mut zones[known];
            if !(zone.last.from..zone.last.until).contains(&at) {
                zone.last = offset_of(&zone.zone, at);
            }
            zone.last
        })
    }
}

fn offset_of(zone: &TimeZone, at: i64) -> Offset {
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH);
    let before = zone.preceding(at.saturating_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(at)).next();
    Offset {
        seconds: zone.to_offset(at).seconds(),
        from: before.map_or(i64::MIN, |transition| transition.timestamp().as_second()),
        until: zone.following(at).next().map_or(i64::MAX, |transition| transition.timestamp().as_second()),
    }
}

fn minute_of_week(at: i64, offset: Offset) -> u16 {
    // 1970 began on a Thursday, three days after a Monday.
    let minutes = (at + i64::from(offset.seconds)).div_euclid(60) + 3 * 24 * 60;
    u16::try_from(minutes.rem_euclid(i64::from(WEEK_MINUTES))).unwrap_or(0)
}

/// State by the week alone, and in how many minutes it changes (`None`: never).
fn by_week(open: &[(u16, u16)], minute: u16) -> (ShopState, Option<u16>) {
    let Some(&(first, _)) = open.first() else { return (ShopState::Closed, None) };
    if open == [(0, WEEK_MINUTES)] {
        return (ShopState::Open, None);
    }
    if let Some(&(_, closes)) = open.iter().find(|(opens, closes)| (*opens..*closes).contains(&minute)) {
        // Open over Sunday midnight is two ranges and one evening.
        let goes_on = if closes == WEEK_MINUTES && first == 0 { open[0].1 } else { 0 };
        return (ShopState::Open, Some(closes - minute + goes_on));
    }
    let next = open.iter().map(|(opens, _)| *opens).find(|opens| *opens > minute);
    let wait = next.unwrap_or(first + WEEK_MINUTES) - minute;
    if wait <= PREPARING_MINUTES {
        (ShopState::Preparing, Some(wait))
    } else {
        (ShopState::Closed, Some(wait - PREPARING_MINUTES))
    }
}

/// The state at an instant; `open` as [`week`] returns it, `pauses` as [`apart`] does.
#[must_use]
pub fn state_at(
    time_zone: &str,
    open: &[(u16, u16)],
    pauses: impl Iterator<Item = (i64, i64)>,
    now: Timestamp,
    zones: Zones,
) -> StateNow {
    let at = now.as_second();
    let mut pause_begins = None;
    for (from, until) in pauses {
        if (from..until).contains(&at) {
            return with_offset(ShopState::Paused, Some(until), time_zone, at, zones);
        }
        if from > at {
            pause_begins = Some(from);
            break;
        }
    }
    let (state, changes) = weekly_change(time_zone, open, at, zones);
    let earliest = [changes, pause_begins].into_iter().flatten().min();
    with_offset(state, earliest, time_zone, at, zones)
}

fn weekly_change(time_zone: &str, open: &[(u16, u16)], at: i64, zones: Zones) -> (ShopState, Option<i64>) {
    let offset = zones.offset(time_zone, at);
    let (state, wait) = by_week(open, minute_of_week(at, offset));
    let (mut from, mut offset, mut wait) = (at, offset, wait);
    // Each turn passes one transition of the zone; a shop's week is shorter than the time between four of them.
    for _ in 0..4 {
        let Some(minutes) = wait else { return (state, None) };
        let changes = (from + i64::from(offset.seconds)).div_euclid(60) * 60 - i64::from(offset.seconds)
            + i64::from(minutes) * 60;
        if changes <= offset.until {
            return (state, Some(changes));
        }
        from = offset.until;
        offset = zones.offset(time_zone, from);
        let (after, then) = by_week(open, minute_of_week(from, offset));
        if after != state {
            return (state, Some(from));
        }
        wait = then;
    }
    (state, None)
}

fn with_offset(state: ShopState, changes: Option<i64>, time_zone: &str, at: i64, zones: Zones) -> StateNow {
    let offset = zones.offset(time_zone, changes.unwrap_or(at));
    let next_change_at = changes.and_then(|second| Timestamp::from_second(second).ok());
    StateNow { state, next_change_at, offset_seconds: offset.seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// `(day, opens hour, closes hour)`.
    fn hours(ranges: &[(u32, u32, u32)]) -> Vec<(u16, u16)> {
        week(ranges.iter().map(|(day, opens, closes)| (day * 1440 + opens * 60, day * 1440 + closes * 60)))
    }

    fn state(open: &[(u16, u16)], pauses: &[(i64, i64)], now: &str) -> (ShopState, Option<String>) {
        let state = state_at("Europe/London", open, pauses.iter().copied(), at(now), Zones);
        (state.state, state.next_change_at.map(|at| at.to_string()))
    }

    #[test]
    fn a_pizzeria_opens_at_five_and_closes_after_midnight() {
        // Mondays from 17:00 to 01:00.
        let open = hours(&[(0, 17, 25)]);
        let said = |now| state(&open, &[], now);
        assert_eq!(said("2026-11-23T15:59:59Z"), (ShopState::Closed, Some("2026-11-23T16:00:00Z".into())));
        assert_eq!(said("2026-11-23T16:00:00Z"), (ShopState::Preparing, Some("2026-11-23T17:00:00Z".into())));
        assert_eq!(said("2026-11-23T17:00:00Z"), (ShopState::Open, Some("2026-11-24T01:00:00Z".into())));
        assert_eq!(said("2026-11-24T01:00:00Z"), (ShopState::Closed, Some("2026-11-30T16:00:00Z".into())));
    }

    #[test]
    fn open_over_sunday_midnight_is_one_evening() {
        let open = hours(&[(6, 20, 26)]);
        assert_eq!(open, [(0, 120), (6 * 1440 + 1200, WEEK_MINUTES)]);
        let said = state(&open, &[], "2026-11-22T23:30:00Z");
        assert_eq!(said, (ShopState::Open, Some("2026-11-23T02:00:00Z".into())));
    }

    #[test]
    fn a_pause_wins_over_hours_and_ends_by_itself() {
        let open = vec![(0, WEEK_MINUTES)];
        let (from, until) = (at("2026-11-23T18:00:00Z").as_second(), at("2026-11-23T20:00:00Z").as_second());
        let said = |now| state(&open, &[(from, until)], now);
        assert_eq!(said("2026-11-23T17:00:00Z"), (ShopState::Open, Some("2026-11-23T18:00:00Z".into())));
        assert_eq!(said("2026-11-23T18:00:00Z"), (ShopState::Paused, Some("2026-11-23T20:00:00Z".into())));
        assert_eq!(said("2026-11-23T20:00:00Z"), (ShopState::Open, None));
        assert_eq!(state(&[], &[], "2026-11-23T17:00:00Z"), (ShopState::Closed, None));
    }

    #[test]
    fn summer_time_begins_during_the_night_shift() {
        // Sundays from 00:30 to 03:00; on 2026-03-29 London's clock jumps from 01:00 to 02:00.
        let open = week([(6 * 1440 + 30, 6 * 1440 + 180)]);
        let said = state(&open, &[], "2026-03-29T00:45:00Z");
        assert_eq!(said, (ShopState::Open, Some("2026-03-29T02:00:00Z".into())));
        // A shop that opens at 01:30, a time which that night does not have, opens when the clock jumps.
        let open = week([(6 * 1440 + 90, 6 * 1440 + 180)]);
        let said = state(&open, &[], "2026-03-29T00:45:00Z");
        assert_eq!(said, (ShopState::Preparing, Some("2026-03-29T01:00:00Z".into())));
    }

    proptest! {
        /// Minute by minute, the slow way: whatever is said about the next change is so.
        #[test]
        fn the_next_change_is_the_first_minute_that_differs(
            ranges in prop::collection::vec((0_u32..10_080, 1_u32..1_500), 0..6),
            // Around both changes of London's clock in 2026.
            start in prop_oneof![1_774_600_000_i64..1_774_900_000, 1_792_700_000_i64..1_793_100_000],
            pauses in prop::collection::vec((0_i64..2_000, 1_i64..500), 0..3),
        ) {
            let open = week(ranges.iter().map(|(from, length)| (*from, from + length)));
            let start = start / 60 * 60;
            let pauses = apart(pauses.iter().map(|(from, long)| (start + from * 60, start + (from + long) * 60)).collect());
            let said = |second: i64| {
                let now = Timestamp::from_second(second).unwrap();
                state_at("Europe/London", &open, pauses.iter().copied(), now, Zones)
            };
            let naive = |second: i64| {
                if pauses.iter().any(|(from, until)| (*from..*until).contains(&second)) {
                    return ShopState::Paused;
                }
                let zone = TimeZone::get("Europe/London").unwrap();
                let local = zone.to_datetime(Timestamp::from_second(second).unwrap());
                let day = u16::try_from(local.weekday().to_monday_zero_offset()).unwrap();
                let minute = day * 1440 + u16::try_from(local.hour()).unwrap() * 60 + u16::try_from(local.minute()).unwrap();
                let is_open = |minute: u16| open.iter().any(|(from, until)| (*from..*until).contains(&(minute % WEEK_MINUTES)));
                if is_open(minute) { ShopState::Open }
                else if (1..=PREPARING_MINUTES).any(|ahead| is_open(minute + ahead)) { ShopState::Preparing }
                else { ShopState::Closed }
            };
            let now = said(start);
            prop_assert_eq!(now.state, naive(start));
            let until = now.next_change_at.map_or(i64::MAX, |at| at.as_second());
            for minute in 1..(2 * 24 * 60) {
                let second = start + minute * 60;
                if second >= until {
                    prop_assert_eq!(second, until);
                    prop_assert_ne!(naive(second), now.state);
                    break;
                }
                prop_assert_eq!(naive(second), now.state, "at {}", second);
            }
        }
    }
}

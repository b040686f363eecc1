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
    /// Takes no orders for a while, whatever its weekly hours say.
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

/// Remembers two offsets of each zone with the time between their transitions, per thread, so that a request pays
/// comparisons: the offset now, and in the week before a transition also the one at the next opening.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zones;

/// The tz database has 600 names; a thread that met more than this forgets them all.
const ZONES_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug)]
struct Offset {
    seconds: i32,
    /// Holds in `[from, until)`, seconds since 1970.
    from: i64,
    until: i64,
}

impl Offset {
    const fn holds(self, at: i64) -> bool {
        self.from <= at && at < self.until
    }
}

struct Zone {
    name: String,
    zone: TimeZone,
    held: [Offset; 2],
    /// Which of the two goes next.
    older: usize,
}

thread_local! {
    static ZONES: RefCell<Vec<Zone>> = const { RefCell::new(Vec::new()) };
}

/// What the clock on a shop's wall shows at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    /// Minute of the week.
    pub minute: u16,
    /// Seconds since 1970 at which that minute began.
    pub minute_began: i64,
    /// The clock runs evenly in `[even_from, even_until)`, seconds since 1970: no summer begins or ends there.
    pub even_from: i64,
    /// See `even_from`.
    pub even_until: i64,
}

impl Zones {
    /// The wall clock of a zone by its IANA name, at a second since 1970; of a name that this build does not know, UTC.
    #[must_use]
    pub fn wall_clock(self, name: &str, at: i64) -> WallClock {
        let offset = self.offset(name, at);
        let seconds = i64::from(offset.seconds);
        WallClock {
            minute: minute_of_week(at, offset),
            minute_began: (at + seconds).div_euclid(60) * 60 - seconds,
            even_from: offset.from,
            even_until: offset.until,
        }
    }

    fn offset(self, name: &str, at: i64) -> Offset {
        ZONES.with_borrow_mut(|zones| {
            let known = zones.iter().position(|zone| zone.name == name).unwrap_or_else(|| {
                // Zones are checked at the writer's door; one that this build does not know is shown in UTC.
                let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
                if zones.len() == ZONES_MAX {
                    zones.clear();
                }
                let nothing = Offset { seconds: 0, from: 0, until: 0 };
                zones.push(Zone { name: name.to_owned(), zone, held: [nothing; 2], older: 0 });
                zones.len() - 1
            });
            let zone = &mut zones[known];
            if let Some(held) = zone.held.iter().find(|held| held.holds(at)) {
                return *held;
            }
            let found = offset_of(&zone.zone, at);
            zone.held[zone.older] = found;
            zone.older ^= 1;
            found
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

/// State by the week alone, and in how many minutes it changes (`None`: never). Stops at the first range that
/// lies ahead, so it costs as much as there are ranges, of which no number is too many.
fn by_week(open: impl Iterator<Item = (u16, u16)>, minute: u16) -> (ShopState, Option<u32>) {
    let (minute, week) = (u32::from(minute), u32::from(WEEK_MINUTES));
    let mut first = None;
    for (opens, closes) in open.map(|(opens, closes)| (u32::from(opens), u32::from(closes))) {
        let (first_opens, first_closes) = *first.get_or_insert((opens, closes));
        if (opens, closes) == (0, week) {
            return (ShopState::Open, None);
        }
        if opens > minute {
            return until_opening(opens - minute);
        }
        if minute < closes {
            // Open over Sunday midnight is two ranges and one evening.
            let goes_on = if closes == week && first_opens == 0 { first_closes } else { 0 };
            return (ShopState::Open, Some(closes - minute + goes_on));
        }
    }
    first.map_or((ShopState::Closed, None), |(opens, _)| until_opening(opens + week - minute))
}

const fn until_opening(wait: u32) -> (ShopState, Option<u32>) {
    let preparing = PREPARING_MINUTES as u32;
    if wait <= preparing {
        (ShopState::Preparing, Some(wait))
    } else {
        (ShopState::Closed, Some(wait - preparing))
    }
}

/// The state at an instant; `open` as [`week`] returns it, `pauses` as [`apart`] does.
#[must_use]
pub fn state_at(
    time_zone: &str,
    open: &(impl Iterator<Item = (u16, u16)> + Clone),
    pauses: impl Iterator<Item = (i64, i64)>,
    now: Timestamp,
    zones: Zones,
) -> StateNow {
    let at = now.as_second();
    let offset = zones.offset(time_zone, at);
    let until = |state, changes: Option<i64>| {
        // Mostly in the same summer or winter, which needs no second look-up.
        let then = changes.filter(|changes| !offset.holds(*changes));
        let then = then.map_or(offset, |changes| zones.offset(time_zone, changes));
        let next_change_at = changes.and_then(|second| Timestamp::from_second(second).ok());
        StateNow { state, next_change_at, offset_seconds: then.seconds }
    };
    let mut pause_begins = None;
    for (from, ends) in pauses {
        if (from..ends).contains(&at) {
            return until(ShopState::Paused, Some(ends));
        }
        if from > at {
            pause_begins = Some(from);
            break;
        }
    }
    let (state, changes) = weekly_change(time_zone, open, (at, offset), zones);
    until(state, [changes, pause_begins].into_iter().flatten().min())
}

fn weekly_change(
    time_zone: &str,
    open: &(impl Iterator<Item = (u16, u16)> + Clone),
    (at, offset): (i64, Offset),
    zones: Zones,
) -> (ShopState, Option<i64>) {
    let (state, wait) = by_week(open.clone(), minute_of_week(at, offset));
    let (mut from, mut offset, mut wait) = (at, offset, wait);
    // Each turn passes one transition of the zone; a shop's week is shorter than the time between four of them.
    for _ in 0..4 {
        let Some(minutes) = wait else { return (state, None) };
        let changes = (from + i64::from(offset.seconds)).div_euclid(60) * 60 - i64::from(offset.seconds)
            + i64::from(minutes) * 60;
        // At the transition itself the wall clock shows another minute: it is judged below.
        if changes < offset.until {
            return (state, Some(changes));
        }
        from = offset.until;
        offset = zones.offset(time_zone, from);
        let (after, then) = by_week(open.clone(), minute_of_week(from, offset));
        if after != state {
            return (state, Some(from));
        }
        wait = then;
    }
    (state, None)
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
        let state = state_at("Europe/London", &open.iter().copied(), pauses.iter().copied(), at(now), Zones);
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

    #[test]
    fn the_last_guests_before_winter_stay_an_hour_longer() {
        // Saturdays from 22:00 to 02:00; on 2026-10-25 London's clock falls back from 02:00 to 01:00.
        let open = hours(&[(5, 22, 26)]);
        let said = state(&open, &[], "2026-10-24T23:00:00Z");
        assert_eq!(said, (ShopState::Open, Some("2026-10-25T02:00:00Z".into())));
    }

    /// Around both changes of each clock in 2026: by an hour at night, by half an hour, at midnight, never.
    const CLOCKS: [(&str, [i64; 2]); 4] = [
        ("Europe/London", [1_774_746_000, 1_792_890_000]),
        ("Australia/Lord_Howe", [1_775_314_800, 1_791_041_400]),
        ("America/Santiago", [1_775_358_000, 1_788_667_200]),
        ("Asia/Seoul", [1_774_746_000, 1_792_890_000]),
    ];

    #[test]
    fn the_clocks_of_the_law_below_do_change() {
        for (name, changes) in CLOCKS.iter().take(3) {
            let zone = TimeZone::get(name).unwrap();
            for change in changes {
                let offset = |second| zone.to_offset(Timestamp::from_second(second).unwrap());
                assert_ne!(offset(change - 1), offset(*change), "{name} at {change}");
            }
        }
    }

    fn naive(zone: &TimeZone, open: &[(u16, u16)], pauses: &[(i64, i64)], second: i64) -> ShopState {
        if pauses.iter().any(|(from, until)| (*from..*until).contains(&second)) {
            return ShopState::Paused;
        }
        let local = zone.to_datetime(Timestamp::from_second(second).unwrap());
        let day = u16::try_from(local.weekday().to_monday_zero_offset()).unwrap();
        let of_day = i16::from(local.hour()) * 60 + i16::from(local.minute());
        let minute = day * 1440 + u16::try_from(of_day).unwrap();
        let is_open =
            |minute| open.iter().any(|(from, until)| (*from..*until).contains(&(minute % WEEK_MINUTES)));
        if is_open(minute) {
            ShopState::Open
        } else if (1..=PREPARING_MINUTES).any(|ahead| is_open(minute + ahead)) {
            ShopState::Preparing
        } else {
            ShopState::Closed
        }
    }

    proptest! {
        /// Minute by minute, the slow way: whatever is said about the next change is so.
        #[test]
        fn the_next_change_is_the_first_minute_that_differs(
            (clock, change) in (0..CLOCKS.len(), 0..2_usize),
            minutes_before in 0_i64..3_000,
            seconds in 0_i64..60,
            // Hours anywhere in the week, and some in the weekend nights in which clocks change.
            ranges in prop::collection::vec((prop_oneof![0_u32..10_080, 8_300_u32..9_400], 1_u32..1_500), 0..8),
            pauses in prop::collection::vec((0_i64..4_000, 1_i64..500), 0..4),
        ) {
            let (name, changes) = CLOCKS[clock];
            let zone = TimeZone::get(name).unwrap();
            let open = week(ranges.iter().map(|(from, length)| (*from, from + length)));
            let start = changes[change] - minutes_before * 60;
            let pauses = pauses.iter().map(|(from, long)| (start + from * 60, start + (from + long) * 60));
            let pauses = apart(pauses.collect());
            let now = Timestamp::from_second(start + seconds).unwrap();
            let now = state_at(name, &open.iter().copied(), pauses.iter().copied(), now, Zones);
            prop_assert_eq!(now.state, naive(&zone, &open, &pauses, start));
            let until = now.next_change_at.map_or(i64::MAX, |at| at.as_second());
            prop_assert!(until > start + seconds);
            for minute in 1..(3 * 24 * 60) {
                let second = start + minute * 60;
                if second >= until {
                    prop_assert_eq!(second, until);
                    prop_assert_ne!(naive(&zone, &open, &pauses, second), now.state);
                    break;
                }
                prop_assert_eq!(naive(&zone, &open, &pauses, second), now.state, "at {}", second);
            }
        }

        /// A shop with a break every hour is read to its last range.
        #[test]
        fn no_number_of_ranges_is_too_many(of_hour in 1_u32..60, minute in 0_u32..10_080) {
            let open = week((0..168).map(|hour| (hour * 60, hour * 60 + of_hour)));
            prop_assert_eq!(open.len(), 168);
            let expected = if minute % 60 < of_hour { ShopState::Open } else { ShopState::Preparing };
            prop_assert_eq!(by_week(open.iter().copied(), u16::try_from(minute).unwrap()).0, expected);
        }

        /// Whatever was archived: nothing overflows.
        #[test]
        fn any_ranges_at_all_have_a_state(open: Vec<(u16, u16)>, pauses: Vec<(i64, i64)>, second in 0_i64..4_102_444_800) {
            let now = Timestamp::from_second(second).unwrap();
            let state = state_at("Nowhere/Atlantis", &open.iter().copied(), pauses.iter().copied(), now, Zones);
            prop_assert!(state.next_change_at.is_none_or(|at| at > now));
        }
    }
}

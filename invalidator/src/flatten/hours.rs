//! Weekly hours and pauses as people write them, into minutes of the week and instants.

use jiff::Timestamp;
use shop_document::facts::HoursLine;
use shop_document::hours::{Times, apart, week};
use writer_api::facts::{Day, OpeningHours, Pause};

use super::LeftOut;

const DAY_MINUTES: u32 = 24 * 60;

/// The lines to show, and the same for machines.
pub(super) fn times(
    time_zone: String,
    opening_hours: Vec<OpeningHours>,
    pauses: &[Pause],
    left_out: &mut Vec<LeftOut>,
) -> (Vec<HoursLine>, Times) {
    let (mut lines, mut ranges) = (Vec::with_capacity(opening_hours.len()), Vec::new());
    for (index, hours) in opening_hours.into_iter().enumerate() {
        match range(&hours) {
            Ok(range) => {
                ranges.push(range);
                let day = name(hours.day).to_owned();
                lines.push(HoursLine { day, opens: hours.opens, closes: hours.closes });
            }
            Err((member, reason)) => {
                left_out.push(LeftOut::at(format!("opening_hours[{index}].{member}"), reason));
            }
        }
    }
    let pauses = apart(pauses.iter().map(|pause| (pause.from.as_second(), end_of(pause.until))).collect());
    (lines, Times { time_zone, open_minutes: week(ranges), pauses })
}

/// Minutes from Monday 00:00; the end may lie in the next week.
fn range(hours: &OpeningHours) -> Result<(u32, u32), (&'static str, String)> {
    let wrong = |text: &str| format!("`{text}` is no time of day, expected `HH:MM`");
    let opens = minute(&hours.opens).filter(|minute| *minute < DAY_MINUTES);
    let opens = opens.ok_or_else(|| ("opens", wrong(&hours.opens)))?;
    let closes = minute(&hours.closes).ok_or_else(|| ("closes", wrong(&hours.closes)))?;
    let next_day = if closes <= opens { DAY_MINUTES } else { 0 };
    let midnight = u32::from(hours.day as u8) * DAY_MINUTES;
    Ok((midnight + opens, midnight + closes + next_day))
}

/// `00:00` to `24:00`.
fn minute(text: &str) -> Option<u32> {
    let &[h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    let within_day = minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
    within_day.then_some(hour * 60 + minute)
}

/// Whole seconds that contain the end: a shop that pauses until 20:00:00.5 takes no order at 20:00:00.
fn end_of(until: Timestamp) -> i64 {
    until.as_second() + i64::from(until.subsec_nanosecond() > 0)
}

const fn name(day: Day) -> &'static str {
    match day {
        Day::Mon => "mon",
        Day::Tue => "tue",
        Day::Wed => "wed",
        Day::Thu => "thu",
        Day::Fri => "fri",
        Day::Sat => "sat",
        Day::Sun => "sun",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: u16 = 7 * 24 * 60;

    fn open(hours: &[(Day, &str, &str)]) -> Vec<(u16, u16)> {
        let lines = hours.iter().map(|(day, opens, closes)| OpeningHours {
            day: *day,
            opens: (*opens).to_owned(),
            closes: (*closes).to_owned(),
        });
        let mut left_out = Vec::new();
        let (shown, times) = times("Europe/London".to_owned(), lines.collect(), &[], &mut left_out);
        assert_eq!((shown.len(), left_out), (hours.len(), vec![]));
        times.open_minutes
    }

    #[test]
    fn hours_become_minutes_of_the_week() {
        const MON: Day = Day::Mon;
        const TUE: Day = Day::Tue;
        const SUN: Day = Day::Sun;
        type Case = (&'static str, &'static [(Day, &'static str, &'static str)], &'static [(u16, u16)]);
        let cases: &[Case] = &[
            ("never open", &[], &[]),
            ("an ordinary day", &[(TUE, "11:30", "22:00")], &[(1440 + 690, 1440 + 1320)]),
            ("until midnight", &[(MON, "17:00", "24:00")], &[(1020, 1440)]),
            ("until midnight, written as 00:00", &[(MON, "17:00", "00:00")], &[(1020, 1440)]),
            ("over midnight", &[(MON, "17:00", "01:30")], &[(1020, 1440 + 90)]),
            ("over Sunday midnight", &[(SUN, "20:00", "02:00")], &[(0, 120), (6 * 1440 + 1200, WEEK)]),
            ("the whole day", &[(MON, "00:00", "24:00")], &[(0, 1440)]),
            ("the whole day, written as 00:00", &[(MON, "00:00", "00:00")], &[(0, 1440)]),
            ("24 hours from 10 on", &[(MON, "10:00", "10:00")], &[(600, 2040)]),
            ("a break", &[(MON, "11:00", "14:00"), (MON, "17:00", "22:00")], &[(660, 840), (1020, 1320)]),
            (
                "lines that overlap",
                &[(MON, "17:00", "02:00"), (TUE, "01:00", "03:00")],
                &[(1020, 1440 + 180)],
            ),
            (
                "in any order",
                &[(TUE, "09:00", "10:00"), (MON, "09:00", "10:00")],
                &[(540, 600), (1980, 2040)],
            ),
        ];
        for (what, hours, expected) in cases {
            assert_eq!(open(hours), *expected, "{what}");
        }
        let always = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
        assert_eq!(open(&always.map(|day| (day, "00:00", "24:00"))), [(0, WEEK)]);
    }

    #[test]
    fn a_line_that_is_no_time_is_left_out_and_the_others_stay() {
        let line = |opens: &str, closes: &str| OpeningHours {
            day: Day::Mon,
            opens: opens.to_owned(),
            closes: closes.to_owned(),
        };
        for wrong in ["9:00", "24:01", "25:00", "12:60", "1200", "12:0a", "", "noon", "１２:００"] {
            let mut left_out = Vec::new();
            let lines = vec![line(wrong, "22:00"), line("10:00", "12:00"), line("13:00", wrong)];
            let (shown, times) = times("Europe/London".to_owned(), lines, &[], &mut left_out);
            assert_eq!((shown.len(), times.open_minutes), (1, vec![(600, 720)]), "{wrong}");
            let reason = format!("`{wrong}` is no time of day, expected `HH:MM`");
            let expected =
                ["opening_hours[0].opens", "opening_hours[2].closes"].map(|path| LeftOut::at(path, &*reason));
            assert_eq!(left_out, expected);
        }
        // Midnight at the end of a day is no time to open at.
        let mut left_out = Vec::new();
        times("Europe/London".to_owned(), vec![line("24:00", "02:00")], &[], &mut left_out);
        assert_eq!(left_out[0].path, "opening_hours[0].opens");
    }

    #[test]
    fn pauses_are_sorted_joined_and_end_no_earlier_than_said() {
        let pause =
            |from: &str, until: &str| Pause { from: from.parse().unwrap(), until: until.parse().unwrap() };
        let pauses = [
            pause("2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"),
            pause("2026-11-23T19:00:00Z", "2026-11-23T20:00:00.5Z"),
            pause("2026-11-23T18:00:00.9Z", "2026-11-23T19:30:00Z"),
            pause("2026-11-25T18:00:00Z", "2026-11-25T17:00:00Z"),
        ];
        let (_, times) = times("Europe/London".to_owned(), vec![], &pauses, &mut Vec::new());
        let shown: Vec<_> = times
            .pauses
            .iter()
            .map(|(from, until)| {
                [*from, *until].map(|second| Timestamp::from_second(second).unwrap().to_string())
            })
            .collect();
        assert_eq!(
            shown,
            [
                ["2026-11-23T18:00:00Z", "2026-11-23T20:00:01Z"],
                ["2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"]
            ]
        );
    }
}

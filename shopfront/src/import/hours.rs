//! Opening hours as OpenStreetMap writes them, as far as weekly hours go: `Mo-Fr 09:00-18:00; Sa,Su 10:00-16:00`.

use writer_api::facts::{Day, OpeningHours};

const DAYS: [(&str, Day); 7] = [
    ("Mo", Day::Mon),
    ("Tu", Day::Tue),
    ("We", Day::Wed),
    ("Th", Day::Thu),
    ("Fr", Day::Fri),
    ("Sa", Day::Sat),
    ("Su", Day::Sun),
];

/// Reads weekly hours; public holidays are left out, later rules replace earlier ones of the same day. `None`
/// for anything that is not weekly (months, weeks of the month, sunset, comments).
pub fn parse(text: &str) -> Option<Vec<OpeningHours>> {
    if text.trim() == "24/7" {
        return Some(DAYS.iter().map(|(_, day)| range(*day, (0, 1_440))).collect());
    }
    let mut week: [Vec<(u32, u32)>; 7] = Default::default();
    for rule in text.split(';').map(str::trim).filter(|rule| !rule.is_empty()) {
        apply(&mut week, rule)?;
    }
    let hours: Vec<OpeningHours> = DAYS
        .iter()
        .zip(week)
        .flat_map(|((_, day), ranges)| ranges.into_iter().map(|minutes| range(*day, minutes)))
        .collect();
    (!hours.is_empty()).then_some(hours)
}

/// One rule, which may go on behind commas: `Mo-Fr 09:00-12:00,13:00-18:00, Sa,Su 10:00-16:00`. The first range of
/// a day replaces what earlier rules said of it, the others add to it.
fn apply(week: &mut [Vec<(u32, u32)>; 7], rule: &str) -> Option<()> {
    let mut touched = [false; 7];
    let mut days: Vec<usize> = Vec::new();
    let (mut days_are_named, mut days_are_complete) = (false, true);
    for part in rule.split(',').map(str::trim) {
        let times = if part.starts_with(|first: char| first.is_ascii_digit()) {
            if !days_are_named {
                days = (0..7).collect();
            }
            part
        } else {
            if days_are_complete {
                days.clear();
            }
            days_are_named = true;
            let (names, times) = part.split_once(' ').unwrap_or((part, ""));
            days.extend(days_of(names)?);
            times.trim()
        };
        days_are_complete = !times.is_empty();
        if times.is_empty() {
            continue;
        }
        let range = if matches!(times, "off" | "closed") { None } else { Some(minutes_of(times)?) };
        for &day in &days {
            if !std::mem::replace(&mut touched[day], true) {
                week[day].clear();
            }
            week[day].extend(range);
        }
    }
    days_are_complete.then_some(())
}

/// `Mo-Fr`, `Fr-Mo`, `su`; public and school holidays are no days of the week.
fn days_of(text: &str) -> Option<Vec<usize>> {
    if matches!(text, "PH" | "SH") {
        return Some(Vec::new());
    }
    let position = |name: &str| DAYS.iter().position(|(day, _)| day.eq_ignore_ascii_case(name));
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (position(from)?, position(to)?);
    let to = if to < from { to + 7 } else { to };
    Some((from..=to).map(|day| day % 7).collect())
}

/// `18:00-02:00`, `9:00-26:00`.
fn minutes_of(text: &str) -> Option<(u32, u32)> {
    let (opens, closes) = text.split_once('-')?;
    let minute = |text: &str| -> Option<u32> {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour <= 30 && minute < 60).then_some(hour * 60 + minute)
    };
    let (opens, closes) = (minute(opens)?, minute(closes)?);
    (opens < 1_440 && opens != closes).then_some((opens, closes))
}

fn range(day: Day, (opens, closes): (u32, u32)) -> OpeningHours {
    let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    let closes = if closes == 1_440 { "24:00".to_owned() } else { clock(closes) };
    OpeningHours { day, opens: clock(opens), closes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let hours = parse(text).unwrap_or_default();
        hours
            .iter()
            .map(|range| format!("{:?} {}-{}", range.day, range.opens, range.closes))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn weekly_hours_are_understood() {
        assert_eq!(said("Mo-Tu 09:00-12:00,13:00-18:00; Tu off"), "Mon 09:00-12:00, Mon 13:00-18:00");
        assert_eq!(said("Sa,Su 18:00-02:00; PH off"), "Sat 18:00-02:00, Sun 18:00-02:00");
        assert_eq!(said("Su-Mo 9:00-24:00"), "Mon 09:00-24:00, Sun 09:00-24:00");
        assert_eq!(
            said("Mo-Tu 11:00-14:00, Fr-sa 12:00-15:00"),
            "Mon 11:00-14:00, Tue 11:00-14:00, Fri 12:00-15:00, Sat 12:00-15:00"
        );
        assert_eq!(
            said("Sa, Su 09:00-10:00,11:00-12:00"),
            "Sat 09:00-10:00, Sat 11:00-12:00, Sun 09:00-10:00, Sun 11:00-12:00"
        );
        assert_eq!(said("Mo 09:00-10:00; PH 10:00-12:00,13:00-14:00"), "Mon 09:00-10:00");
        assert_eq!(said("24/7").matches("00:00-24:00").count(), 7);
        assert_eq!(said("11:00-26:00").matches("11:00-02:00").count(), 7);
    }

    #[test]
    fn what_is_not_weekly_is_said_to_be_unknown() {
        for text in [
            "Apr-Oct: Mo-Su 10:00-18:00",
            "sunrise-sunset",
            "\"by appointment\"",
            "Mo[1] 10:00-12:00",
            "Mo-Fr",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

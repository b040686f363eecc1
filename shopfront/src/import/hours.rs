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

/// Reads weekly hours; public holidays are left out, later rules replace earlier ones of the same day. None at all:
/// the text says of every day that the shop is closed. `None` for anything that is not weekly (months, weeks of the
/// month, sunset), and for what names some days as closed and says nothing of the others.
pub fn parse(text: &str) -> Option<Vec<OpeningHours>> {
    let mut week: Week = Default::default();
    for rule in text.split(';').map(str::trim).filter(|rule| !rule.is_empty()) {
        apply(&mut week, rule)?;
    }
    let says_all = week.iter().all(Option::is_some);
    let hours: Vec<OpeningHours> = DAYS
        .iter()
        .zip(week)
        .flat_map(|((_, day), ranges)| {
            ranges.unwrap_or_default().into_iter().map(|minutes| range(*day, minutes))
        })
        .collect();
    (!hours.is_empty() || says_all).then_some(hours)
}

/// What is known of each day: nothing, or its ranges, of which a closed day has none.
type Week = [Option<Vec<(u32, u32)>>; 7];

/// One rule, which may go on behind commas: `Mo-Fr 09:00-12:00,13:00-18:00, Sa,Su 10:00-16:00`. The first range of
/// a day replaces what earlier rules said of it, the others add to it.
fn apply(week: &mut Week, rule: &str) -> Option<()> {
    let rule = rule
        .strip_prefix("24/7")
        .map_or(rule, |rest| if rest.is_empty() { "00:00-24:00" } else { rest.trim() });
    let mut touched = [false; 7];
    let mut days: Vec<usize> = Vec::new();
    let (mut days_are_named, mut days_are_complete) = (false, true);
    for part in rule.split(',').map(str::trim) {
        let times = if is_off(part) || part.starts_with(|first: char| first.is_ascii_digit()) {
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
        let range = if is_off(times) { None } else { Some(minutes_of(times)?) };
        for &day in &days {
            let ranges = week[day].get_or_insert_default();
            if !std::mem::replace(&mut touched[day], true) {
                ranges.clear();
            }
            ranges.extend(range);
        }
    }
    days_are_complete.then_some(())
}

/// `off`, `Closed`, `off "for renovation"`.
fn is_off(times: &str) -> bool {
    let (word, comment) = times.split_once(char::is_whitespace).unwrap_or((times, ""));
    let comment = comment.trim();
    let is_comment = comment.is_empty() || (comment.starts_with('"') && comment.ends_with('"'));
    is_comment && ["off", "closed"].iter().any(|off| word.eq_ignore_ascii_case(off))
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
    fn a_shop_that_says_it_is_closed_is_never_open() {
        for text in ["closed", "Closed", "off", "Mo-Su off", "24/7 off", "Mo-Fr off; Sa,Su closed; PH off"] {
            assert_eq!(parse(text), Some(Vec::new()), "{text}");
        }
        assert_eq!(parse("off \"for renovation\""), Some(Vec::new()));
        assert_eq!(said("24/7; Su off").matches("00:00-24:00").count(), 6);
        assert_eq!(said("closed; Mo 09:00-10:00"), "Mon 09:00-10:00");
    }

    #[test]
    fn what_is_not_weekly_is_said_to_be_unknown() {
        for text in [
            "Apr-Oct: Mo-Su 10:00-18:00",
            "sunrise-sunset",
            "\"by appointment\"",
            "Mo[1] 10:00-12:00",
            "Mo-Fr",
            "Mo off",
            "PH off",
            "closed on Mondays",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

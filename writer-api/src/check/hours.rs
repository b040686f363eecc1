//! Opening hours and pauses.

use crate::facts::{OpeningHours, Pause};

use super::Findings;

/// Seven days, several ranges each.
const RANGES_MAX: usize = 100;
const PAUSES_MAX: usize = 100;

pub(super) fn opening_hours(hours: &[OpeningHours], findings: &mut Findings) {
    findings.expect_count("opening_hours", hours.len(), RANGES_MAX);
    for (index, range) in hours.iter().enumerate() {
        let opens = minutes(&range.opens).is_some_and(|minutes| minutes < 24 * 60);
        let path = || format!("opening_hours[{index}].opens");
        findings.expect(opens, path, &range.opens, "`HH:MM` from 00:00 to 23:59");
        let path = || format!("opening_hours[{index}].closes");
        let closes = minutes(&range.closes).is_some();
        findings.expect(closes, path, &range.closes, "`HH:MM` from 00:00 to 24:00");
    }
}

/// Minutes of the day, 0 to 1,440.
fn minutes(text: &str) -> Option<u32> {
    let [tens, hours, b':', ten_minutes, minutes] = *text.as_bytes() else { return None };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let (hours, minutes) = (digit(tens)? * 10 + digit(hours)?, digit(ten_minutes)? * 10 + digit(minutes)?);
    let of_the_day = hours * 60 + minutes;
    (minutes < 60 && of_the_day <= 24 * 60).then_some(of_the_day)
}

pub(super) fn pauses(pauses: &[Pause], findings: &mut Findings) {
    findings.expect_count("pauses", pauses.len(), PAUSES_MAX);
    for (index, pause) in pauses.iter().enumerate() {
        let expected = format_args!("a moment after `from`, {}", pause.from);
        findings.expect(pause.from < pause.until, || format!("pauses[{index}].until"), pause.until, expected);
    }
}

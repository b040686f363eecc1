//! Bytes of a fixed width for what clock and cell decide: padded with blanks, which JSON ignores.

use crate::hours::StateNow;

/// `"preparing"`.
pub const STATE_WIDTH: usize = 11;
/// `"2026-11-23T17:00:00+00:00"`.
pub const TIME_WIDTH: usize = 27;
/// Up to 999,999 metres, or `null`.
pub const DISTANCE_WIDTH: usize = 6;

/// A label in quotes, or `null`; also `null` where it would not fit, so that JSON stays JSON.
pub fn fill_label(hole: &mut [u8], label: Option<&str>) {
    let Some(label) = label else { return fill(hole, b"null") };
    if !is_plain(label) {
        let quoted = quoted(label);
        return fill(hole, if quoted.len() <= hole.len() { quoted.as_bytes() } else { b"null" });
    }
    let quoted = hole.len().checked_sub(label.len() + 2);
    let Some(blanks) = quoted else { return fill(hole, b"null") };
    hole[0] = b'"';
    hole[1..=label.len()].copy_from_slice(label.as_bytes());
    hole[label.len() + 1] = b'"';
    let from = hole.len() - blanks;
    hole[from..].fill(b' ');
}

/// Needs no escape in JSON.
fn is_plain(label: &str) -> bool {
    label.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
}

/// As a string in JSON.
pub(crate) fn quoted(text: &str) -> String {
    // A string: nothing that serde_json could refuse.
    serde_json::to_string(text).unwrap_or_default()
}

/// Writes `text` at the beginning of a hole and blanks behind it. Too long a text is cut, which no caller gives.
pub fn fill(hole: &mut [u8], text: &[u8]) {
    let length = text.len().min(hole.len());
    let (begin, rest) = hole.split_at_mut(length);
    begin.copy_from_slice(&text[..length]);
    rest.fill(b' ');
}

/// `"open"`, and so on.
pub fn fill_state(hole: &mut [u8], state: &StateNow) {
    let mut quoted = [b'"'; STATE_WIDTH];
    let name = state.state.name().as_bytes();
    quoted[1..=name.len()].copy_from_slice(name);
    fill(hole, &quoted[..name.len() + 2]);
}

/// RFC 3339 with the shop's offset, or `null`.
pub fn fill_next_change(hole: &mut [u8], state: &StateNow) {
    let Some(at) = state.next_change_at else { return fill(hole, b"null") };
    fill(hole, &quoted_time(at.as_second(), state.offset_seconds));
}

/// A distance, or `null`.
pub fn fill_distance(hole: &mut [u8], distance_m: Option<u32>) {
    match distance_m {
        Some(distance_m) => fill(hole, itoa::Buffer::new().format(distance_m.min(999_999)).as_bytes()),
        None => fill(hole, b"null"),
    }
}

/// Written by hand, digit by digit: 25 of them stand on every page, and general formatting costs 20 times as much
/// as the copying of a card.
fn quoted_time(second: i64, offset_seconds: i32) -> [u8; TIME_WIDTH] {
    let local = second + i64::from(offset_seconds);
    let (days, of_day) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let mut text = *b"\"0000-00-00T00:00:00+00:00\"";
    digits(&mut text[1..5], year);
    digits(&mut text[6..8], month);
    digits(&mut text[9..11], day);
    digits(&mut text[12..14], of_day / 3_600);
    digits(&mut text[15..17], of_day / 60 % 60);
    digits(&mut text[18..20], of_day % 60);
    if offset_seconds < 0 {
        text[20] = b'-';
    }
    let offset = i64::from(offset_seconds).abs();
    digits(&mut text[21..23], offset / 3_600);
    digits(&mut text[24..26], offset / 60 % 60);
    text
}

fn digits(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// Year, month, day of a day counted from 1970, in the proleptic Gregorian calendar: years are counted from March,
/// so that the leap day is the last one.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn times_are_written_as_jiff_writes_them(second in 0_i64..4_102_444_800, quarter_hours in -48_i32..=56) {
            let offset_seconds = quarter_hours * 900;
            let text = quoted_time(second, offset_seconds);
            let text = std::str::from_utf8(&text[1..26]).unwrap();
            let read: jiff::Timestamp = text.parse().unwrap();
            proptest::prop_assert_eq!(read.as_second(), second);
            let offset = jiff::tz::Offset::from_seconds(offset_seconds).unwrap();
            let said = offset.to_datetime(read).to_string();
            proptest::prop_assert!(text.starts_with(&said), "{} {}", text, said);
        }
    }

    #[test]
    fn a_short_word_leaves_blanks() {
        let mut hole = *b"xxxxxx";
        fill_distance(&mut hole, Some(42));
        assert_eq!(&hole, b"42    ");
        fill_distance(&mut hole, Some(u32::MAX));
        assert_eq!(&hole, b"999999");
        fill_distance(&mut hole, None);
        assert_eq!(&hole, b"null  ");
    }
}

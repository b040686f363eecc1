//! Bytes of a fixed width for what clock and cell decide: padded with blanks, which JSON ignores.

use crate::hours::{ShopState, StateNow};

/// `"preparing"`.
pub const STATE_WIDTH: usize = 11;
/// `"2026-11-23T17:00:00+00:00"`.
pub const TIME_WIDTH: usize = 27;
/// Up to 999,999 metres, or `null`.
pub const DISTANCE_WIDTH: usize = 6;

// Statics: constants would be put together on the stack each time.
static OPEN: [u8; STATE_WIDTH] = padded(b"\"open\"");
static PAUSED: [u8; STATE_WIDTH] = padded(b"\"paused\"");
static PREPARING: [u8; STATE_WIDTH] = padded(b"\"preparing\"");
static CLOSED: [u8; STATE_WIDTH] = padded(b"\"closed\"");
static NO_TIME: [u8; TIME_WIDTH] = padded(b"null");
static NO_DISTANCE: [u8; DISTANCE_WIDTH] = padded(b"null");

/// `00` to `99`: dividing by ten 250 times a page costs more than reading these.
static PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0_u8;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
}

/// `text` with blanks behind it.
const fn padded<const WIDTH: usize>(text: &[u8]) -> [u8; WIDTH] {
    let mut hole = [b' '; WIDTH];
    let mut at = 0;
    while at < text.len() {
        hole[at] = text[at];
        at += 1;
    }
    hole
}

/// `"open"`, and so on.
pub fn write_state(hole: &mut [u8; STATE_WIDTH], state: ShopState) {
    *hole = *match state {
        ShopState::Open => &OPEN,
        ShopState::Paused => &PAUSED,
        ShopState::Preparing => &PREPARING,
        ShopState::Closed => &CLOSED,
    };
}

/// RFC 3339 with the shop's offset, or `null`.
pub fn write_next_change(hole: &mut [u8; TIME_WIDTH], state: &StateNow) {
    match state.next_change_at {
        Some(at) => write_time(hole, at.as_second(), state.offset_seconds),
        None => *hole = NO_TIME,
    }
}

/// A distance, or `null`.
pub fn write_distance(hole: &mut [u8; DISTANCE_WIDTH], distance_m: Option<u32>) {
    *hole = if distance_m.is_none() { NO_DISTANCE } else { [b' '; DISTANCE_WIDTH] };
    if let Some(distance_m) = distance_m {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(distance_m.min(999_999)).as_bytes();
        hole[..digits.len()].copy_from_slice(digits);
    }
}

/// Writes a label in quotes, or `null`, into a hole that is blank; also `null` where it would not fit, so that JSON
/// stays JSON.
pub fn write_label(hole: &mut [u8], label: Option<&str>) {
    match label {
        Some(label) if is_plain(label) && label.len() + 2 <= hole.len() => {
            hole[0] = b'"';
            hole[1..=label.len()].copy_from_slice(label.as_bytes());
            hole[label.len() + 1] = b'"';
        }
        Some(label) => write(hole, quoted(label).as_bytes()),
        None => write(hole, b"null"),
    }
}

fn write(hole: &mut [u8], text: &[u8]) {
    let text = if text.len() <= hole.len() { text } else { b"null" };
    // The narrowest hole for a label is four bytes wide.
    if let Some(begin) = hole.get_mut(..text.len()) {
        begin.copy_from_slice(text);
    }
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

/// Written by hand, in place: 25 of them stand on every page, and general formatting costs 20 times as much as the
/// copying of a card.
fn write_time(hole: &mut [u8; TIME_WIDTH], second: i64, offset_seconds: i32) {
    let local = second + i64::from(offset_seconds);
    let of_day = u32::try_from(local.rem_euclid(86_400)).unwrap_or(0);
    let (year, month, day) = date(local.div_euclid(86_400));
    let offset = offset_seconds.unsigned_abs();
    *hole = *b"\"0000-00-00T00:00:00+00:00\"";
    let pairs = [
        (1, year / 100),
        (3, year % 100),
        (6, month),
        (9, day),
        (12, of_day / 3_600),
        (15, of_day / 60 % 60),
        (18, of_day % 60),
        (21, offset / 3_600),
        (24, offset / 60 % 60),
    ];
    for (at, number) in pairs {
        hole[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
    }
    if offset_seconds < 0 {
        hole[20] = b'-';
    }
}

/// Year, month, day of a day counted from 1970, in the proleptic Gregorian calendar from year 0 on. Years are counted
/// from March, so that the leap day is the last one; multiplications stand for the divisions (C. Neri and L. Schneider,
/// "Euclidean affine functions and their application to calendar algorithms", 2022).
fn date(days: i64) -> (u32, u32, u32) {
    let days = u32::try_from(days + 719_468).unwrap_or(0);
    let quarters = 4 * days + 3;
    let century = quarters / 146_097;
    let product = 2_939_745 * u64::from((quarters % 146_097) | 3);
    let (year_of_century, rest) = split(product);
    let day_of_year = rest / 2_939_745 / 4;
    let product = 2_141 * day_of_year + 197_913;
    let (month, day) = (product >> 16, (product & 0xffff) / 2_141 + 1);
    let is_next_year = day_of_year >= 306;
    let year = 100 * century + year_of_century + u32::from(is_next_year);
    (year, if is_next_year { month - 12 } else { month }, day)
}

/// High and low half.
fn split(number: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    (u32::from_le_bytes([e, f, g, h]), u32::from_le_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn times_are_written_as_jiff_writes_them(second in 0_i64..4_102_444_800, quarter_hours in -48_i32..=56) {
            let offset_seconds = quarter_hours * 900;
            let mut text = [0; TIME_WIDTH];
            write_time(&mut text, second, offset_seconds);
            let text = std::str::from_utf8(&text[1..26]).unwrap();
            let read: jiff::Timestamp = text.parse().unwrap();
            proptest::prop_assert_eq!(read.as_second(), second);
            let offset = jiff::tz::Offset::from_seconds(offset_seconds).unwrap();
            let said = offset.to_datetime(read).to_string();
            proptest::prop_assert!(text.starts_with(&said), "{} {}", text, said);
        }
    }

    #[test]
    fn every_day_of_four_centuries_has_its_date() {
        let mut date_of = jiff::civil::date(1970, 1, 1);
        for days in 0..146_097 {
            let (year, month, day) = date(days);
            let expected = (date_of.year().unsigned_abs(), date_of.month(), date_of.day());
            assert_eq!(
                (year, month, day),
                (u32::from(expected.0), expected.1.unsigned_abs().into(), expected.2.unsigned_abs().into())
            );
            date_of = date_of.tomorrow().unwrap();
        }
    }

    #[test]
    fn a_short_word_leaves_blanks() {
        for state in [ShopState::Open, ShopState::Paused, ShopState::Preparing, ShopState::Closed] {
            let mut hole = [b'x'; STATE_WIDTH];
            write_state(&mut hole, state);
            assert_eq!(std::str::from_utf8(&hole).unwrap().trim_end(), format!("\"{}\"", state.name()));
        }
        let distances =
            [(Some(42), b"42    "), (Some(0), b"0     "), (Some(u32::MAX), b"999999"), (None, b"null  ")];
        for (distance_m, expected) in distances {
            let mut hole = [b'x'; DISTANCE_WIDTH];
            write_distance(&mut hole, distance_m);
            assert_eq!(&hole, expected);
        }
        let mut hole = [b'x'; TIME_WIDTH];
        write_next_change(
            &mut hole,
            &StateNow { state: ShopState::Closed, next_change_at: None, offset_seconds: 0 },
        );
        assert_eq!(&hole, b"null                       ");
        for (width, label, expected) in [
            (6, Some("ad"), "\"ad\"  "),
            (6, Some("a\""), "\"a\\\"\" "),
            (5, Some("a\""), "\"a\\\"\""),
            (4, Some("a\""), "null"),
            (4, Some("much too long"), "null"),
            (6, None, "null  "),
            (0, Some(""), ""),
        ] {
            let mut hole = vec![b' '; width];
            write_label(&mut hole, label);
            assert_eq!(std::str::from_utf8(&hole).unwrap(), expected);
        }
    }
}

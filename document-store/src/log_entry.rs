//! One log entry as bytes: shop ID and time (8 bytes each, little-endian), whether the cells stayed the same (1 byte), the
//! cells before, the cells after unless they stayed.
//!
//! A shop is listed in some forty cells, mostly the same ones before and after, and a thousand changes a second are
//! 86 million entries a day. Cells that lie together have numbers that lie together: their count, how many low bits all
//! differences lack (1 byte), the first cell (8 bytes), then the differences, are a byte or two each instead of eight.

use jiff::Timestamp;
use shop_id::ShopId;

use crate::{LogEntry, Position};

/// Everything but the position, which is the key.
pub(crate) fn encode(shop_id: ShopId, saved_at: Timestamp, before: &[u64], after: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32 + 2 * (before.len() + after.len()));
    bytes.extend_from_slice(&shop_id.get().to_le_bytes());
    bytes.extend_from_slice(&saved_at.as_microsecond().to_le_bytes());
    bytes.push(u8::from(before == after));
    push_cells(&mut bytes, before);
    if before != after {
        push_cells(&mut bytes, after);
    }
    bytes
}

/// `None`: these bytes are no entry.
pub(crate) fn decode(position: Position, bytes: &[u8]) -> Option<LogEntry> {
    let (shop_id, bytes) = bytes.split_first_chunk()?;
    let (saved_at, bytes) = bytes.split_first_chunk()?;
    let (&stayed, bytes) = bytes.split_first()?;
    let (cells_before, bytes) = take_cells(bytes)?;
    let (cells_after, bytes) = if stayed == 1 { (cells_before.clone(), bytes) } else { take_cells(bytes)? };
    bytes.is_empty().then_some(LogEntry {
        position,
        shop_id: ShopId::new(u64::from_le_bytes(*shop_id))?,
        saved_at: Timestamp::from_microsecond(i64::from_le_bytes(*saved_at)).ok()?,
        cells_before,
        cells_after,
    })
}

fn push_cells(bytes: &mut Vec<u8>, cells: &[u64]) {
    push_number(bytes, u64::try_from(cells.len()).unwrap_or(0));
    let Some((first, rest)) = cells.split_first() else { return };
    let differences = || cells.iter().zip(rest).map(|(cell, next)| next.wrapping_sub(*cell));
    let low = differences().fold(0, |all, difference| all | difference).trailing_zeros().min(63);
    bytes.push(low.to_le_bytes()[0]);
    bytes.extend_from_slice(&first.to_le_bytes());
    for difference in differences() {
        push_number(bytes, zigzag(difference.cast_signed() >> low));
    }
}

fn take_cells(bytes: &[u8]) -> Option<(Vec<u64>, &[u8])> {
    let (count, bytes) = take_number(bytes)?;
    let count = usize::try_from(count).ok()?;
    if count == 0 {
        return Some((Vec::new(), bytes));
    }
    let (&low, bytes) = bytes.split_first()?;
    let (first, mut bytes) = bytes.split_first_chunk()?;
    // Each further cell takes a byte at least: more than that are not there.
    if low > 63 || count - 1 > bytes.len() {
        return None;
    }
    let mut cells = Vec::with_capacity(count);
    cells.push(u64::from_le_bytes(*first));
    while cells.len() < count {
        let (difference, rest) = take_number(bytes)?;
        let last = *cells.last()?;
        cells.push(last.wrapping_add((unzigzag(difference) << low).cast_unsigned()));
        bytes = rest;
    }
    Some((cells, bytes))
}

/// Small numbers of either sign become small ones without.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Seven bits a byte, the lowest first; the high bit says that there are more.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some((number, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn survives(shop_id: ShopId, saved_at: Timestamp, before: Vec<u64>, after: Vec<u64>) {
        let position = Position { activation: 1, sequence: 2 };
        let bytes = encode(shop_id, saved_at, &before, &after);
        let entry = LogEntry { position, shop_id, saved_at, cells_before: before, cells_after: after };
        assert_eq!(decode(position, &bytes), Some(entry));
    }

    #[test]
    fn the_cells_of_a_neighbourhood_take_little_more_than_a_byte_each() {
        // The disk of two rings around Trafalgar Square, resolution 8.
        let cells: Vec<u64> = [
            0x0881_94ad_30bf_ffff_u64,
            0x0881_94ad_30ff_ffff,
            0x0881_94ad_309f_ffff,
            0x0881_94ad_303f_ffff,
            0x0881_94ad_32df_ffff,
            0x0881_94ad_32ff_ffff,
            0x0881_94ad_30df_ffff,
            0x0881_94ad_301f_ffff,
            0x0881_94ad_34ff_ffff,
            0x0881_94ad_3497_ffff,
            0x0881_94ad_367f_ffff,
            0x0881_94ad_365f_ffff,
        ]
        .map(|cell| cell | 0x001f_ffff)
        .to_vec();
        let shop_id = ShopId::new(7).unwrap();
        let bytes = encode(shop_id, Timestamp::UNIX_EPOCH, &cells, &cells);
        assert!(bytes.len() <= 17 + 10 + 2 * cells.len(), "{} bytes", bytes.len());
        survives(shop_id, Timestamp::UNIX_EPOCH, cells.clone(), cells);
    }

    proptest! {
        #[test]
        fn entries_survive_their_bytes(id in 1_u64.., micros in 0_i64..4_000_000_000_000_000, before: Vec<u64>, after: Vec<u64>, same: bool) {
            let after = if same { before.clone() } else { after };
            survives(ShopId::new(id).unwrap(), Timestamp::from_microsecond(micros).unwrap(), before, after);
        }

        #[test]
        fn cells_that_differ_in_high_bits_alone_survive_too(start: u64, steps in prop::collection::vec(any::<i16>(), 0..50), low in 0_u32..64) {
            let next = |cell: &mut u64, step: &i16| {
                *cell = cell.wrapping_add((i64::from(*step) << low).cast_unsigned());
                Some(*cell)
            };
            let cells: Vec<u64> = steps.iter().scan(start, next).collect();
            survives(ShopId::new(1).unwrap(), Timestamp::UNIX_EPOCH, cells, vec![start]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            drop(decode(Position::default(), &bytes));
        }
    }
}

//! One log entry as bytes: shop ID, time, how many cells before and after, the cells; all little-endian.

use jiff::Timestamp;
use shop_id::ShopId;

use crate::{LogEntry, Position};

/// Everything but the position, which is the key.
pub(super) fn encode(shop_id: ShopId, saved_at: Timestamp, before: &[u64], after: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20 + 8 * (before.len() + after.len()));
    bytes.extend_from_slice(&shop_id.get().to_le_bytes());
    bytes.extend_from_slice(&saved_at.as_microsecond().to_le_bytes());
    for cells in [before, after] {
        bytes.extend_from_slice(&u16::try_from(cells.len()).unwrap_or(u16::MAX).to_le_bytes());
    }
    for cell in before.iter().take(usize::from(u16::MAX)).chain(after.iter().take(usize::from(u16::MAX))) {
        bytes.extend_from_slice(&cell.to_le_bytes());
    }
    bytes
}

/// `None`: these bytes are no entry.
pub(super) fn decode(position: Position, bytes: &[u8]) -> Option<LogEntry> {
    let shop_id = ShopId::new(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?))?;
    let saved_at = i64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?);
    let count = |at: usize| Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let (before, after) = (count(16)?, count(18)?);
    let cells: Vec<u64> =
        bytes[20..].as_chunks::<8>().0.iter().map(|cell| u64::from_le_bytes(*cell)).collect();
    (cells.len() == before + after).then(|| LogEntry {
        position,
        shop_id,
        saved_at: Timestamp::from_microsecond(saved_at).unwrap_or(Timestamp::UNIX_EPOCH),
        cells_before: cells[..before].to_vec(),
        cells_after: cells[before..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn entries_survive_their_bytes(id in 1_u64.., micros in 0_i64..4_000_000_000_000_000, before: Vec<u64>, after: Vec<u64>) {
            let (shop_id, saved_at) = (ShopId::new(id).unwrap(), Timestamp::from_microsecond(micros).unwrap());
            let position = Position { activation: 1, sequence: 2 };
            let bytes = encode(shop_id, saved_at, &before, &after);
            let entry = LogEntry { position, shop_id, saved_at, cells_before: before, cells_after: after };
            proptest::prop_assert_eq!(decode(position, &bytes), Some(entry));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            drop(decode(Position::default(), &bytes));
        }
    }
}

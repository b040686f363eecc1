//! What one publishing made visible: never changed afterwards, shared by all who read it.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use h3o::CellIndex;
use papaya::HashMap;

use crate::shelves::Shelves;
use crate::shop::Shop;

/// Moves remembered per cell. A list that was last sorted before them is sorted from scratch.
const MOVES_MAX: usize = 32;
/// Beside a shop itself: its number by ID and its place by number, with the room that growing tables leave.
const SHOP_BYTES: u64 = 40;
/// A shop's number in a cell.
const MEMBER_BYTES: u64 = 4;
/// A cell without its members: itself, its number by H3 index and back, headers, some moves.
const CELL_BYTES: u64 = 400;

/// Numbers of cells and categories, which are given once and never change. Growing does not disturb readers.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) cells: HashMap<CellIndex, u32, Spread>,
    pub(crate) categories: HashMap<Arc<str>, u32>,
}

/// All shops and cells as of one publishing.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// Of the publishing; 0 before the first one.
    pub(crate) version: u64,
    /// By shop number.
    pub(crate) shops: Shelves<Option<Arc<Shop>>>,
    /// By cell number.
    pub(crate) cells: Shelves<Option<Arc<Cell>>>,
    pub(crate) totals: Totals,
}

/// Kept while folding, read by metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) shops: u64,
    pub(crate) cells: u64,
    pub(crate) memberships: u64,
    pub(crate) shop_bytes: u64,
}

impl Totals {
    /// What the index holds in memory, by the sizes of its parts.
    pub(crate) fn bytes(&self) -> u64 {
        self.shop_bytes + self.shops * SHOP_BYTES + self.memberships * MEMBER_BYTES + self.cells * CELL_BYTES
    }
}

/// The shops of one cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) cell: CellIndex,
    /// Of the publishing that last changed it.
    pub(crate) version: u64,
    /// Numbers of its shops, ascending.
    pub(crate) members: Arc<Vec<u32>>,
    /// The last changes: version and shop number, ascending by version.
    moves: Vec<(u64, u32)>,
    /// `moves` are all there were after this version.
    moves_after: u64,
}

impl Index {
    pub(crate) const fn empty() -> Self {
        let totals = Totals { shops: 0, cells: 0, memberships: 0, shop_bytes: 0 };
        Self { version: 0, shops: Shelves::new(), cells: Shelves::new(), totals }
    }

    pub(crate) fn shop(&self, number: u32) -> Option<&Arc<Shop>> {
        self.shops.get(number)?.as_ref()
    }

    pub(crate) fn cell(&self, number: u32) -> Option<&Arc<Cell>> {
        self.cells.get(number)?.as_ref()
    }
}

impl Cell {
    pub(crate) fn new(cell: CellIndex, version: u64) -> Self {
        Self { cell, version, members: Arc::default(), moves: Vec::new(), moves_after: version }
    }

    pub(crate) fn has(&self, shop_number: u32) -> bool {
        self.members.binary_search(&shop_number).is_ok()
    }

    /// Notes which shops one publishing changed.
    pub(crate) fn note_moves(&mut self, version: u64, shop_numbers: &[u32]) {
        self.version = version;
        if shop_numbers.len() > MOVES_MAX {
            self.moves.clear();
            self.moves_after = version;
            return;
        }
        self.moves.extend(shop_numbers.iter().map(|number| (version, *number)));
        while self.moves.len() > MOVES_MAX {
            // A version is remembered whole or not at all.
            let oldest = self.moves[0].0;
            self.moves.retain(|(version, _)| *version > oldest);
            self.moves_after = oldest;
        }
    }

    /// Shops that were changed after a version; `None`: not remembered any more.
    pub(crate) fn moved_since(&self, version: u64) -> Option<impl Iterator<Item = u32>> {
        let remembered = self.moves.iter().filter(move |(moved, _)| *moved > version);
        (version >= self.moves_after).then(|| remembered.map(|(_, number)| *number))
    }
}

/// Spreads cells and list names by multiplications. Strangers choose which of our own keys they ask for; they cannot
/// add keys, so they cannot make them collide.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread;

/// See [`Spread`].
#[derive(Debug, Default)]
pub(crate) struct SpreadHash(u64);

impl BuildHasher for Spread {
    type Hasher = SpreadHash;

    fn build_hasher(&self) -> SpreadHash {
        SpreadHash::default()
    }
}

impl Hasher for SpreadHash {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio: neighbours end up far apart.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(cell: &Cell, version: u64) -> Option<Vec<u32>> {
        cell.moved_since(version).map(Iterator::collect)
    }

    #[test]
    fn a_cell_remembers_the_last_moves_version_by_version() {
        let mut cell = Cell::new(CellIndex::try_from(0x0881_95da_49bf_ffff).unwrap(), 10);
        assert_eq!(moved(&cell, 10), Some(vec![]));
        assert_eq!(moved(&cell, 9), None, "it does not know what was before it");
        cell.note_moves(11, &[1, 2]);
        cell.note_moves(12, &[2]);
        assert_eq!(moved(&cell, 10), Some(vec![1, 2, 2]));
        assert_eq!(moved(&cell, 11), Some(vec![2]));
        cell.note_moves(13, &(100..130).collect::<Vec<_>>());
        assert_eq!(moved(&cell, 10), None, "33 moves are one too many, so the oldest version goes");
        assert_eq!(moved(&cell, 11).map(|moved| moved.len()), Some(31));
        cell.note_moves(14, &(0..33).collect::<Vec<_>>());
        assert_eq!((moved(&cell, 13), moved(&cell, 14)), (None, Some(vec![])));
    }
}

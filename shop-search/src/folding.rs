//! Folds list parts into the next index, which shares with the published one all that did not change.
//!
//! A fold changes the shop and notes at each of its cells that it belongs there, or no longer does. Publishing takes
//! the notes cell by cell, so that a cell with 200 changed shops is copied once, and looks at no shop for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use h3o::{CellIndex, Resolution};
use shop_document::ListPart;
use shop_id::ShopId;

use crate::index::{Cell, Directory, Index, Spread};
use crate::numbers::Numbers;
use crate::shop::{Facts, Shop};

/// Notes that wait for a publishing, 16 MB; during a first scan they are taken in between.
const NOTES_MAX: usize = 2 << 20;
/// Notes of one cell whose memory is kept for the next publishing.
const NOTES_KEPT: usize = 16;

/// What became of a shop, noted at a cell.
#[derive(Clone, Copy, Debug)]
struct Note {
    shop_number: u32,
    belongs: bool,
}

/// A cell in which shops were in lists once.
#[derive(Debug)]
struct KnownCell {
    cell: CellIndex,
    notes: Vec<Note>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Folding {
    directory: Arc<Directory>,
    /// The next index.
    next: Index,
    /// Given once: a shop that comes back gets its number again, and no other shop ever does.
    shop_numbers: HashMap<ShopId, u32, Spread>,
    /// By cell number.
    cells: Vec<KnownCell>,
    /// By H3 index: beside the directory, since a fold looks up 40 and needs no protection from readers.
    cell_numbers: HashMap<u64, u32, Spread>,
    time_zones: HashSet<Arc<str>>,
    /// Cells with notes.
    noted: Vec<u32>,
    notes: usize,
    is_changed: bool,
}

impl Folding {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            next: Index::empty(),
            shop_numbers: HashMap::default(),
            cells: Vec::new(),
            cell_numbers: HashMap::default(),
            time_zones: HashSet::new(),
            noted: Vec::new(),
            notes: 0,
            is_changed: false,
        }
    }

    /// Takes the newest list part of a shop; one without cells leaves all lists.
    pub(crate) fn fold(&mut self, shop_id: ShopId, part: &ListPart) {
        let cells = self.cell_numbers(part);
        if cells.is_empty() {
            self.remove(shop_id);
            return;
        }
        let facts = self.facts(part);
        let number = self.number_of(shop_id);
        match self.next.shop(number).cloned() {
            Some(held) if held.facts == facts && held.cells == cells => return,
            Some(held) => {
                held.cells.without(&cells).for_each(|cell| self.note(cell, number, false));
                if held.facts == facts {
                    cells.without(&held.cells).for_each(|cell| self.note(cell, number, true));
                } else {
                    cells.iter().for_each(|cell| self.note(cell, number, true));
                }
            }
            None => cells.iter().for_each(|cell| self.note(cell, number, true)),
        }
        self.put(number, Some(Arc::new(Shop { shop_id, facts, cells })));
    }

    /// Takes a shop out of all lists.
    pub(crate) fn remove(&mut self, shop_id: ShopId) {
        let Some(&number) = self.shop_numbers.get(&shop_id) else { return };
        if let Some(held) = self.next.shop(number).cloned() {
            held.cells.iter().for_each(|cell| self.note(cell, number, false));
            self.put(number, None);
        }
    }

    /// What was folded since the last one, as an index of its own; `None`: nothing.
    pub(crate) fn publish(&mut self) -> Option<Index> {
        self.settle();
        if !std::mem::take(&mut self.is_changed) && self.next.version > 0 {
            return None;
        }
        self.next.version += 1;
        Some(self.next.clone())
    }

    fn put(&mut self, number: u32, shop: Option<Arc<Shop>>) {
        let totals = &mut self.next.totals;
        if let Some(shop) = &shop {
            totals.shops += 1;
            totals.shop_bytes += shop.bytes();
        }
        if let Some(held) = self.next.shops.put(number, shop) {
            totals.shops -= 1;
            totals.shop_bytes -= held.bytes();
        }
        self.is_changed = true;
        if self.notes > NOTES_MAX {
            self.settle();
        }
    }

    /// `None`: never was in a list.
    pub(crate) fn known_number(&self, shop_id: ShopId) -> Option<u32> {
        self.shop_numbers.get(&shop_id).copied()
    }

    pub(crate) fn number_of(&mut self, shop_id: ShopId) -> u32 {
        // Four thousand million shops do not fit into memory.
        let next = u32::try_from(self.shop_numbers.len()).unwrap_or(u32::MAX);
        *self.shop_numbers.entry(shop_id).or_insert(next)
    }

    fn note(&mut self, cell_number: u32, shop_number: u32, belongs: bool) {
        let notes = &mut self.cells[cell_number as usize].notes;
        if notes.is_empty() {
            self.noted.push(cell_number);
        }
        notes.push(Note { shop_number, belongs });
        self.notes += 1;
    }

    fn cell_numbers(&mut self, part: &ListPart) -> Numbers {
        let mut numbers = Vec::with_capacity(part.flat().cells.len());
        numbers.extend(part.cells().filter_map(|cell| self.cell_number(cell)));
        numbers.sort_unstable();
        numbers.dedup();
        Numbers::pack(&numbers)
    }

    /// `None`: not a cell of the resolution that lists are kept for.
    fn cell_number(&mut self, index: u64) -> Option<u32> {
        if let Some(known) = self.cell_numbers.get(&index) {
            return Some(*known);
        }
        let cell = CellIndex::try_from(index).ok().filter(|cell| cell.resolution() == Resolution::Eight)?;
        let next = u32::try_from(self.cells.len()).ok()?;
        self.cells.push(KnownCell { cell, notes: Vec::new() });
        self.cell_numbers.insert(index, next);
        self.directory.cells.pin().insert(cell, next);
        Some(next)
    }

    fn facts(&mut self, part: &ListPart) -> Facts {
        let known = self.directory.categories.pin();
        let category = |name: &str| {
            known.get(name).copied().unwrap_or_else(|| {
                let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
                *known.get_or_insert(Arc::from(name), next)
            })
        };
        let time_zones = &mut self.time_zones;
        let time_zone = |name: &str| {
            time_zones.get(name).cloned().unwrap_or_else(|| {
                let name: Arc<str> = Arc::from(name);
                time_zones.insert(Arc::clone(&name));
                name
            })
        };
        Facts::of(part, category, time_zone)
    }

    /// Takes all notes, cell by cell.
    fn settle(&mut self) {
        let version = self.next.version + 1;
        for cell_number in std::mem::take(&mut self.noted) {
            let KnownCell { cell, notes } = &mut self.cells[cell_number as usize];
            // Of several notes about one shop the last one holds.
            notes.sort_by_key(|note| note.shop_number);
            let held = self.next.cells.put(cell_number, None);
            let before = held.as_ref().map_or(0, |held| held.members.len() as u64);
            // Changed in place, if no published index holds it.
            let mut cell = held.map_or_else(|| Cell::new(*cell, version), Arc::unwrap_or_clone);
            settle_cell(&mut cell, version, notes);
            notes.clear();
            notes.shrink_to(NOTES_KEPT);
            let after = cell.members.len() as u64;
            let totals = &mut self.next.totals;
            totals.memberships = totals.memberships + after - before;
            totals.cells = totals.cells + u64::from(after > 0) - u64::from(before > 0);
            self.next.cells.put(cell_number, Some(Arc::new(cell)));
        }
        self.notes = 0;
    }
}

/// Takes the notes of one cell, sorted by shop.
fn settle_cell(cell: &mut Cell, version: u64, notes: &[Note]) {
    let mut moved = Vec::with_capacity(notes.len());
    for of_one_shop in notes.chunk_by(|left, right| left.shop_number == right.shop_number) {
        let Some(&Note { shop_number, belongs }) = of_one_shop.last() else { continue };
        match (cell.members.binary_search(&shop_number), belongs) {
            // Came and went between two publishings.
            (Err(_), false) => continue,
            (Ok(_), true) => {}
            // New shops have the highest numbers, so this is mostly the end.
            (Err(place), true) => {
                let members = Arc::make_mut(&mut cell.members);
                if members.len() == members.capacity() {
                    // By an eighth instead of twice: there are tens of millions of memberships.
                    members.reserve_exact(notes.len() + members.len() / 8);
                }
                members.insert(place, shop_number);
            }
            (Ok(place), false) => {
                Arc::make_mut(&mut cell.members).remove(place);
            }
        }
        moved.push(shop_number);
    }
    if !moved.is_empty() {
        cell.note_moves(version, &moved);
    }
}

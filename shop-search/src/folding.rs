//! Folds list parts into the next index, which shares with the published one all that did not change.
//!
//! A fold changes the shop and notes (cell, shop) pairs; publishing takes the pairs cell by cell, so that a cell
//! with 200 changed shops is copied once and a first scan walks through memory in order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use h3o::CellIndex;
use shop_document::ListPart;
use shop_id::ShopId;

use crate::index::{Cell, Directory, Index, Spread};
use crate::shop::{Facts, Shop, listed_cells};

/// Pairs that wait for a publishing, 16 MB; during a first scan they are taken in between.
const TOUCHED_MAX: usize = 2 << 20;
/// Pairs whose memory is kept for the next publishing.
const TOUCHED_KEPT: usize = 64 << 10;

/// Cell number, shop number.
type Touched = (u32, u32);

/// See the module.
#[derive(Debug)]
pub(crate) struct Folding {
    directory: Arc<Directory>,
    /// The next index.
    next: Index,
    /// Given once: a shop that comes back gets its number again, and no other shop ever does.
    shop_numbers: HashMap<ShopId, u32, Spread>,
    /// By cell number.
    cells: Vec<CellIndex>,
    time_zones: HashSet<Arc<str>>,
    touched: Vec<Touched>,
    is_changed: bool,
}

impl Folding {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            next: Index::empty(),
            shop_numbers: HashMap::default(),
            cells: Vec::new(),
            time_zones: HashSet::new(),
            touched: Vec::new(),
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
                let keeps_facts = held.facts == facts;
                let left = held.cells.iter().filter(|cell| cells.binary_search(cell).is_err());
                self.touched.extend(left.map(|cell| (*cell, number)));
                let is_moved = |cell: &u32| !keeps_facts || held.cells.binary_search(cell).is_err();
                self.touched.extend(cells.iter().filter(|cell| is_moved(cell)).map(|cell| (*cell, number)));
            }
            None => self.touched.extend(cells.iter().map(|cell| (*cell, number))),
        }
        self.put(number, Some(Arc::new(Shop { shop_id, facts, cells })));
    }

    /// Takes a shop out of all lists.
    pub(crate) fn remove(&mut self, shop_id: ShopId) {
        let Some(&number) = self.shop_numbers.get(&shop_id) else { return };
        if let Some(held) = self.next.shop(number).cloned() {
            self.touched.extend(held.cells.iter().map(|cell| (*cell, number)));
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
        if self.touched.len() > TOUCHED_MAX {
            self.settle();
        }
    }

    fn number_of(&mut self, shop_id: ShopId) -> u32 {
        // Four thousand million shops do not fit into memory.
        let next = u32::try_from(self.shop_numbers.len()).unwrap_or(u32::MAX);
        *self.shop_numbers.entry(shop_id).or_insert(next)
    }

    fn cell_numbers(&mut self, part: &ListPart) -> Box<[u32]> {
        let known = self.directory.cells.pin();
        let number = |cell: CellIndex| {
            known.get(&cell).copied().unwrap_or_else(|| {
                let next = u32::try_from(self.cells.len()).unwrap_or(u32::MAX);
                self.cells.push(cell);
                known.insert(cell, next);
                next
            })
        };
        let mut cells: Vec<u32> = listed_cells(part).map(number).collect();
        cells.sort_unstable();
        cells.dedup();
        cells.into()
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

    /// Takes all pairs, cell by cell.
    fn settle(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for of_one_cell in touched.chunk_by(|left, right| left.0 == right.0) {
            self.settle_cell(of_one_cell);
        }
        touched.clear();
        touched.shrink_to(TOUCHED_KEPT);
        self.touched = touched;
    }

    fn settle_cell(&mut self, touched: &[Touched]) {
        let cell_number = touched[0].0;
        let version = self.next.version + 1;
        let Index { shops, cells, totals, .. } = &mut self.next;
        // Taken out, so that a cell that no published index holds is changed in place.
        let held = cells.put(cell_number, None).map(Arc::unwrap_or_clone);
        let mut cell = held.unwrap_or_else(|| Cell::new(self.cells[cell_number as usize], version));
        let had = cell.members.len() as u64;
        let mut moved = Vec::with_capacity(touched.len());
        for &(_, number) in touched {
            let shop = shops.get(number).and_then(Option::as_ref);
            let belongs = shop.is_some_and(|shop| shop.cells.binary_search(&cell_number).is_ok());
            match (cell.members.binary_search(&number), belongs) {
                // Came and went between two publishings.
                (Err(_), false) => continue,
                (Ok(_), true) => {}
                // New shops have the highest numbers, so this is mostly the end.
                (Err(place), true) => Arc::make_mut(&mut cell.members).insert(place, number),
                (Ok(place), false) => {
                    Arc::make_mut(&mut cell.members).remove(place);
                }
            }
            moved.push(number);
        }
        let has = cell.members.len() as u64;
        totals.memberships = totals.memberships + has - had;
        totals.cells = totals.cells + u64::from(has > 0) - u64::from(had > 0);
        if !moved.is_empty() {
            cell.note_moves(version, &moved);
        }
        cells.put(cell_number, Some(Arc::new(cell)));
    }
}

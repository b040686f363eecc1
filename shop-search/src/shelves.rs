//! An array whose copies share all that did not change between them.
//!
//! Who folds changes a copy; who reads holds another one that never changes. A copy costs one pointer per
//! [`SHELF`] × [`TRAY`] elements, the first change of an element after it copies one shelf and one tray of pointers.

use std::sync::Arc;

/// Elements copied with a changed one.
const TRAY: usize = 32;
/// Trays to a shelf.
const SHELF: usize = 64;

type Tray<T> = Arc<[T]>;

/// See the module. Grows, never shrinks.
#[derive(Clone, Debug)]
pub(crate) struct Shelves<T> {
    shelves: Vec<Arc<[Tray<T>]>>,
}

impl<T: Clone + Default> Shelves<T> {
    pub(crate) const fn new() -> Self {
        Self { shelves: Vec::new() }
    }

    /// `None`: beyond the last shelf.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (shelf, tray, place) = place_of(number);
        self.shelves.get(shelf)?.get(tray)?.get(place)
    }

    /// Puts a value and returns the one before; whatever was never put is `T::default()`.
    pub(crate) fn put(&mut self, number: u32, value: T) -> T {
        let (shelf, tray, place) = place_of(number);
        while self.shelves.len() <= shelf {
            let empty: Tray<T> = std::iter::repeat_n(T::default(), TRAY).collect();
            self.shelves.push(std::iter::repeat_n(empty, SHELF).collect());
        }
        let trays = Arc::make_mut(&mut self.shelves[shelf]);
        std::mem::replace(&mut Arc::make_mut(&mut trays[tray])[place], value)
    }

    /// In the order of their numbers, never-put ones included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.shelves.iter().flat_map(|trays| trays.iter()).flat_map(|tray| tray.iter())
    }
}

const fn place_of(number: u32) -> (usize, usize, usize) {
    let number = number as usize;
    (number / (TRAY * SHELF), number / TRAY % SHELF, number % TRAY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_copy_keeps_what_it_held_while_the_other_goes_on(
            before in prop::collection::vec((0_u32..10_000, 1_u32..), 0..60),
            after in prop::collection::vec((0_u32..10_000, 1_u32..), 0..60),
        ) {
            let mut shelves = Shelves::new();
            let mut model = BTreeMap::new();
            for (number, value) in before {
                prop_assert_eq!(shelves.put(number, value), model.insert(number, value).unwrap_or(0));
            }
            let copy = shelves.clone();
            let copied = model.clone();
            for (number, value) in after {
                shelves.put(number, value);
                model.insert(number, value);
            }
            for (shelves, model) in [(&shelves, &model), (&copy, &copied)] {
                for number in 0..10_100 {
                    let held = shelves.get(number).copied().unwrap_or(0);
                    prop_assert_eq!(held, model.get(&number).copied().unwrap_or(0));
                }
                let held = shelves.iter().copied().filter(|value| *value > 0);
                prop_assert_eq!(held.collect::<Vec<_>>(), model.values().copied().collect::<Vec<_>>());
            }
        }
    }
}

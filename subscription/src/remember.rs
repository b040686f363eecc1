//! What was saved last of the shops that changed lately, so that an event told twice costs no second refetch.

use std::collections::HashMap;

use shop_id::ShopId;

use crate::save::Saved;

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug)]
pub(crate) struct Remembered {
    young: HashMap<ShopId, Saved>,
    old: HashMap<ShopId, Saved>,
    young_max: usize,
}

impl Remembered {
    pub(crate) fn new(shops_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), young_max: (shops_max / 2).max(1) }
    }

    /// Of two saves of one shop the one that covers more counts: both are durable, and the follower lowers nothing.
    pub(crate) fn note(&mut self, shop_id: ShopId, saved: Saved) {
        if self.of(shop_id).is_some_and(|held| held.as_of() >= saved.as_of()) {
            return;
        }
        if self.young.len() >= self.young_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(shop_id, saved);
    }

    pub(crate) fn of(&self, shop_id: ShopId) -> Option<Saved> {
        self.young.get(&shop_id).or_else(|| self.old.get(&shop_id)).copied()
    }

    /// The store may have lost what was saved.
    pub(crate) fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use shop_id::Revision;

    use super::*;

    fn shop(number: u64) -> ShopId {
        ShopId::new(number).unwrap()
    }

    #[test]
    fn the_newest_save_of_the_shops_that_changed_lately_is_remembered() {
        let mut remembered = Remembered::new(4);
        for (number, counter) in [(1, 10), (1, 12), (1, 11), (2, 13), (3, 14)] {
            remembered.note(shop(number), Saved::for_tests(Revision::new(1, counter)));
        }
        let as_of = |remembered: &Remembered, number| remembered.of(shop(number)).map(Saved::as_of);
        assert_eq!(as_of(&remembered, 1), Some(Revision::new(1, 12)), "not lowered by the late one");
        for number in 4..=8 {
            remembered.note(shop(number), Saved::for_tests(Revision::new(1, 20)));
        }
        assert_eq!(as_of(&remembered, 1), None, "four shops, not eight");
        assert_eq!(as_of(&remembered, 8), Some(Revision::new(1, 20)));
        remembered.forget();
        assert_eq!(as_of(&remembered, 8), None);
    }
}

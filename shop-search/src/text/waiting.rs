//! List parts that wait for being indexed: a fold costs one entry, and of many changes of a shop only the last waits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use shop_document::ListPart;
use shop_id::ShopId;

use crate::index::Spread;

/// The newest of a shop; `None`: it is not in the store any more.
pub(crate) type Change = (ShopId, Option<ListPart>);

/// See the module. List parts are shared with the near cache as long as they are resident there.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    shops: HashMap<ShopId, Option<ListPart>, Spread>,
    bytes: u64,
}

impl Waiting {
    pub(crate) fn put(&mut self, shop_id: ShopId, part: Option<ListPart>) {
        self.bytes += bytes(part.as_ref());
        if let Some(before) = self.shops.insert(shop_id, part) {
            self.bytes -= bytes(before.as_ref());
        }
    }

    /// What could not be indexed waits again, unless something newer came meanwhile.
    pub(crate) fn put_back(&mut self, changes: Vec<Change>) {
        for (shop_id, part) in changes {
            if let Entry::Vacant(vacant) = self.shops.entry(shop_id) {
                self.bytes += bytes(part.as_ref());
                vacant.insert(part);
            }
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Change> {
        std::mem::take(self).shops.into_iter().collect()
    }

    pub(crate) fn shops(&self) -> usize {
        self.shops.len()
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn bytes(part: Option<&ListPart>) -> u64 {
    part.map_or(0, |part| u64::try_from(part.bytes().len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use shop_document::{Held, Sections, ShopDocument, ShopSection};
    use shop_id::Revision;

    use super::*;

    fn id(number: u64) -> ShopId {
        ShopId::new(number).unwrap()
    }

    fn part(counter: u64, card: &str) -> ListPart {
        let section = ShopSection { card: card.to_owned(), ..ShopSection::default() };
        let shop = Held::Present(Revision::new(1, counter), section);
        ShopDocument::assemble(id(1), &Sections { shop, ..Sections::default() }).list
    }

    fn waits(waiting: &mut Waiting) -> Vec<(u64, Option<ListPart>)> {
        let mut changes = waiting.take();
        changes.sort_by_key(|(shop_id, _)| *shop_id);
        assert_eq!((waiting.shops(), waiting.bytes()), (0, 0));
        changes.into_iter().map(|(shop_id, part)| (shop_id.get(), part)).collect()
    }

    #[test]
    fn of_many_changes_of_a_shop_the_last_one_waits() {
        let mut waiting = Waiting::default();
        let (first, last) = (part(1, "\"name\":\"First\""), part(2, "\"name\":\"The last one\""));
        waiting.put(id(1), Some(first.clone()));
        waiting.put(id(2), Some(first));
        waiting.put(id(1), Some(last.clone()));
        waiting.put(id(2), None);
        assert_eq!((waiting.shops(), waiting.bytes()), (2, last.bytes().len() as u64));
        let waits = waits(&mut waiting);
        assert_eq!(waits[0].1.as_ref().map(ListPart::bytes), Some(last.bytes()));
        assert!(matches!(waits[1], (2, None)));
    }

    #[test]
    fn what_could_not_be_indexed_waits_again_behind_nothing_newer() {
        let mut waiting = Waiting::default();
        let (old, new) = (part(1, "\"name\":\"Old\""), part(2, "\"name\":\"New and longer\""));
        waiting.put(id(1), Some(old.clone()));
        waiting.put(id(2), Some(old.clone()));
        let failed = waiting.take();
        waiting.put(id(1), Some(new.clone()));
        waiting.put_back(failed);
        assert_eq!(waiting.bytes(), (old.bytes().len() + new.bytes().len()) as u64);
        let waits = waits(&mut waiting);
        let bytes: Vec<_> = waits.iter().map(|(_, part)| part.as_ref().map(ListPart::bytes)).collect();
        assert_eq!(bytes, [Some(new.bytes()), Some(old.bytes())]);
    }
}

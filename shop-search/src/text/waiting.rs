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

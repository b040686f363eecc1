//! Shops, shards -> keys; attributes -> positions, bytes, entries. What is stored under which key: the head of [`super`].

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use shop_id::ShopId;

use crate::Position;

/// Everything that is stored under one key.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The bytes of one piece of a part: an item bears 400 kB (409,600 bytes), names and key included.
pub(super) const PIECE_BYTES_MAX: usize = 390 << 10;

/// More do not fit into one transaction.
pub(super) const PIECES_MAX: u8 = 9;

/// One key of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) p: String,
    pub(super) s: Vec<u8>,
}

/// What a shop has two of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Detail,
}

/// The only item of its partition.
const ALONE: [u8; 1] = [0];

impl Key {
    pub(super) fn meta() -> Self {
        Self { p: "meta".to_owned(), s: ALONE.to_vec() }
    }

    pub(super) fn head(shard: u16) -> Self {
        Self { p: format!("head#{shard}"), s: ALONE.to_vec() }
    }

    pub(super) fn part(kind: Kind, shard: u16, shop_id: ShopId) -> Self {
        let p = match kind {
            Kind::List => list_partition(shard),
            Kind::Detail => format!("detail#{shard}"),
        };
        Self { p, s: shop_id.get().to_be_bytes().to_vec() }
    }

    /// A further piece of a part, counted from 1.
    pub(super) fn piece(kind: Kind, shard: u16, shop_id: ShopId, number: u8) -> Self {
        let kind = match kind {
            Kind::List => b'l',
            Kind::Detail => b'd',
        };
        Self {
            p: format!("more#{shard}"),
            s: [shop_id.get().to_be_bytes().as_slice(), &[kind, number]].concat(),
        }
    }

    pub(super) fn logged(shard: u16, position: Position) -> Self {
        Self { p: log_partition(shard), s: position.to_bytes().to_vec() }
    }

    /// As a request names it; more attributes make an item of it.
    pub(super) fn attributes(&self) -> Item {
        HashMap::from([
            ("p".to_owned(), AttributeValue::S(self.p.clone())),
            ("s".to_owned(), binary(&self.s)),
        ])
    }

    pub(super) fn of(item: &Item) -> Option<Self> {
        let (AttributeValue::S(p), AttributeValue::B(s)) = (item.get("p")?, item.get("s")?) else {
            return None;
        };
        Some(Self { p: p.clone(), s: s.as_ref().to_vec() })
    }

    /// Of a part's key.
    pub(super) fn shop_id(&self) -> Option<ShopId> {
        ShopId::new(u64::from_be_bytes(self.s.as_slice().try_into().ok()?))
    }
}

pub(super) fn list_partition(shard: u16) -> String {
    format!("list#{shard}")
}

pub(super) fn log_partition(shard: u16) -> String {
    format!("log#{shard}")
}

pub(super) fn binary(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(super) fn number(number: &impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn position(item: &Item) -> Option<Position> {
    let AttributeValue::B(bytes) = item.get("v")? else { return None };
    Position::from_bytes(bytes.as_ref())
}

/// Moved out of the item, not copied.
pub(super) fn take_data(item: &mut Item) -> Option<Bytes> {
    match item.remove("d") {
        Some(AttributeValue::B(bytes)) => Some(Bytes::from(bytes.into_inner())),
        _ => None,
    }
}

pub(super) fn numeric<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(super) fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

/// Of how many pieces a held part is; a foreign item may name any number.
pub(super) fn held_pieces(item: &Item) -> u8 {
    pieces(item).min(PIECES_MAX)
}

/// Of how many pieces a part says that it is.
pub(super) fn pieces(item: &Item) -> u8 {
    numeric(item, "n").unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_attributes_and_sort_as_shops_do() {
        let shop = |number| ShopId::new(number).unwrap();
        let numbers = [1, 9, 10, 255, 256, 1 << 53, u64::MAX - 1, u64::MAX];
        let keys = numbers.map(|number| Key::part(Kind::List, 3, shop(number)));
        assert!(keys.is_sorted());
        for (number, key) in numbers.into_iter().zip(&keys) {
            assert_eq!(Key::of(&key.attributes()).as_ref(), Some(key));
            assert_eq!(key.shop_id(), Some(shop(number)));
        }
    }

    #[test]
    fn every_thing_has_a_key_of_its_own() {
        let shop_id = ShopId::new(7).unwrap();
        let position = Position { activation: 1, sequence: 7 };
        let mut keys = vec![Key::meta(), Key::head(1), Key::head(11), Key::logged(1, position)];
        for kind in [Kind::List, Kind::Detail] {
            keys.push(Key::part(kind, 1, shop_id));
            keys.extend([1, 2].map(|number| Key::piece(kind, 1, shop_id, number)));
        }
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}

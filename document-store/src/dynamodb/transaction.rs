//! A group's changes -> one `TransactWriteItems`, within what DynamoDB takes at once.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use bytes::Bytes;
use shop_id::ShopId;

use super::items::{Item, Key, Kind, PIECE_BYTES_MAX, binary, number};
use crate::Position;

/// Items of one transaction, the shard's head among them.
pub(super) const ACTIONS_MAX: usize = 100;
/// Bytes of one transaction. DynamoDB takes 4 MB and counts names and numbers in its own way.
pub(super) const BYTES_MAX: usize = 3_500_000;
/// What an item costs beside its data.
const ITEM_BYTES: usize = 128;

/// What one part of a shop is replaced by.
#[derive(Debug)]
pub(super) struct NewPart<'a> {
    pub(super) kind: Kind,
    pub(super) shard: u16,
    pub(super) shop_id: ShopId,
    pub(super) position: Position,
    pub(super) bytes: &'a Bytes,
    /// What was in `v`: nobody else may have replaced it. Where nothing was, nothing may be.
    pub(super) held: Option<AttributeValue>,
    /// Of how many pieces the held one is.
    pub(super) held_pieces: u8,
}

/// What a transaction is asked to bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) actions: usize,
    pub(super) bytes: usize,
}

impl Size {
    pub(super) const fn and(self, other: Self) -> Self {
        Self { actions: self.actions + other.actions, bytes: self.bytes + other.bytes }
    }

    /// The head of the shard will be there, too.
    pub(super) const fn fits(self) -> bool {
        self.actions < ACTIONS_MAX && self.bytes <= BYTES_MAX
    }
}

/// Changes that are made together or not at all.
#[derive(Debug, Default)]
pub(super) struct Changes {
    actions: Vec<TransactWriteItem>,
    bytes: usize,
}

impl Changes {
    pub(super) const fn size(&self) -> Size {
        Size { actions: self.actions.len(), bytes: self.bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    pub(super) fn into_actions(self) -> Vec<TransactWriteItem> {
        self.actions
    }

    /// All pieces of a part; surplus ones of the held part go.
    pub(super) fn part(&mut self, table: &str, part: &NewPart<'_>) {
        let pieces = u8::try_from(part.bytes.len().div_ceil(PIECE_BYTES_MAX).max(1)).unwrap_or(u8::MAX);
        let piece = |place: u8| {
            let from = (usize::from(place) * PIECE_BYTES_MAX).min(part.bytes.len());
            part.bytes.slice(from..(from + PIECE_BYTES_MAX).min(part.bytes.len()))
        };
        let position = ("v", binary(&part.position.to_bytes()));
        for place in 0..pieces {
            let data = ("d", binary(&piece(place)));
            if place > 0 {
                let key = Key::piece(part.kind, part.shard, part.shop_id, place);
                self.put(table, &key, [position.clone(), data], None);
                continue;
            }
            let key = Key::part(part.kind, part.shard, part.shop_id);
            let condition = Some(part.held.clone());
            if pieces == 1 {
                self.put(table, &key, [position.clone(), data], condition);
            } else {
                self.put(table, &key, [position.clone(), data, ("n", number(&pieces))], condition);
            }
        }
        for place in pieces..part.held_pieces {
            let key = Key::piece(part.kind, part.shard, part.shop_id, place);
            let delete = Delete::builder().table_name(table).set_key(Some(key.attributes())).build();
            self.actions
                .extend(delete.ok().map(|delete| TransactWriteItem::builder().delete(delete).build()));
        }
    }

    /// One entry.
    pub(super) fn logged(&mut self, table: &str, shard: u16, position: Position, entry: &[u8]) {
        self.put(table, &Key::logged(shard, position), [("d", binary(entry))], None);
    }

    /// The shard's head, moved on from where it was.
    pub(super) fn head(&mut self, table: &str, shard: u16, held: Position, head: Position) {
        let held = Some(Some(binary(&held.to_bytes())));
        self.put(table, &Key::head(shard), [("v", binary(&head.to_bytes()))], held);
    }

    /// `condition`: what `v` holds at that time, or that there is none.
    fn put<const N: usize>(
        &mut self,
        table: &str,
        key: &Key,
        attributes: [(&str, AttributeValue); N],
        condition: Option<Option<AttributeValue>>,
    ) {
        let mut item: Item = key.attributes();
        self.bytes += ITEM_BYTES;
        for (name, value) in attributes {
            self.bytes += value.as_b().map_or(8, |bytes| bytes.as_ref().len());
            item.insert(name.to_owned(), value);
        }
        let put = Put::builder().table_name(table).set_item(Some(item));
        let put = match condition {
            None => put,
            Some(None) => put.condition_expression("attribute_not_exists(v)"),
            Some(Some(held)) => {
                put.condition_expression("v = :held").expression_attribute_values(":held", held)
            }
        };
        // Table and item are set, which is all that is asked for.
        self.actions.extend(put.build().ok().map(|put| TransactWriteItem::builder().put(put).build()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(bytes: &Bytes, held_pieces: u8) -> Vec<(String, usize, bool)> {
        let mut changes = Changes::default();
        let position = Position { activation: 1, sequence: 9 };
        let shop_id = ShopId::new(7).unwrap();
        let kind = Kind::Detail;
        changes.part("t", &NewPart { kind, shard: 0, shop_id, position, bytes, held: None, held_pieces });
        assert!(changes.size().bytes >= bytes.len());
        let told = |action: TransactWriteItem| {
            let Some(put) = action.put() else { return ("gone".to_owned(), 0, false) };
            let data = put.item()["d"].as_b().unwrap().as_ref().len();
            (put.item()["p"].as_s().unwrap().clone(), data, put.condition_expression().is_some())
        };
        changes.into_actions().into_iter().map(told).collect()
    }

    #[test]
    fn a_part_is_as_many_items_as_it_needs_and_surplus_ones_go() {
        let bytes = |count| Bytes::from(vec![7; count]);
        let first = |count| ("detail#0".to_owned(), count, true);
        let more = |count| ("more#0".to_owned(), count, false);
        let gone = || ("gone".to_owned(), 0, false);
        assert_eq!(part(&bytes(0), 1), [first(0)]);
        assert_eq!(part(&bytes(PIECE_BYTES_MAX), 1), [first(PIECE_BYTES_MAX)]);
        assert_eq!(part(&bytes(PIECE_BYTES_MAX + 1), 1), [first(PIECE_BYTES_MAX), more(1)]);
        assert_eq!(part(&bytes(2 * PIECE_BYTES_MAX), 2), [first(PIECE_BYTES_MAX), more(PIECE_BYTES_MAX)]);
        assert_eq!(part(&bytes(5), 3), [first(5), gone(), gone()]);
    }

    #[test]
    fn a_transaction_is_full_before_dynamodb_says_so() {
        let position = Position::default();
        let mut one = Changes::default();
        one.logged("t", 0, position, &[0; 100]);
        let mut all = Changes::default();
        while all.size().and(one.size()).fits() {
            all.logged("t", 0, position, &[0; 100]);
        }
        assert_eq!(all.into_actions().len(), ACTIONS_MAX - 1, "one is the head's");
        let mut large = Changes::default();
        large.logged("t", 0, position, &vec![0; BYTES_MAX]);
        assert!(!large.size().fits());
    }
}

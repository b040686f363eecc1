//! Stored bytes -> parts.

use bytes::Bytes;
use redis::Value;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::ShopId;

use crate::part;
pub(super) use crate::part::Part;
use crate::traits::held_of;
use crate::{Lookup, Position, StoreError, Stored};

/// Position, then the part of this very shop.
pub(super) fn stored<P: Part>(shop_id: ShopId, bytes: Vec<u8>) -> Result<Stored<P>, StoreError> {
    let Some(position) = Position::from_bytes(&bytes) else {
        let reason = format!("`{}` bytes without a position", bytes.len());
        return Err(StoreError::Corrupt { shop_id, reason });
    };
    part::stored(shop_id, position, Bytes::from(bytes).slice(Position::BYTES..))
}

pub(super) fn lookup<P: Part>(shop_id: ShopId, bytes: Vec<u8>) -> Result<Lookup<P>, StoreError> {
    stored::<P>(shop_id, bytes).map(|stored| stored.part.lookup(stored.position))
}

/// Both parts for a projection, whatever cannot be read counting as unknown; and what the save compares with: the first
/// bytes of the list part.
pub(super) fn held(shop_id: ShopId, list: Value, detail: Value) -> (Lookup<ShopDocument>, Vec<u8>) {
    // A value of another type answers nothing here, and compares as nothing.
    let Value::BulkString(list) = list else { return (Lookup::Unknown, Vec::new()) };
    let compared = list[..list.len().min(Position::BYTES)].to_vec();
    let Value::BulkString(detail) = detail else { return (Lookup::Unknown, compared) };
    let parts = (stored::<ListPart>(shop_id, list), stored::<DetailPart>(shop_id, detail));
    let (Ok(list), Ok(detail)) = parts else { return (Lookup::Unknown, compared) };
    (held_of(ShopDocument { list: list.part, detail: detail.part }, list.position), compared)
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

pub(super) fn number<N: std::str::FromStr>(value: &Value) -> Option<N> {
    text(value)?.parse().ok()
}

/// What a command that answers a list answered.
pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) | Value::Set(values) => values,
        _ => Vec::new(),
    }
}

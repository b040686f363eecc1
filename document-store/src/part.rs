//! Stored bytes -> parts, for stores on servers.

use bytes::Bytes;
use shop_document::{DetailPart, ListPart, Unreadable};
use shop_id::ShopId;

use crate::traits::visible;
use crate::{Lookup, Position, StoreError, Stored};

/// One kind of part.
pub(crate) trait Part: Sized + Send {
    fn validate(bytes: Bytes) -> Result<Self, Unreadable>;
    fn shop_id(&self) -> ShopId;
    fn lookup(self, position: Position) -> Lookup<Self>;
}

macro_rules! part {
    ($part:ty) => {
        impl Part for $part {
            fn validate(bytes: Bytes) -> Result<Self, Unreadable> {
                Self::validate(bytes)
            }
            fn shop_id(&self) -> ShopId {
                self.shop_id()
            }
            fn lookup(self, position: Position) -> Lookup<Self> {
                visible(self.is_tombstone(), self.is_visible(), self, position)
            }
        }
    };
}

part!(ListPart);
part!(DetailPart);

/// The part of this very shop.
pub(crate) fn stored<P: Part>(
    shop_id: ShopId,
    position: Position,
    bytes: Bytes,
) -> Result<Stored<P>, StoreError> {
    let corrupt = |reason: String| StoreError::Corrupt { shop_id, reason };
    let part = P::validate(bytes).map_err(|error| corrupt(error.to_string()))?;
    if part.shop_id() != shop_id {
        return Err(corrupt(format!("the document of shop {} stands in its place", part.shop_id())));
    }
    Ok(Stored { part, position })
}

//! The store that the configuration selects, behind one handle for each side. Which one it is, is decided once, when it is
//! opened; a call then costs a comparison. Nothing of this stands before a resident card.

use std::time::Duration;

use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};

use crate::address::StoreAddress;
#[cfg(feature = "dynamodb")]
use crate::dynamodb::{DynamoDbReader, DynamoDbWriter};
use crate::lmdb::{LmdbOptions, LmdbReader, LmdbWriter};
#[cfg(feature = "redis")]
use crate::redis::{RedisReader, RedisWriter};
use crate::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, KeptLog, LogPage, Lookup, Position, Positions,
    Projected, Put, Scan, StoreError, WriterContact,
};

/// Between two attempts to open.
const PAUSE: Duration = Duration::from_millis(50);

/// What a query server reads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SelectedReader {
    /// A directory.
    Lmdb(LmdbReader),
    /// Redis or Valkey.
    #[cfg(feature = "redis")]
    Redis(RedisReader),
    /// A DynamoDB table.
    #[cfg(feature = "dynamodb")]
    DynamoDb(DynamoDbReader),
}

/// What the invalidator writes.
#[derive(Debug)]
#[non_exhaustive]
pub enum SelectedWriter {
    /// A directory.
    Lmdb(LmdbWriter),
    /// Redis or Valkey.
    #[cfg(feature = "redis")]
    Redis(RedisWriter),
    /// A DynamoDB table.
    #[cfg(feature = "dynamodb")]
    DynamoDb(DynamoDbWriter),
}

/// The same for whichever it is.
macro_rules! whichever {
    ($selected:ident, $store:ident => $call:expr) => {
        match $selected {
            Self::Lmdb($store) => $call,
            #[cfg(feature = "redis")]
            Self::Redis($store) => $call,
            #[cfg(feature = "dynamodb")]
            Self::DynamoDb($store) => $call,
        }
    };
}

#[cfg(not(all(feature = "redis", feature = "dynamodb")))]
fn without(address: &StoreAddress, feature: &str) -> StoreError {
    StoreError::Unusable {
        store: address.to_string(),
        reason: format!(
            "this program was built without the feature `{feature}`; build it with `--features {feature}`"
        ),
    }
}

impl SelectedReader {
    /// Opens a store that the invalidator created.
    ///
    /// # Errors
    /// `Unavailable` while it is not there yet (transient), `Unusable` for what does not get better by waiting.
    pub async fn open(address: &StoreAddress) -> Result<Self, StoreError> {
        match address {
            StoreAddress::Lmdb(directory) => LmdbReader::open(directory).map(Self::Lmdb),
            #[cfg(feature = "redis")]
            StoreAddress::Redis(redis) => RedisReader::open(redis).await.map(Self::Redis),
            #[cfg(not(feature = "redis"))]
            StoreAddress::Redis(_) => Err(without(address, "redis")),
            #[cfg(feature = "dynamodb")]
            StoreAddress::DynamoDb(table) => DynamoDbReader::open(table).await.map(Self::DynamoDb),
            #[cfg(not(feature = "dynamodb"))]
            StoreAddress::DynamoDb(_) => Err(without(address, "dynamodb")),
        }
    }

    /// Waits until it can be opened; `waiting` is told why not yet.
    ///
    /// # Errors
    /// What will not get better by waiting.
    pub async fn wait_for(address: &StoreAddress, waiting: impl Fn(&StoreError)) -> Result<Self, StoreError> {
        loop {
            match Self::open(address).await {
                Err(error) if error.is_transient() => waiting(&error),
                settled => return settled,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl SelectedWriter {
    /// Opens or creates a store.
    ///
    /// # Errors
    /// Transient ones, `Full`, and for what does not get better by waiting `Unusable` and `Locked`.
    pub async fn open(address: &StoreAddress, options: LmdbOptions) -> Result<Self, StoreError> {
        match address {
            StoreAddress::Lmdb(directory) => {
                let (store, directory) = (address.to_string(), directory.clone());
                // Files are created and a lock is taken: not on a thread that answers others.
                let opening = tokio::task::spawn_blocking(move || LmdbWriter::open(&directory, options));
                let opened = opening.await.unwrap_or_else(|error| {
                    Err(StoreError::Unavailable {
                        store,
                        reason: format!("the opening did not end: {error}"),
                    })
                });
                opened.map(Self::Lmdb)
            }
            #[cfg(feature = "redis")]
            StoreAddress::Redis(redis) => RedisWriter::open(redis).await.map(Self::Redis),
            #[cfg(not(feature = "redis"))]
            StoreAddress::Redis(_) => Err(without(address, "redis")),
            #[cfg(feature = "dynamodb")]
            StoreAddress::DynamoDb(table) => DynamoDbWriter::open(table).await.map(Self::DynamoDb),
            #[cfg(not(feature = "dynamodb"))]
            StoreAddress::DynamoDb(_) => Err(without(address, "dynamodb")),
        }
    }
}

macro_rules! reads {
    ($selected:ty) => {
        impl DocumentReader for $selected {
            async fn identity(&self) -> Result<Identity, StoreError> {
                whichever!(self, store => store.identity().await)
            }

            async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
                whichever!(self, store => store.gather(shop_ids).await)
            }

            async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
                whichever!(self, store => store.detail(shop_id).await)
            }

            async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
                whichever!(self, store => store.writer_contacts().await)
            }

            fn neighbourhood(&self, shop_id: ShopId) -> u16 {
                whichever!(self, store => store.neighbourhood(shop_id))
            }
        }

        impl ChangeLog for $selected {
            async fn head(&self) -> Result<Positions, StoreError> {
                whichever!(self, store => store.head().await)
            }

            async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
                whichever!(self, store => store.read(shard, after, entries_max).await)
            }

            async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
                whichever!(self, store => store.scan(after, shops_max).await)
            }

            async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
                whichever!(self, store => store.grown(seen).await)
            }
        }
    };
}

reads!(SelectedReader);
reads!(SelectedWriter);

impl DocumentWriter for SelectedWriter {
    async fn update(
        &self,
        shop_id: ShopId,
        projection: impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static,
    ) -> Result<Put, StoreError> {
        whichever!(self, store => store.update(shop_id, projection).await)
    }

    async fn record_heard(&self, writer: Writer, at: Timestamp) -> Result<(), StoreError> {
        whichever!(self, store => store.record_heard(writer, at).await)
    }

    async fn save_cursor(&self, writer: Writer, cursor: Revision) -> Result<(), StoreError> {
        whichever!(self, store => store.save_cursor(writer, cursor).await)
    }

    async fn mark_complete(&self, activation: u32) -> Result<(), StoreError> {
        whichever!(self, store => store.mark_complete(activation).await)
    }

    async fn trim(&self, kept: KeptLog) -> Result<u64, StoreError> {
        whichever!(self, store => store.trim(kept).await)
    }
}

#[cfg(all(test, not(feature = "redis")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_was_built_without_redis_says_how_to_build_it() {
        let address = StoreAddress::parse("redis://:s3cret@cache.internal/shops").unwrap();
        for error in [
            SelectedReader::open(&address).await.map(drop).unwrap_err(),
            SelectedWriter::open(&address, LmdbOptions::default()).await.map(drop).unwrap_err(),
        ] {
            let said = error.to_string();
            assert!(
                said.contains("built without the feature `redis`; build it with `--features redis`"),
                "{said}"
            );
            assert!(said.contains("redis://cache.internal:6379/shops") && !said.contains("s3cret"), "{said}");
            assert!(!error.is_transient());
        }
    }
}

//! What query servers and tools open; the writer reads with it, too.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use shop_document::{DetailPart, ListPart};
use shop_id::ShopId;

use super::ask::Store;
use super::client::connect;
use super::items::Kind;
use super::meta::SHARDS_MAX;
use super::poll::Poll;
use crate::address::DynamoDbAddress;
use crate::hedge::Hedge;
use crate::{
    ChangeLog, DocumentReader, Identity, LogPage, Lookup, Position, Positions, Scan, StoreError,
    WriterContact,
};

/// Reads. Cloning shares the connections.
#[derive(Clone, Debug)]
pub struct DynamoDbReader {
    pub(super) store: Arc<Store>,
}

impl Store {
    /// Whether there is a store in the table is another question.
    pub(super) async fn connect(address: &DynamoDbAddress, is_written_here: bool) -> Self {
        Self {
            client: connect(address).await,
            address: address.clone(),
            name: address.to_string(),
            shards: address.shards.clamp(1, SHARDS_MAX),
            hedge: Hedge::new(address.patience),
            poll: Poll::default(),
            seen: AtomicU32::new(0),
            is_written_here,
        }
    }
}

impl DynamoDbReader {
    /// Opens a store that the invalidator created.
    ///
    /// # Errors
    /// `Unavailable` while table or store are not there yet (transient); `Unusable` where the role may not read, there are no
    /// credentials, or the table holds something else.
    pub async fn open(address: &DynamoDbAddress) -> Result<Self, StoreError> {
        let mut store = Store::connect(address, false).await;
        // The number of shards was decided by whoever created the store.
        let Some(meta) = store.meta().await? else { return Err(store.absent()) };
        store.shards = meta.shards.clamp(1, SHARDS_MAX);
        store.identity().await?;
        Ok(Self { store: Arc::new(store) })
    }

    /// Gets that were asked a second time because they were late.
    #[must_use]
    pub fn hedged_gets(&self) -> u64 {
        self.store.hedge.hedged_gets()
    }
}

impl DocumentReader for DynamoDbReader {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.store.identity().await
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        self.store.gather(Kind::List, shop_ids).await
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        let mut got = self.store.gather(Kind::Detail, &[shop_id]).await;
        got.pop().unwrap_or(Ok(Lookup::Unknown))
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.store.contacts().await
    }
}

impl ChangeLog for DynamoDbReader {
    async fn head(&self) -> Result<Positions, StoreError> {
        self.store.head().await
    }

    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        self.store.read_log(shard, after, entries_max).await
    }

    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        self.store.scan(after, shops_max).await
    }

    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        self.store.grown(seen).await
    }
}

//! A near cache over a store, followed at once: the log is folded before a write returns, as the tail would soon.

use std::sync::Arc;

use document_store::near_cache::NearCacheLimits;
use document_store::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, KeptLog, LogFollower, LogPage, Lookup, NearCache,
    Position, Positions, Projected, Put, Scan, StoreError, WriterContact,
};
use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};

pub(crate) struct Followed<S> {
    cache: NearCache<S>,
}

pub(crate) fn followed<S>(store: Arc<S>, limits: NearCacheLimits) -> Arc<Followed<S>> {
    Arc::new(Followed { cache: NearCache::new(store, limits) })
}

impl<S: DocumentWriter + ChangeLog> DocumentReader for Followed<S> {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.cache.identity().await
    }
    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        self.cache.gather(shop_ids).await
    }
    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        self.cache.detail(shop_id).await
    }
    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.cache.writer_contacts().await
    }
}

impl<S: DocumentWriter + ChangeLog> ChangeLog for Followed<S> {
    async fn head(&self) -> Result<Positions, StoreError> {
        self.cache.store().head().await
    }
    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        self.cache.store().read(shard, after, entries_max).await
    }
    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        self.cache.store().scan(after, shops_max).await
    }
    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        self.cache.store().grown(seen).await
    }
}

impl<S: DocumentWriter + ChangeLog> DocumentWriter for Followed<S> {
    async fn update(
        &self,
        shop_id: ShopId,
        projection: impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static,
    ) -> Result<Put, StoreError> {
        let put = self.cache.store().update(shop_id, projection).await?;
        let newest = self.cache.store().gather(&[shop_id]).await.remove(0)?;
        match newest.stored() {
            Some(stored) => self.cache.fold(shop_id, stored),
            None => self.cache.vanished(shop_id),
        }
        self.cache.caught_up();
        Ok(put)
    }
    async fn record_heard(&self, writer: Writer, at: Timestamp) -> Result<(), StoreError> {
        self.cache.store().record_heard(writer, at).await
    }
    async fn save_cursor(&self, writer: Writer, cursor: Revision) -> Result<(), StoreError> {
        self.cache.store().save_cursor(writer, cursor).await
    }
    async fn mark_complete(&self, activation: u32) -> Result<(), StoreError> {
        self.cache.store().mark_complete(activation).await
    }
    async fn trim(&self, kept: KeptLog) -> Result<u64, StoreError> {
        self.cache.store().trim(kept).await
    }
}

//! What query servers and tools open.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shop_document::{DetailPart, ListPart};
use shop_id::ShopId;

use super::tables::Tables;
use super::wake::{Listener, rung};
use crate::{
    ChangeLog, DocumentReader, Identity, LogPage, Lookup, Position, Positions, Scan, StoreError,
    WriterContact,
};

/// Reads the memory map that the writing process fills. Gets take microseconds and run in place.
#[derive(Clone, Debug)]
pub struct LmdbReader {
    pub(super) tables: Tables,
    pub(super) listener: Arc<Listener>,
}

impl LmdbReader {
    /// Opens a directory that the invalidator created.
    ///
    /// # Errors
    /// `Unavailable` while it is not there yet (transient), `Unusable` when it is not a store of ours.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let tables = Tables::open_to_read(directory)?;
        // A reader that was killed leaves its slot behind, and with it the pages it was looking at.
        drop(tables.env.clear_stale_readers());
        Ok(Self { tables, listener: Arc::new(Listener::at(directory)) })
    }

    /// Waits until the directory can be opened; `waiting` is told why not yet.
    ///
    /// # Errors
    /// What will not get better by waiting.
    pub async fn wait_for(directory: &Path, waiting: impl Fn(&StoreError)) -> Result<Self, StoreError> {
        loop {
            match Self::open(directory) {
                Err(error) if error.is_transient() => waiting(&error),
                settled => return settled,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Shops whose detail part cannot be read: what [`ChangeLog::scan`] does not look at.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn unreadable_details(&self, shop_ids: &[ShopId]) -> Result<Vec<ShopId>, StoreError> {
        self.tables.unreadable_details(shop_ids)
    }
}

impl DocumentReader for LmdbReader {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.tables.identity()
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        // One snapshot for all, gone before the first await of the caller.
        match self.tables.read_transaction() {
            Ok(transaction) => {
                shop_ids.iter().map(|&shop_id| self.tables.list_part(&transaction, shop_id)).collect()
            }
            Err(error) => shop_ids.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        let transaction = self.tables.read_transaction()?;
        self.tables.detail_part(&transaction, shop_id)
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.tables.contacts()
    }
}

impl ChangeLog for LmdbReader {
    async fn head(&self) -> Result<Positions, StoreError> {
        self.tables.head()
    }

    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        self.tables.read_log(shard, after, entries_max)
    }

    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        let tables = self.tables.clone();
        let scanned = tokio::task::spawn_blocking(move || tables.scan(after, shops_max)).await;
        scanned.unwrap_or_else(|error| {
            let store = self.tables.store.clone();
            Err(StoreError::Unavailable { store, reason: format!("the scan did not end: {error}") })
        })
    }

    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        let mut receiver = self.listener.subscribe();
        while self.tables.head()? == *seen {
            self.tables.is_still_there()?;
            rung(&mut receiver).await;
        }
        Ok(())
    }
}

//! Stores with broken bytes: a real one, and one in memory that says so.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use document_store::memory::MemoryStore;
use document_store::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, KeptLog, LogPage, Lookup, Position, Positions,
    Projected, Put, Scan, StoreError, WriterContact,
};
use jiff::Timestamp;
use shop_document::envelope::Part;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};

/// Flips a bit in every copy of one part of a shop in a store's data file, as a failing disk would. LMDB sees it at once:
/// its pages are the file's.
pub(super) fn flip_a_bit(store: &Path, shop_id: ShopId, part: Part) {
    let mut file = File::options().read(true).write(true).open(store.join("data.mdb")).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let is_part = |at: &usize| {
        bytes[*at..].starts_with(b"SHPF")
            && bytes.get(at + 6) == Some(&(part as u8))
            && bytes.get(at + 16..at + 24) == Some(&shop_id.get().to_le_bytes())
    };
    let found: Vec<usize> = (0..bytes.len()).filter(is_part).collect();
    assert!(!found.is_empty(), "no {part:?} part of shop {shop_id} in the file");
    for at in found {
        let at = at + 100;
        file.seek(SeekFrom::Start(u64::try_from(at).unwrap())).unwrap();
        file.write_all(&[bytes[at] ^ 0x10]).unwrap();
    }
}

/// A store in memory in which some documents cannot be read until they are saved again.
#[derive(Debug, Default)]
pub(super) struct Damaged {
    store: MemoryStore,
    unreadable: Arc<Mutex<BTreeSet<ShopId>>>,
}

impl Damaged {
    /// Loses everything.
    pub(super) fn flush(&self) {
        self.store.flush();
    }

    pub(super) fn damage(&self, shop_id: ShopId) {
        self.unreadable().insert(shop_id);
    }

    fn unreadable(&self) -> MutexGuard<'_, BTreeSet<ShopId>> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_unreadable(&self, shop_id: ShopId) -> bool {
        self.unreadable().contains(&shop_id)
    }
}

fn corrupt<T>(shop_id: ShopId) -> Result<T, StoreError> {
    Err(StoreError::Corrupt { shop_id, reason: "damaged on purpose".to_owned() })
}

impl DocumentReader for Damaged {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.store.identity().await
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        let found = self.store.gather(shop_ids).await.into_iter().zip(shop_ids);
        found
            .map(|(found, shop_id)| if self.is_unreadable(*shop_id) { corrupt(*shop_id) } else { found })
            .collect()
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        if self.is_unreadable(shop_id) { corrupt(shop_id) } else { self.store.detail(shop_id).await }
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.store.writer_contacts().await
    }
}

impl DocumentWriter for Damaged {
    async fn update(
        &self,
        shop_id: ShopId,
        projection: impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static,
    ) -> Result<Put, StoreError> {
        let unreadable = Arc::clone(&self.unreadable);
        let projection = move |held: &Lookup<ShopDocument>| {
            let mut unreadable = unreadable.lock().unwrap_or_else(PoisonError::into_inner);
            if !unreadable.contains(&shop_id) {
                return projection(held);
            }
            let projected = projection(&Lookup::Unknown);
            if matches!(projected, Projected::Save(_)) {
                unreadable.remove(&shop_id);
            }
            projected
        };
        self.store.update(shop_id, projection).await
    }

    async fn record_heard(&self, writer: Writer, at: Timestamp) -> Result<(), StoreError> {
        self.store.record_heard(writer, at).await
    }

    async fn save_cursor(&self, writer: Writer, cursor: Revision) -> Result<(), StoreError> {
        self.store.save_cursor(writer, cursor).await
    }

    async fn mark_complete(&self, activation: u32) -> Result<(), StoreError> {
        self.store.mark_complete(activation).await
    }

    async fn trim(&self, kept: KeptLog) -> Result<u64, StoreError> {
        self.store.trim(kept).await
    }
}

impl ChangeLog for Damaged {
    async fn head(&self) -> Result<Positions, StoreError> {
        self.store.head().await
    }

    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        self.store.read(shard, after, entries_max).await
    }

    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        let mut scan = self.store.scan(after, shops_max).await?;
        let unreadable = self.unreadable();
        scan.unreadable =
            scan.shops.iter().map(|(shop_id, _)| *shop_id).filter(|id| unreadable.contains(id)).collect();
        scan.shops.retain(|(shop_id, _)| !unreadable.contains(shop_id));
        Ok(scan)
    }

    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        self.store.grown(seen).await
    }
}

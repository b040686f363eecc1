//! A store in memory, for tests of those who use one. It keeps every promise but durability.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};
use tokio::sync::watch;

use crate::traits::{begun_anew, held_of, lookup_of, new_contacts, shard_of};
use crate::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, KeptLog, LogEntry, LogPage, Lookup, Position,
    Positions, Projected, Put, Scan, StoreError, Stored, WriterContact,
};

/// Shards of its log.
const SHARDS: u16 = 4;
const NAME: &str = "memory";

/// See the module.
#[derive(Debug)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    grown: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    identity: Identity,
    documents: BTreeMap<ShopId, (Position, ShopDocument)>,
    logs: Vec<Vec<LogEntry>>,
    heads: Vec<Position>,
    contacts: Vec<WriterContact>,
    /// Their cursors were forgotten, and no full resync has begun since.
    forgotten: BTreeSet<Writer>,
    /// What the next calls answer instead, for tests.
    broken: Option<StoreError>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        let first = Position { activation: 1, sequence: 0 };
        let inner = Inner {
            identity: Identity { activation: 1, shards: SHARDS, complete: false },
            documents: BTreeMap::new(),
            logs: vec![Vec::new(); usize::from(SHARDS)],
            heads: vec![first; usize::from(SHARDS)],
            contacts: new_contacts(),
            forgotten: BTreeSet::new(),
            broken: None,
        };
        Self { inner: Mutex::new(inner), grown: watch::Sender::new(0) }
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every call fails like this; `None` heals it.
    pub fn set_broken(&self, broken: Option<StoreError>) {
        self.lock().broken = broken;
    }

    /// Everything is gone, as after a restart of a server that keeps no file.
    pub fn flush(&self) {
        let mut inner = self.lock();
        inner.documents.clear();
        inner.identity.complete = false;
        drop(inner);
        self.raise_activation();
    }

    /// Whatever was saved may be lost from here on: a new activation, with all logs beginning anew and no cursors.
    pub fn raise_activation(&self) {
        let mut inner = self.lock();
        inner.contacts.iter_mut().for_each(|contact| contact.cursor = None);
        inner.forgotten = Writer::OF_THE_DOCUMENT.into();
        inner.identity.activation += 1;
        let first = Position { activation: inner.identity.activation, sequence: 0 };
        inner.heads.fill(first);
        inner.logs.iter_mut().for_each(Vec::clear);
        drop(inner);
        self.grown.send_modify(|count| *count += 1);
    }

    /// A document vanishes without a trace in the log, as after the loss of acknowledged saves.
    pub fn lose(&self, shop_id: ShopId) {
        self.lock().documents.remove(&shop_id);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn healthy(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        let inner = self.lock();
        match &inner.broken {
            Some(error) => Err(error.clone()),
            None => Ok(inner),
        }
    }
}

impl DocumentReader for MemoryStore {
    async fn identity(&self) -> Result<Identity, StoreError> {
        Ok(self.healthy()?.identity)
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        let get = |shop_id: &ShopId| {
            let inner = self.healthy()?;
            let found = inner.documents.get(shop_id);
            Ok(found.map_or(Lookup::Unknown, |(position, document)| {
                lookup_of(document, document.list.clone(), *position)
            }))
        };
        shop_ids.iter().map(get).collect()
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        let inner = self.healthy()?;
        let found = inner.documents.get(&shop_id);
        Ok(found.map_or(Lookup::Unknown, |(position, document)| {
            lookup_of(document, document.detail.clone(), *position)
        }))
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        Ok(self.healthy()?.contacts.clone())
    }
}

impl DocumentWriter for MemoryStore {
    async fn update(
        &self,
        shop_id: ShopId,
        projection: impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static,
    ) -> Result<Put, StoreError> {
        let mut inner = self.healthy()?;
        let held = inner.documents.get(&shop_id).cloned();
        let cells_before = held.as_ref().map(|(_, held)| held.list.cells().collect()).unwrap_or_default();
        let held = held.map_or(Lookup::Unknown, |(position, held)| held_of(held, position));
        let Projected::Save(document) = projection(&held) else { return Ok(Put::Unchanged) };
        let shard = usize::from(shard_of(shop_id, SHARDS));
        let position = inner.heads[shard].next();
        inner.heads[shard] = position;
        let cells_after = document.list.cells().collect();
        let saved_at = Timestamp::now();
        inner.logs[shard].push(LogEntry { position, shop_id, saved_at, cells_before, cells_after });
        inner.documents.insert(shop_id, (position, *document));
        drop(inner);
        self.grown.send_modify(|count| *count += 1);
        Ok(Put::Applied(position))
    }

    async fn record_heard(&self, writer: Writer, at: Timestamp) -> Result<(), StoreError> {
        let mut inner = self.healthy()?;
        for contact in inner.contacts.iter_mut().filter(|contact| contact.writer == writer) {
            contact.heard_at = contact.heard_at.max(Some(at));
        }
        Ok(())
    }

    async fn save_cursor(&self, writer: Writer, cursor: Revision) -> Result<(), StoreError> {
        let mut inner = self.healthy()?;
        if cursor == Revision::ZERO {
            inner.forgotten.remove(&writer);
        } else if inner.forgotten.contains(&writer) {
            let reason = "its cursors were forgotten, and a full resync has to begin first".to_owned();
            return Err(StoreError::Unavailable { store: NAME.to_owned(), reason });
        }
        for contact in inner.contacts.iter_mut().filter(|contact| contact.writer == writer) {
            contact.cursor = Some(cursor);
        }
        Ok(())
    }

    async fn mark_complete(&self, activation: u32) -> Result<(), StoreError> {
        let mut inner = self.healthy()?;
        if inner.identity.activation != activation {
            return Err(begun_anew(NAME, activation));
        }
        inner.identity.complete = true;
        drop(inner);
        self.grown.send_modify(|count| *count += 1);
        Ok(())
    }

    async fn trim(&self, kept: KeptLog) -> Result<u64, StoreError> {
        let mut inner = self.healthy()?;
        let mut trimmed = 0;
        let heads = inner.heads.clone();
        for (log, head) in inner.logs.iter_mut().zip(heads) {
            let (before, first) = (log.len(), kept.first(head, SHARDS));
            log.retain(|entry| entry.saved_at >= kept.since && entry.position >= first);
            trimmed += u64::try_from(before - log.len()).unwrap_or(0);
        }
        Ok(trimmed)
    }
}

impl ChangeLog for MemoryStore {
    async fn head(&self) -> Result<Positions, StoreError> {
        Ok(Positions(self.healthy()?.heads.clone()))
    }

    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        let inner = self.healthy()?;
        let log = &inner.logs[usize::from(shard)];
        let head = inner.heads[usize::from(shard)];
        let oldest = log.first().map_or(head.next(), |entry| entry.position);
        if after.next() < oldest || after.activation != head.activation {
            return Err(StoreError::Trimmed { store: NAME.to_owned(), shard, oldest });
        }
        let from = log.partition_point(|entry| entry.position <= after);
        let entries: Vec<LogEntry> = log[from..].iter().take(entries_max).cloned().collect();
        let next = entries.last().map_or(after, |entry| entry.position);
        Ok(LogPage { has_more: from + entries.len() < log.len(), entries, next })
    }

    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        let inner = self.healthy()?;
        let mut scan = Scan::default();
        let behind = inner.documents.iter().filter(|(shop_id, _)| Some(**shop_id) > after);
        for (shop_id, (position, document)) in behind.take(shops_max) {
            let stored = Stored { part: document.list.clone(), position: *position };
            scan.shops.push((*shop_id, stored));
            scan.next = Some(*shop_id);
        }
        if scan.shops.len() < shops_max {
            scan.next = None;
        }
        Ok(scan)
    }

    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        let mut grown = self.grown.subscribe();
        loop {
            grown.borrow_and_update();
            if self.head().await? != *seen {
                return Ok(());
            }
            // The sender lives in `self`, which is borrowed.
            drop(grown.changed().await);
        }
    }
}

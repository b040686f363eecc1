//! The one process that writes: a handle to the writing thread.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use heed::RwTxn;
use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};
use tokio::sync::{mpsc, oneshot};

use super::create::{activation_now, create, locked};
use super::group::{Group, Job};
use super::reader::LmdbReader;
use super::tables::{Tables, cursor_bytes, has_part, key, log_key};
use super::wake::{Bell, Listener};
use crate::log_entry as entry;
use crate::traits::begun_anew;
use crate::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, KeptLog, LogPage, Lookup, Position, Positions,
    Projected, Put, Scan, StoreError, WriterContact,
};

/// Updates that wait for the writing thread; then callers wait.
const WAITING_MAX: usize = 8_192;

/// How a store is created and opened.
#[derive(Clone, Copy, Debug)]
pub struct LmdbOptions {
    /// The largest size of the data file. Address space, not memory; the file grows as needed.
    pub map_bytes: usize,
    /// Shards of the change log; only looked at when the store is created.
    pub shards: u16,
}

impl Default for LmdbOptions {
    fn default() -> Self {
        Self { map_bytes: 16 << 30, shards: 4 }
    }
}

/// Writes, and reads what it wrote.
#[derive(Debug)]
pub struct LmdbWriter {
    reader: LmdbReader,
    // Both are there until the drop.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    // Held for as long as this process may write.
    _lock: File,
}

impl Drop for LmdbWriter {
    /// Waits for what was handed over already, so that lock and files are free for the next one.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            drop(thread.join());
        }
    }
}

impl LmdbWriter {
    /// Opens or creates a store and becomes its one writing process.
    ///
    /// # Errors
    /// `Locked` naming the holder, `Unusable` for a directory that holds something else.
    pub fn open(directory: &Path, options: LmdbOptions) -> Result<Self, StoreError> {
        let store = directory.display().to_string();
        let unavailable = |error: std::io::Error| StoreError::Unavailable {
            store: store.clone(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(directory).map_err(unavailable)?;
        let lock = locked(directory, &store)?;
        let tables = create(directory, &store, options)?;
        drop(tables.env.clear_stale_readers());
        let bell = Bell::open(directory).map_err(unavailable)?;
        let shards = tables.identity()?.shards;
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let group = Group { tables: tables.clone(), bell, shards };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || group.run(waiting))
            .map_err(unavailable)?;
        let listener = Arc::new(Listener::at(directory));
        let reader = LmdbReader { tables, listener };
        Ok(Self { reader, jobs: Some(jobs), thread: Some(thread), _lock: lock })
    }

    /// Whatever was saved may have been lost or swapped (the directory was restored from a copy): a new activation, so that
    /// no cache and no cursor made before is believed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn raise_activation(&self) -> Result<(), StoreError> {
        self.change(|tables, transaction| {
            let identity = tables.identity_in(transaction)?;
            let raised = activation_now().max(identity.activation + 1);
            put(tables, transaction, key::ACTIVATION, &raised.to_be_bytes())?;
            for writer in Writer::OF_THE_DOCUMENT {
                let forgotten = tables.meta.delete(transaction, &key::cursor(writer));
                forgotten.map_err(|error| tables.failed(&error))?;
            }
            for shard in 0..identity.shards {
                let first = Position { activation: raised, sequence: 0 };
                put(tables, transaction, &key::head(shard), &first.to_bytes())?;
            }
            Ok(0)
        })
        .await
        .map(drop)
    }

    /// The reading half, for those who only look.
    #[must_use]
    pub const fn reader(&self) -> &LmdbReader {
        &self.reader
    }

    async fn change(
        &self,
        change: impl FnOnce(&Tables, &mut RwTxn<'_>) -> Result<u64, StoreError> + Send + 'static,
    ) -> Result<u64, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Change { change: Box::new(change), reply }).await?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        let Some(jobs) = &self.jobs else { return Err(self.stopped()) };
        jobs.send(job).await.map_err(|_| self.stopped())
    }

    fn stopped(&self) -> StoreError {
        StoreError::Unavailable {
            store: self.reader.tables.store.clone(),
            reason: "its writing thread ended".to_owned(),
        }
    }
}

impl DocumentReader for LmdbWriter {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.reader.identity().await
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        self.reader.gather(shop_ids).await
    }

    async fn detail(&self, shop_id: ShopId) -> Result<Lookup<DetailPart>, StoreError> {
        self.reader.detail(shop_id).await
    }

    async fn writer_contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        self.reader.writer_contacts().await
    }
}

impl ChangeLog for LmdbWriter {
    async fn head(&self) -> Result<Positions, StoreError> {
        self.reader.head().await
    }

    async fn read(&self, shard: u16, after: Position, entries_max: usize) -> Result<LogPage, StoreError> {
        self.reader.read(shard, after, entries_max).await
    }

    async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        self.reader.scan(after, shops_max).await
    }

    async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        self.reader.grown(seen).await
    }
}

impl DocumentWriter for LmdbWriter {
    async fn update(
        &self,
        shop_id: ShopId,
        projection: impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static,
    ) -> Result<Put, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Update { shop_id, projection: Box::new(projection), reply }).await?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    async fn record_heard(&self, writer: Writer, at: Timestamp) -> Result<(), StoreError> {
        let change = move |tables: &Tables, transaction: &mut RwTxn<'_>| {
            if !has_part(writer) {
                return Ok(0);
            }
            let (name, micros) = (key::heard(writer), at.as_microsecond());
            let held = tables.meta.get(transaction, &name).map_err(|error| tables.failed(&error))?;
            let held = held.and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
            if held.is_none_or(|held| held < micros) {
                put(tables, transaction, &name, &micros.to_be_bytes())?;
            }
            Ok(0)
        };
        self.change(change).await.map(drop)
    }

    async fn save_cursor(&self, writer: Writer, cursor: Revision) -> Result<(), StoreError> {
        let change = move |tables: &Tables, transaction: &mut RwTxn<'_>| {
            put(tables, transaction, &key::cursor(writer), &cursor_bytes(cursor)).map(|()| 0)
        };
        self.change(change).await.map(drop)
    }

    async fn mark_complete(&self, activation: u32) -> Result<(), StoreError> {
        let change = move |tables: &Tables, transaction: &mut RwTxn<'_>| {
            // An error would take the other saves of this transaction with it.
            if tables.identity_in(transaction)?.activation != activation {
                return Ok(0);
            }
            put(tables, transaction, key::COMPLETE, b"1").map(|()| 1)
        };
        match self.change(change).await? {
            0 => Err(begun_anew(&self.reader.tables.store, activation)),
            _ => Ok(()),
        }
    }

    async fn trim(&self, kept: KeptLog) -> Result<u64, StoreError> {
        let mut trimmed = 0;
        for shard in 0..self.identity().await?.shards {
            loop {
                let change = move |tables: &Tables, transaction: &mut RwTxn<'_>| {
                    trim_shard(tables, transaction, shard, kept)
                };
                let some = self.change(change).await?;
                trimmed += some;
                if some < TRIMMED_MAX as u64 {
                    break;
                }
            }
        }
        Ok(trimmed)
    }
}

fn put(tables: &Tables, transaction: &mut RwTxn<'_>, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    tables.meta.put(transaction, key, value).map_err(|error| tables.failed(&error))
}

/// In one transaction at most: saves that wait behind it wait a millisecond longer.
const TRIMMED_MAX: usize = 1_000;

fn trim_shard(
    tables: &Tables,
    transaction: &mut RwTxn<'_>,
    shard: u16,
    kept: KeptLog,
) -> Result<u64, StoreError> {
    let identity = tables.identity_in(transaction)?;
    let head = tables.head_of(transaction, shard, identity.activation)?;
    let first = kept.first(head, identity.shards);
    let (from, until) = (log_key(shard, Position::default()), log_key(shard + 1, Position::default()));
    let range = (std::ops::Bound::Included(from.as_slice()), std::ops::Bound::Excluded(until.as_slice()));
    let mut old = Vec::new();
    {
        let mut found = tables.log.range(&*transaction, &range).map_err(|error| tables.failed(&error))?;
        while let Some((key, value)) = found.next().transpose().map_err(|error| tables.failed(&error))? {
            let position = Position::from_bytes(&key[2..]).unwrap_or_default();
            let is_young =
                || entry::decode(position, value).is_some_and(|entry| entry.saved_at >= kept.since);
            if old.len() == TRIMMED_MAX || (position >= first && is_young()) {
                break;
            }
            old.push(key.to_vec());
        }
    }
    for key in &old {
        tables.log.delete(transaction, key).map_err(|error| tables.failed(&error))?;
    }
    Ok(u64::try_from(old.len()).unwrap_or(0))
}

#[cfg(test)]
mod tests;

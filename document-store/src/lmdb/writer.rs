//! The one process that writes. Updates that arrive together share one transaction and one fsync.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heed::types::Bytes as Raw;
use heed::{CommitOrAbort, EnvOpenOptions, RwTxn};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};
use tokio::sync::{mpsc, oneshot};

use super::entry;
use super::reader::LmdbReader;
use super::tables::{FORMAT, Tables, cursor_bytes, failed, has_part, key, log_key};
use super::wake::{Bell, Listener};
use crate::traits::shard_of;
use crate::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, LogPage, Lookup, Position, Positions, Projected,
    Put, Scan, StoreError, WriterContact,
};

/// Updates in one transaction. More make the group slower than the fsync that they share.
const GROUP_MAX: usize = 2_000;
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
    jobs: mpsc::Sender<Job>,
    // Held for as long as this process may write.
    _lock: Arc<File>,
}

type Projection = Box<dyn Fn(&Lookup<ShopDocument>) -> Projected + Send>;
/// Anything else that is changed: what to do within the transaction.
type Change = Box<dyn FnOnce(&Tables, &mut RwTxn<'_>) -> Result<u64, StoreError> + Send>;

enum Job {
    Update { shop_id: ShopId, projection: Projection, reply: oneshot::Sender<Result<Put, StoreError>> },
    Change { change: Change, reply: oneshot::Sender<Result<u64, StoreError>> },
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
        let lock = Arc::new(locked(directory, &store)?);
        let tables = create(directory, &store, options)?;
        drop(tables.env.clear_stale_readers());
        let bell = Bell::open(directory).map_err(unavailable)?;
        let shards = tables.identity()?.shards;
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let group = Group { tables: tables.clone(), bell, shards };
        let held = Arc::clone(&lock);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                group.run(waiting);
                drop(held);
            })
            .map_err(unavailable)?;
        let listener = Arc::new(Listener::at(directory));
        Ok(Self { reader: LmdbReader { tables, listener }, jobs, _lock: lock })
    }

    /// Whatever was saved may have been lost or swapped (the directory was restored from a copy): a new activation, so that
    /// no cache and no cursor made before is believed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn raise_activation(&self) -> Result<(), StoreError> {
        self.change(|tables, transaction| {
            let raised = tables.identity()?.activation + 1;
            put(tables, transaction, key::ACTIVATION, &raised.to_be_bytes())?;
            for shard in 0..tables.identity()?.shards {
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
        self.jobs.send(job).await.map_err(|_| self.stopped())
    }

    fn stopped(&self) -> StoreError {
        StoreError::Unavailable {
            store: self.reader.tables.store.clone(),
            reason: "its writing thread ended".to_owned(),
        }
    }
}

/// The advisory lock of the directory, with the holder's name in the file.
fn locked(directory: &Path, store: &str) -> Result<File, StoreError> {
    let path: PathBuf = directory.join("writer.lock");
    let unavailable = |error: std::io::Error| StoreError::Unavailable {
        store: store.to_owned(),
        reason: error.to_string(),
    };
    let mut file = File::options()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(unavailable)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        drop(file.read_to_string(&mut holder));
        let holder = if holder.is_empty() { "another process".to_owned() } else { holder };
        return Err(StoreError::Locked { store: store.to_owned(), holder });
    }
    let program = std::env::current_exe().ok();
    let program =
        program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let holder =
        format!("{} (process {})", program.unwrap_or_else(|| "a program".to_owned()), std::process::id());
    file.set_len(0).and_then(|()| file.rewind()).map_err(unavailable)?;
    file.write_all(holder.as_bytes()).map_err(unavailable)?;
    Ok(file)
}

#[allow(unsafe_code)]
fn create(directory: &Path, store: &str, options: LmdbOptions) -> Result<Tables, StoreError> {
    let mut open = EnvOpenOptions::new().read_txn_without_tls();
    open.max_dbs(8).max_readers(512).map_size(options.map_bytes);
    // SAFETY: the lock file keeps other writers of ours away, and nobody truncates the files while they are mapped.
    let env = unsafe { open.open(directory) }.map_err(|error| failed(store, &error))?;
    let transaction = env.write_txn().map_err(|error| failed(store, &error))?;
    let created = env.create_databases_and_commit(transaction, |opener, transaction| {
        let list = opener.create_database::<Raw, Raw>(transaction, Some("list"))?;
        let detail = opener.create_database::<Raw, Raw>(transaction, Some("detail"))?;
        let log = opener.create_database::<Raw, Raw>(transaction, Some("log"))?;
        let meta = opener.create_database::<Raw, Raw>(transaction, Some("meta"))?;
        if meta.get(transaction, key::FORMAT)?.is_none() {
            meta.put(transaction, key::FORMAT, FORMAT)?;
            meta.put(transaction, key::ACTIVATION, &1_u32.to_be_bytes())?;
            meta.put(transaction, key::SHARDS, &u32::from(options.shards.max(1)).to_be_bytes())?;
        }
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit((list, detail, log, meta)))
    });
    let (list, detail, log, meta) = created.map_err(|error| failed(store, &error))?.unwrap_commit();
    let tables = Tables { env, list, detail, log, meta, store: store.to_owned() };
    tables.identity()?;
    Ok(tables)
}

fn put(tables: &Tables, transaction: &mut RwTxn<'_>, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    tables.meta.put(transaction, key, value).map_err(|error| tables.failed(&error))
}

/// What the writing thread owns.
struct Group {
    tables: Tables,
    bell: Bell,
    shards: u16,
}

/// Who waits for this transaction to be durable.
enum Waiting {
    Update(oneshot::Sender<Result<Put, StoreError>>, Put),
    Change(oneshot::Sender<Result<u64, StoreError>>, u64),
}

impl Waiting {
    fn answer(self, outcome: Result<(), &StoreError>) {
        // A caller that is gone has no use for the answer.
        match self {
            Self::Update(reply, put) => drop(reply.send(outcome.map(|()| put).map_err(Clone::clone))),
            Self::Change(reply, count) => drop(reply.send(outcome.map(|()| count).map_err(Clone::clone))),
        }
    }
}

impl Group {
    fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut jobs = vec![first];
            while jobs.len() < GROUP_MAX {
                let Ok(job) = waiting.try_recv() else { break };
                jobs.push(job);
            }
            self.commit(jobs);
        }
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        let tables = self.tables.clone();
        let mut transaction = match tables.env.write_txn() {
            Ok(transaction) => transaction,
            Err(error) => return refuse(jobs, &tables.failed(&error)),
        };
        let (mut done, mut changed, mut broken) = (Vec::with_capacity(jobs.len()), false, None);
        for job in jobs {
            // After a failure within the transaction (its map is full) nothing of it can be committed.
            if let Some(error) = &broken {
                refuse(vec![job], error);
                continue;
            }
            match self.perform(&mut transaction, job) {
                Ok(waiting) => {
                    changed |= !matches!(waiting, Waiting::Update(_, Put::Unchanged));
                    done.push(waiting);
                }
                Err(error) => broken = Some(error),
            }
        }
        let outcome = match (broken, changed) {
            (Some(error), _) => Err(error),
            // What is unchanged was durable before.
            (None, false) => Ok(()),
            (None, true) => transaction.commit().map_err(|error| tables.failed(&error)),
        };
        if outcome.is_ok() && changed {
            self.bell.ring();
        }
        for waiting in done {
            waiting.answer(outcome.as_ref().copied());
        }
    }

    /// Does one job. An error breaks the transaction; whoever caused it has been told already.
    fn perform(&self, transaction: &mut RwTxn<'_>, job: Job) -> Result<Waiting, StoreError> {
        match job {
            Job::Update { shop_id, projection, reply } => {
                match self.update(transaction, shop_id, &projection) {
                    Ok(put) => Ok(Waiting::Update(reply, put)),
                    Err(error) => {
                        drop(reply.send(Err(error.clone())));
                        Err(error)
                    }
                }
            }
            Job::Change { change, reply } => match change(&self.tables, transaction) {
                Ok(count) => Ok(Waiting::Change(reply, count)),
                Err(error) => {
                    drop(reply.send(Err(error.clone())));
                    Err(error)
                }
            },
        }
    }

    fn update(
        &self,
        transaction: &mut RwTxn<'_>,
        shop_id: ShopId,
        projection: &Projection,
    ) -> Result<Put, StoreError> {
        let tables = &self.tables;
        let held = tables.held(&*transaction, shop_id)?;
        let cells_before: Vec<u64> =
            held.stored().map(|held| held.part.list.cells().collect()).unwrap_or_default();
        // A projection is pure; should it panic all the same, it must not take the others' saves with it.
        let Ok(projected) = catch_unwind(AssertUnwindSafe(|| projection(&held))) else {
            tracing::error!(%shop_id, "the projection of a shop panicked; its document stays as it was");
            return Ok(Put::Unchanged);
        };
        let Projected::Save(document) = projected else { return Ok(Put::Unchanged) };
        let shard = shard_of(shop_id, self.shards);
        let activation = self.activation(transaction)?;
        let position = tables.head_of(&*transaction, shard, activation)?.next();
        let id = shop_id.get().to_be_bytes();
        let with_position = |bytes: &[u8]| [position.to_bytes().as_slice(), bytes].concat();
        let cells_after: Vec<u64> = document.list.cells().collect();
        let logged = entry::encode(shop_id, Timestamp::now(), &cells_before, &cells_after);
        let written = tables
            .list
            .put(transaction, &id, &with_position(document.list.bytes()))
            .and_then(|()| tables.detail.put(transaction, &id, &with_position(document.detail.bytes())))
            .and_then(|()| tables.log.put(transaction, &log_key(shard, position), &logged))
            .and_then(|()| tables.meta.put(transaction, &key::head(shard), &position.to_bytes()));
        written.map_err(|error| tables.failed(&error))?;
        Ok(Put::Applied(position))
    }

    fn activation(&self, transaction: &RwTxn<'_>) -> Result<u32, StoreError> {
        let bytes =
            self.tables.meta.get(transaction, key::ACTIVATION).map_err(|error| self.tables.failed(&error))?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(1, u32::from_be_bytes))
    }
}

fn refuse(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        match job {
            Job::Update { reply, .. } => drop(reply.send(Err(error.clone()))),
            Job::Change { reply, .. } => drop(reply.send(Err(error.clone()))),
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

    async fn mark_complete(&self) -> Result<(), StoreError> {
        let change = |tables: &Tables, transaction: &mut RwTxn<'_>| {
            put(tables, transaction, key::COMPLETE, b"1").map(|()| 0)
        };
        self.change(change).await.map(drop)
    }

    async fn trim(&self, older_than: Timestamp) -> Result<u64, StoreError> {
        let shards = self.identity().await?.shards;
        let change = move |tables: &Tables, transaction: &mut RwTxn<'_>| {
            let mut trimmed = 0;
            for shard in 0..shards {
                trimmed += trim_shard(tables, transaction, shard, older_than)?;
            }
            Ok(trimmed)
        };
        self.change(change).await
    }
}

/// In one transaction at most; the next trimming goes on.
const TRIMMED_MAX: usize = 20_000;

fn trim_shard(
    tables: &Tables,
    transaction: &mut RwTxn<'_>,
    shard: u16,
    older_than: Timestamp,
) -> Result<u64, StoreError> {
    let (from, until) = (log_key(shard, Position::default()), log_key(shard + 1, Position::default()));
    let range = (std::ops::Bound::Included(from.as_slice()), std::ops::Bound::Excluded(until.as_slice()));
    let mut old = Vec::new();
    {
        let mut found = tables.log.range(&*transaction, &range).map_err(|error| tables.failed(&error))?;
        while let Some((key, value)) = found.next().transpose().map_err(|error| tables.failed(&error))? {
            let saved_at = entry::decode(Position::default(), value).map(|entry| entry.saved_at);
            if old.len() == TRIMMED_MAX || saved_at.is_some_and(|saved_at| saved_at >= older_than) {
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

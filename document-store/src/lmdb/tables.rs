//! The databases, and everything that is read from them. No transaction outlives a call.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use heed::types::Bytes as Raw;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithoutTls};
use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};

use crate::log_entry as entry;
use crate::traits::{held_of, new_contacts, visible};
use crate::{Identity, LogPage, Lookup, Position, Positions, Scan, StoreError, Stored, WriterContact};

pub(super) type Table = Database<'static, Raw, Raw>;

/// What stands first in `meta`.
pub(super) const FORMAT: &[u8] = b"shopfront-store-1";
/// Query servers and tools that read at the same time.
pub(super) const READERS_MAX: u32 = 512;
/// The address space in which a reader sees the file grow, whatever size the writing process was given: a
/// reader that is as small as the writer was once would have to be restarted when that one is enlarged.
const READER_MAP_BYTES: u64 = 1 << 40;

/// An opened directory.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    pub(super) env: Env<WithoutTls>,
    pub(super) list: Table,
    pub(super) detail: Table,
    pub(super) log: Table,
    pub(super) meta: Table,
    pub(super) store: String,
    pub(super) file: DataFile,
}

/// The file that is open, by device and number.
#[derive(Clone, Debug)]
pub(super) struct DataFile {
    path: PathBuf,
    id: Option<(u64, u64)>,
}

impl DataFile {
    pub(super) fn of(directory: &Path) -> Self {
        let path = directory.join("data.mdb");
        let id = file_id(&path);
        Self { path, id }
    }
}

fn file_id(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// The keys of `meta`.
pub(super) mod key {
    pub(crate) const FORMAT: &[u8] = b"format";
    pub(crate) const ACTIVATION: &[u8] = b"activation";
    pub(crate) const SHARDS: &[u8] = b"shards";
    pub(crate) const COMPLETE: &[u8] = b"complete";

    pub(crate) fn head(shard: u16) -> Vec<u8> {
        format!("head/{shard}").into_bytes()
    }

    pub(crate) fn heard(writer: shop_id::Writer) -> Vec<u8> {
        format!("heard/{writer}").into_bytes()
    }

    pub(crate) fn cursor(writer: shop_id::Writer) -> Vec<u8> {
        format!("cursor/{writer}").into_bytes()
    }
}

impl Tables {
    /// Opens to read. The directory and its databases must be there.
    #[allow(unsafe_code)]
    pub(super) fn open_to_read(directory: &Path) -> Result<Self, StoreError> {
        let store = directory.display().to_string();
        if !directory.join("data.mdb").exists() {
            let reason = "the directory has no `data.mdb` yet; the invalidator creates it".to_owned();
            return Err(StoreError::Unavailable { store, reason });
        }
        let file = DataFile::of(directory);
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.max_dbs(8).max_readers(READERS_MAX);
        // SAFETY: read-only is not one of the flags that give up LMDB's own guarantees.
        unsafe { options.flags(EnvFlags::READ_ONLY) };
        let mut wide = options.clone();
        wide.map_size(usize::try_from(READER_MAP_BYTES).unwrap_or(1 << 30));
        // SAFETY: the files are changed by LMDB alone; nobody truncates them while the store is in use.
        let env = match unsafe { wide.open(directory) } {
            // Not so much address space here (a limit of the process): as much as the file says.
            Err(heed::Error::Io(error)) if error.kind() == std::io::ErrorKind::OutOfMemory => {
                // SAFETY: as above.
                unsafe { options.open(directory) }
            }
            opened => opened,
        };
        let env = env.map_err(|error| failed(&store, &error))?;
        let transaction = env.read_txn().map_err(|error| failed(&store, &error))?;
        let opened = env.open_databases_and_commit(transaction, |opener, transaction| {
            let open = |name| opener.open_database::<Raw, Raw>(transaction, Some(name));
            let all = (open("list")?, open("detail")?, open("log")?, open("meta")?);
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(all))
        });
        let opened = opened.map_err(|error| failed(&store, &error))?.unwrap_commit();
        let (Some(list), Some(detail), Some(log), Some(meta)) = opened else {
            let reason = "its databases are not there yet; the invalidator creates them".to_owned();
            return Err(StoreError::Unavailable { store, reason });
        };
        let tables = Self { env, list, detail, log, meta, store, file };
        tables.identity()?;
        Ok(tables)
    }

    /// A file that was deleted or replaced stays open and is never heard of again: said instead of believed.
    pub(super) fn is_still_there(&self) -> Result<(), StoreError> {
        if file_id(&self.file.path) == self.file.id {
            return Ok(());
        }
        Err(StoreError::Unusable {
            store: self.store.clone(),
            reason: "its `data.mdb` was deleted or replaced while it was open; restart this program"
                .to_owned(),
        })
    }

    pub(super) fn read_transaction(&self) -> Result<RoTxn<'_, WithoutTls>, StoreError> {
        self.env.read_txn().map_err(|error| self.failed(&error))
    }

    pub(super) fn failed(&self, error: &heed::Error) -> StoreError {
        failed(&self.store, error)
    }

    pub(super) fn identity(&self) -> Result<Identity, StoreError> {
        let transaction = self.read_transaction()?;
        self.identity_in(&transaction)
    }

    pub(super) fn identity_in(&self, transaction: &RoTxn<'_>) -> Result<Identity, StoreError> {
        let get = |key: &[u8]| self.meta.get(transaction, key).map_err(|error| self.failed(&error));
        let format = get(key::FORMAT)?;
        if format != Some(FORMAT) {
            let found = String::from_utf8_lossy(format.unwrap_or_default()).into_owned();
            let expected = String::from_utf8_lossy(FORMAT);
            return Err(StoreError::Unusable {
                store: self.store.clone(),
                reason: format!("its format is `{found}`, expected `{expected}`; choose another directory"),
            });
        }
        let number =
            |bytes: Option<&[u8]>| bytes.and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)));
        let activation = number(get(key::ACTIVATION)?).unwrap_or(1);
        let shards = number(get(key::SHARDS)?).and_then(|shards| u16::try_from(shards).ok()).unwrap_or(1);
        Ok(Identity { activation, shards, complete: get(key::COMPLETE)?.is_some() })
    }

    pub(super) fn head(&self) -> Result<Positions, StoreError> {
        let transaction = self.read_transaction()?;
        let identity = self.identity_in(&transaction)?;
        (0..identity.shards)
            .map(|shard| self.head_of(&transaction, shard, identity.activation))
            .collect::<Result<Vec<_>, _>>()
            .map(Positions)
    }

    pub(super) fn head_of(
        &self,
        transaction: &RoTxn<'_>,
        shard: u16,
        activation: u32,
    ) -> Result<Position, StoreError> {
        let head = self.meta.get(transaction, &key::head(shard)).map_err(|error| self.failed(&error))?;
        Ok(head.and_then(Position::from_bytes).unwrap_or(Position { activation, sequence: 0 }))
    }

    pub(super) fn list_part(
        &self,
        transaction: &RoTxn<'_>,
        shop_id: ShopId,
    ) -> Result<Lookup<ListPart>, StoreError> {
        let Some((position, bytes)) = self.value(transaction, &self.list, shop_id)? else {
            return Ok(Lookup::Unknown);
        };
        let part =
            ListPart::validate(Bytes::copy_from_slice(bytes)).map_err(|error| corrupt(shop_id, &error))?;
        Ok(visible(part.is_tombstone(), part.is_visible(), part, position))
    }

    pub(super) fn detail_part(
        &self,
        transaction: &RoTxn<'_>,
        shop_id: ShopId,
    ) -> Result<Lookup<DetailPart>, StoreError> {
        let Some((position, bytes)) = self.value(transaction, &self.detail, shop_id)? else {
            return Ok(Lookup::Unknown);
        };
        let part =
            DetailPart::validate(Bytes::copy_from_slice(bytes)).map_err(|error| corrupt(shop_id, &error))?;
        Ok(visible(part.is_tombstone(), part.is_visible(), part, position))
    }

    /// Both parts for a projection; whatever cannot be read counts as unknown.
    pub(super) fn held(
        &self,
        transaction: &RoTxn<'_>,
        shop_id: ShopId,
    ) -> Result<Lookup<ShopDocument>, StoreError> {
        let value = |table| match self.value(transaction, table, shop_id) {
            Err(StoreError::Corrupt { .. }) => Ok(None),
            read => read,
        };
        let (list, detail) = (value(&self.list)?, value(&self.detail)?);
        let (Some((position, list)), Some((_, detail))) = (list, detail) else { return Ok(Lookup::Unknown) };
        let list = ListPart::validate(Bytes::copy_from_slice(list));
        let detail = DetailPart::validate(Bytes::copy_from_slice(detail));
        let (Ok(list), Ok(detail)) = (list, detail) else { return Ok(Lookup::Unknown) };
        Ok(held_of(ShopDocument { list, detail }, position))
    }

    fn value<'t>(
        &self,
        transaction: &'t RoTxn<'_>,
        table: &Table,
        shop_id: ShopId,
    ) -> Result<Option<(Position, &'t [u8])>, StoreError> {
        let value =
            table.get(transaction, &shop_id.get().to_be_bytes()).map_err(|error| self.failed(&error))?;
        let Some(value) = value else { return Ok(None) };
        let Some(position) = Position::from_bytes(value) else {
            return Err(corrupt(shop_id, &format!("`{}` bytes without a position", value.len())));
        };
        Ok(Some((position, &value[Position::BYTES..])))
    }

    pub(super) fn contacts(&self) -> Result<Vec<WriterContact>, StoreError> {
        let transaction = self.read_transaction()?;
        let mut contacts = new_contacts();
        for contact in &mut contacts {
            let get = |key: Vec<u8>| self.meta.get(&transaction, &key).map_err(|error| self.failed(&error));
            let heard = get(key::heard(contact.writer))?
                .and_then(|bytes| bytes.try_into().ok())
                .map(i64::from_be_bytes);
            contact.heard_at = heard.and_then(|micros| Timestamp::from_microsecond(micros).ok());
            contact.cursor = get(key::cursor(contact.writer))?.and_then(cursor_from);
        }
        Ok(contacts)
    }

    pub(super) fn read_log(
        &self,
        shard: u16,
        after: Position,
        entries_max: usize,
    ) -> Result<LogPage, StoreError> {
        let transaction = self.read_transaction()?;
        let activation = self.identity_in(&transaction)?.activation;
        let head = self.head_of(&transaction, shard, activation)?;
        if after == head {
            return Ok(LogPage { entries: Vec::new(), next: after, has_more: false });
        }
        let (from, until) = (log_key(shard, after.next()), log_key(shard + 1, Position::default()));
        let range = (std::ops::Bound::Included(from.as_slice()), std::ops::Bound::Excluded(until.as_slice()));
        let mut found = self.log.range(&transaction, &range).map_err(|error| self.failed(&error))?;
        let mut page = LogPage { entries: Vec::new(), next: after, has_more: false };
        while let Some(item) = found.next().transpose().map_err(|error| self.failed(&error))? {
            if page.entries.len() == entries_max {
                page.has_more = true;
                break;
            }
            let position = Position::from_bytes(&item.0[2..]).unwrap_or_default();
            // Without gaps: each entry must be the one right behind the cursor. Where it is not, the log was trimmed,
            // or begins anew under another activation number; the next read says so.
            if position != page.next.next() {
                if page.entries.is_empty() {
                    return Err(self.trimmed(shard, position));
                }
                page.has_more = true;
                break;
            }
            let Some(entry) = entry::decode(position, item.1) else {
                return Err(self.trimmed(shard, position));
            };
            page.next = position;
            page.entries.push(entry);
        }
        if page.entries.is_empty() { Err(self.trimmed(shard, head)) } else { Ok(page) }
    }

    fn trimmed(&self, shard: u16, oldest: Position) -> StoreError {
        StoreError::Trimmed { store: self.store.clone(), shard, oldest }
    }

    pub(super) fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        let transaction = self.read_transaction()?;
        let from = after.map_or(0, |shop_id| shop_id.get().saturating_add(1)).to_be_bytes();
        let range = (std::ops::Bound::Included(from.as_slice()), std::ops::Bound::Unbounded);
        let mut found = self.list.range(&transaction, &range).map_err(|error| self.failed(&error))?;
        let (mut scan, mut seen) = (Scan::default(), 0);
        while let Some((key, _)) = found.next().transpose().map_err(|error| self.failed(&error))? {
            if seen == shops_max {
                return Ok(scan);
            }
            seen += 1;
            let Some(shop_id) = key.try_into().ok().map(u64::from_be_bytes).and_then(ShopId::new) else {
                continue;
            };
            scan.next = Some(shop_id);
            match self.readable(&transaction, shop_id) {
                Ok(Some(stored)) => scan.shops.push((shop_id, stored)),
                Ok(None) => {}
                Err(StoreError::Corrupt { .. }) => scan.unreadable.push(shop_id),
                Err(error) => return Err(error),
            }
        }
        scan.next = None;
        Ok(scan)
    }

    /// The list part, whatever its visibility.
    fn readable(
        &self,
        transaction: &RoTxn<'_>,
        shop_id: ShopId,
    ) -> Result<Option<Stored<ListPart>>, StoreError> {
        let Some((position, bytes)) = self.value(transaction, &self.list, shop_id)? else { return Ok(None) };
        let part =
            ListPart::validate(Bytes::copy_from_slice(bytes)).map_err(|error| corrupt(shop_id, &error))?;
        Ok(Some(Stored { part, position }))
    }

    /// Shops whose detail part cannot be read although their list part can.
    pub(super) fn unreadable_details(&self, shop_ids: &[ShopId]) -> Result<Vec<ShopId>, StoreError> {
        let transaction = self.read_transaction()?;
        let mut unreadable = Vec::new();
        for &shop_id in shop_ids {
            match self.value(&transaction, &self.detail, shop_id) {
                Ok(Some((_, bytes))) if DetailPart::validate(Bytes::copy_from_slice(bytes)).is_ok() => {}
                Ok(_) | Err(StoreError::Corrupt { .. }) => unreadable.push(shop_id),
                Err(error) => return Err(error),
            }
        }
        Ok(unreadable)
    }
}

pub(super) fn log_key(shard: u16, position: Position) -> Vec<u8> {
    [shard.to_be_bytes().as_slice(), &position.to_bytes()].concat()
}

pub(super) fn cursor_bytes(cursor: Revision) -> Vec<u8> {
    [cursor.epoch.to_be_bytes().as_slice(), &cursor.counter.to_be_bytes()].concat()
}

fn cursor_from(bytes: &[u8]) -> Option<Revision> {
    let epoch = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    Some(Revision::new(epoch, u64::from_be_bytes(bytes.get(4..)?.try_into().ok()?)))
}

fn corrupt(shop_id: ShopId, reason: &impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { shop_id, reason: reason.to_string() }
}

/// What LMDB said, as what a caller can do about it.
pub(super) fn failed(store: &str, error: &heed::Error) -> StoreError {
    let store = store.to_owned();
    match error {
        heed::Error::Mdb(heed::MdbError::MapFull) => StoreError::Full {
            store,
            reason: "the LMDB map is full; raise `store_map_bytes` and restart the invalidator".to_owned(),
        },
        heed::Error::Io(io)
            if matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) =>
        {
            StoreError::Full { store, reason: format!("the disk is full ({io}); make room") }
        }
        heed::Error::Mdb(heed::MdbError::MapResized) => StoreError::Unusable {
            store,
            reason: "it has grown beyond the address space of this process; restart this program".to_owned(),
        },
        heed::Error::Mdb(heed::MdbError::Invalid | heed::MdbError::VersionMismatch) => {
            StoreError::Unusable { store, reason: format!("its files are not LMDB's: {error}") }
        }
        heed::Error::Mdb(
            heed::MdbError::Corrupted | heed::MdbError::PageNotFound | heed::MdbError::Panic,
        ) => {
            let reason = format!(
                "its data file is damaged ({error}); stop the invalidator, delete the directory, start it again: \
                 the store is rebuilt from the writers"
            );
            StoreError::Unusable { store, reason }
        }
        other => StoreError::Unavailable { store, reason: other.to_string() },
    }
}

/// The names of all writers that may have a contact, to keep `meta` free of others.
pub(super) fn has_part(writer: Writer) -> bool {
    Writer::OF_THE_DOCUMENT.contains(&writer)
}

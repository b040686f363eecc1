//! A directory becomes a store, and this process its one writing one.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use heed::types::Bytes as Raw;
use heed::{CommitOrAbort, EnvOpenOptions};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use super::tables::{DataFile, FORMAT, READERS_MAX, Tables, failed, key};
use super::writer::LmdbOptions;
use crate::StoreError;

/// No page of memory is larger on machines that run this.
const PAGE_BYTES_MAX: usize = 64 << 10;

/// The advisory lock of the directory, with the holder's name in the file.
pub(super) fn locked(directory: &Path, store: &str) -> Result<File, StoreError> {
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
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(unavailable(error.into()));
        }
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
pub(super) fn create(directory: &Path, store: &str, options: LmdbOptions) -> Result<Tables, StoreError> {
    let mut open = EnvOpenOptions::new().read_txn_without_tls();
    // LMDB wants whole pages, of whatever size the machine has.
    open.max_dbs(8).max_readers(READERS_MAX).map_size(options.map_bytes.next_multiple_of(PAGE_BYTES_MAX));
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
            meta.put(transaction, key::ACTIVATION, &activation_now().to_be_bytes())?;
            meta.put(transaction, key::SHARDS, &u32::from(options.shards.max(1)).to_be_bytes())?;
        }
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit((list, detail, log, meta)))
    });
    let (list, detail, log, meta) = created.map_err(|error| failed(store, &error))?.unwrap_commit();
    let file = DataFile::of(directory);
    let tables = Tables { env, list, detail, log, meta, store: store.to_owned(), file };
    tables.identity()?;
    Ok(tables)
}

/// Seconds since 1970: a store that is deleted and made anew counts its saves from 1 again, and must not be taken for
/// the old one by whoever remembers positions of that.
pub(super) fn activation_now() -> u32 {
    u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX / 2).max(1)
}

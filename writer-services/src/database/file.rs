//! A path -> a connection to a database that is this writer's, of this schema, held by this process alone.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use shop_id::{Revision, Writer};

/// Raised when older programs could not read the file any more.
const SCHEMA_VERSION: i64 = 1;
/// Somebody who looks into the file with another tool may hold it for so long.
const BUSY: Duration = Duration::from_secs(5);
const PAGE_BYTES: u64 = 4_096;
/// The write-ahead log is cut down to this after a burst.
const LOG_BYTES_USUAL_MAX: u64 = 64 << 20;

/// Outbox columns are Debezium's (`id`, `aggregatetype`, `aggregateid`, `type`, `payload`), the payload is the event
/// itself, which has no field of the shop. `facts` is the ready JSON, `NULL` once there is nothing any more.
const SCHEMA: &str = "
    CREATE TABLE writer (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        name TEXT NOT NULL,
        schema_version INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        counter INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE sections (
        shop_id INTEGER PRIMARY KEY,
        counter INTEGER NOT NULL,
        committed_at_us INTEGER NOT NULL,
        facts TEXT
    ) STRICT;
    CREATE INDEX sections_by_commit ON sections (counter, committed_at_us);
    CREATE TABLE sources (
        name TEXT NOT NULL,
        key TEXT NOT NULL,
        shop_id INTEGER NOT NULL,
        PRIMARY KEY (name, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE outbox (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        aggregatetype TEXT NOT NULL,
        aggregateid TEXT NOT NULL,
        type TEXT NOT NULL,
        payload TEXT NOT NULL,
        time TEXT NOT NULL
    ) STRICT;
";

/// Why the writer does not start. Permanent until somebody changes something.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No permission, no such disk, not SQLite, damaged.
    #[error("database `{path}` cannot be used: {reason}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Two processes would give the same counter to two commits.
    #[error("database `{path}` is being written by another process ({holder}); stop it first")]
    Held {
        /// Which.
        path: PathBuf,
        /// What the lock file says about it.
        holder: String,
    },
    /// Sections of another owner.
    #[error(
        "database `{path}` belongs to the writer `{found}`, expected `{expected}`; set another `database`"
    )]
    OfAnother {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who wanted it.
        expected: Writer,
    },
    /// Written by a program from the future.
    #[error(
        "database `{path}` has schema version {found}, this program reads up to {SCHEMA_VERSION}; start a newer program"
    )]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
}

/// How a database is opened.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) writer: Writer,
    pub(crate) epoch_at_least: u32,
    pub(crate) bytes_max: u64,
    pub(crate) outbox_rows_max: u64,
}

/// The one connection that writes.
#[derive(Debug)]
pub(crate) struct Database {
    pub(super) connection: Connection,
    pub(super) writer: Writer,
    pub(super) outbox_rows_max: u64,
    /// Held until the process ends, however it ends.
    _lock: File,
}

/// A connection that only reads; each of its transactions is one snapshot.
#[derive(Debug)]
pub(crate) struct ReadOnly {
    pub(crate) connection: Connection,
    pub(crate) writer: Writer,
}

/// Where the database stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) epoch: u32,
    pub(crate) counter: u64,
}

impl State {
    pub(crate) const fn revision(self) -> Revision {
        Revision::new(self.epoch, self.counter)
    }

    /// Reads it inside whatever transaction is open.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut select = connection.prepare_cached("SELECT epoch, counter FROM writer")?;
        select.query_row([], |row| {
            let counter: i64 = row.get(1)?;
            Ok(Self { epoch: row.get(0)?, counter: counter.unsigned_abs() })
        })
    }
}

impl DatabaseError {
    pub(crate) fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> Self {
        Self::Unusable { path: path.to_owned(), reason: reason.to_string() }
    }
}

impl Database {
    /// Opens or makes the file.
    pub(crate) fn open(settings: &Settings) -> Result<Self, DatabaseError> {
        let path = &settings.path;
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|error| DatabaseError::unusable(path, &error))?;
        }
        let lock = lock(path)?;
        let mut connection = Connection::open(path).map_err(|error| DatabaseError::unusable(path, &error))?;
        connection.busy_timeout(BUSY).map_err(|error| DatabaseError::unusable(path, &error))?;
        configure(&connection, settings.bytes_max).map_err(|error| DatabaseError::unusable(path, &error))?;
        create_if_empty(&mut connection, settings.writer)
            .map_err(|error| DatabaseError::unusable(path, &error))?;
        check_identity(&connection, settings)?;
        raise_epoch(&connection, settings.epoch_at_least)
            .map_err(|error| DatabaseError::unusable(path, &error))?;
        let (writer, outbox_rows_max) = (settings.writer, settings.outbox_rows_max);
        Ok(Self { connection, writer, outbox_rows_max, _lock: lock })
    }

    pub(crate) fn state(&self) -> rusqlite::Result<State> {
        State::read(&self.connection)
    }
}

impl ReadOnly {
    /// Opens a file that a [`Database`] of this process holds.
    pub(crate) fn open(path: &Path, writer: Writer) -> Result<Self, DatabaseError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| DatabaseError::unusable(path, &error))?;
        connection.busy_timeout(BUSY).map_err(|error| DatabaseError::unusable(path, &error))?;
        Ok(Self { connection, writer })
    }
}

/// A file lock beside the database: it vanishes with the process, unlike a file that only says so.
fn lock(database: &Path) -> Result<File, DatabaseError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let file = File::options().create(true).truncate(false).read(true).write(true).open(&path);
    let mut file = file.map_err(|error| DatabaseError::unusable(&path, &error))?;
    match file.try_lock() {
        Ok(()) => {
            let holder = format!("process {}\n", std::process::id());
            let written = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
            written.map_err(|error| DatabaseError::unusable(&path, &error))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
            Err(DatabaseError::Held { path: database.to_owned(), holder })
        }
        Err(TryLockError::Error(error)) => Err(DatabaseError::unusable(&path, &error)),
    }
}

fn configure(connection: &Connection, bytes_max: u64) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES.cast_signed())?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        let said = format!("journal mode `{mode}`, expected `wal`: the file system has no shared memory");
        return Err(rusqlite::Error::InvalidParameterName(said));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_USUAL_MAX.cast_signed())?;
    let pages = (bytes_max / PAGE_BYTES).clamp(1, u64::from(u32::MAX - 1));
    connection.pragma_update_and_check(None, "max_page_count", pages.cast_signed(), |_| Ok(()))
}

fn create_if_empty(connection: &mut Connection, writer: Writer) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.execute_batch(SCHEMA)?;
        let insert =
            "INSERT INTO writer (one, name, schema_version, epoch, counter) VALUES (1, ?1, ?2, 1, 0)";
        transaction.execute(insert, params![writer.name(), SCHEMA_VERSION])?;
    }
    transaction.commit()
}

fn check_identity(connection: &Connection, settings: &Settings) -> Result<(), DatabaseError> {
    let path = &settings.path;
    let found: Option<(String, i64)> = connection
        .query_row("SELECT name, schema_version FROM writer", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(|error| DatabaseError::unusable(path, &format!("it is no writer's database: {error}")))?;
    let (name, version) =
        found.ok_or_else(|| DatabaseError::unusable(path, &"it does not say whose it is"))?;
    if name != settings.writer.name() {
        let expected = settings.writer;
        return Err(DatabaseError::OfAnother { path: path.clone(), found: name, expected });
    }
    if version > SCHEMA_VERSION {
        return Err(DatabaseError::Newer { path: path.clone(), found: version });
    }
    Ok(())
}

fn raise_epoch(connection: &Connection, at_least: u32) -> rusqlite::Result<()> {
    let raised = connection.execute("UPDATE writer SET epoch = ?1 WHERE epoch < ?1", [at_least])?;
    if raised > 0 {
        let epoch = at_least;
        tracing::warn!(epoch, "the epoch was raised: all subscribers will read everything again");
    }
    Ok(())
}

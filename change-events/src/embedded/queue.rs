//! One queue: one SQLite file. It notices when its file was deleted under it, and begins a new one.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};

use crate::{ChangeEvent, Delivery, EventError, Receipt};

/// A lock that lasts longer than this is a stuck process.
const BUSY: Duration = Duration::from_millis(250);

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    CREATE TABLE IF NOT EXISTS messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        body TEXT NOT NULL,
        visible_at_ms INTEGER NOT NULL,
        receive_count INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS visible ON messages (visible_at_ms, number);
    CREATE TABLE IF NOT EXISTS dead_letters (
        number INTEGER PRIMARY KEY,
        body TEXT NOT NULL,
        reason TEXT NOT NULL,
        at_ms INTEGER NOT NULL
    );
";

#[derive(Debug)]
pub(super) struct Queue {
    path: PathBuf,
    connection: Connection,
    inode: u64,
}

impl Queue {
    /// Opens or creates the file, and its directory.
    pub(super) fn open(path: &Path) -> Result<Self, EventError> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|error| unavailable(path, &error))?;
        }
        let connection = Connection::open(path).map_err(|error| unavailable(path, &error))?;
        connection.busy_timeout(BUSY).map_err(|error| unavailable(path, &error))?;
        connection.execute_batch(SCHEMA).map_err(|error| unavailable(path, &error))?;
        let inode = inode(path).ok_or_else(|| unavailable(path, &"its file vanished"))?;
        Ok(Self { path: path.to_owned(), connection, inode })
    }

    /// Whether the path still names the file that is open.
    pub(super) fn is_there(&self) -> bool {
        inode(&self.path) == Some(self.inode)
    }

    /// Opens the file anew if it was deleted.
    pub(super) fn reopened(&mut self) -> Result<&mut Self, EventError> {
        if !self.is_there() {
            tracing::warn!(queue = %self.path.display(), "the queue's file was deleted; beginning a new one");
            *self = Self::open(&self.path)?;
        }
        Ok(self)
    }

    pub(super) fn push(&mut self, bodies: &[String], now_ms: i64) -> Result<(), EventError> {
        let pushed = (|| {
            let transaction = self.connection.transaction()?;
            {
                let insert = "INSERT INTO messages (body, visible_at_ms) VALUES (?1, ?2)";
                let mut insert = transaction.prepare_cached(insert)?;
                for body in bodies {
                    insert.execute(params![body, now_ms])?;
                }
            }
            transaction.commit()
        })();
        pushed.map_err(|error| unavailable(&self.path, &error))
    }

    pub(super) fn take(
        &mut self,
        messages_max: usize,
        now_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<Delivery>, EventError> {
        let taken = (|| {
            let mut update = self.connection.prepare_cached(
                "UPDATE messages SET visible_at_ms = ?1, receive_count = receive_count + 1
                 WHERE number IN (SELECT number FROM messages WHERE visible_at_ms <= ?2
                                  ORDER BY visible_at_ms, number LIMIT ?3)
                 RETURNING number, body, receive_count",
            )?;
            let limit = i64::try_from(messages_max).unwrap_or(i64::MAX);
            let rows = update.query_map(params![until_ms, now_ms, limit], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        })();
        let mut taken = taken.map_err(|error| unavailable(&self.path, &error))?;
        taken.sort_unstable();
        let delivery = |(number, body, receive_count): (i64, String, u32)| Delivery {
            event: ChangeEvent::from_json(&body),
            receipt: Receipt(format!("{number}:{receive_count}")),
            receive_count,
        };
        Ok(taken.into_iter().map(delivery).collect())
    }

    /// When the next message becomes visible.
    pub(super) fn next_visible_ms(&self) -> Result<Option<i64>, EventError> {
        let next = "SELECT min(visible_at_ms) FROM messages";
        self.connection.query_row(next, [], |row| row.get(0)).map_err(|error| unavailable(&self.path, &error))
    }

    pub(super) fn delete(&mut self, receipts: &[Receipt]) -> Result<(), EventError> {
        let deleted = (|| {
            let transaction = self.connection.transaction()?;
            {
                let delete = "DELETE FROM messages WHERE number = ?1 AND receive_count = ?2";
                let mut delete = transaction.prepare_cached(delete)?;
                for (number, count) in receipts.iter().filter_map(parse) {
                    delete.execute(params![number, count])?;
                }
            }
            transaction.commit()
        })();
        deleted.map_err(|error| unavailable(&self.path, &error))
    }

    pub(super) fn show_at(&mut self, receipt: &Receipt, at_ms: i64) -> Result<(), EventError> {
        let Some((number, count)) = parse(receipt) else { return Ok(()) };
        let update = "UPDATE messages SET visible_at_ms = ?3 WHERE number = ?1 AND receive_count = ?2";
        let shown = self.connection.execute(update, params![number, count, at_ms]);
        shown.map(drop).map_err(|error| unavailable(&self.path, &error))
    }

    pub(super) fn bury(&mut self, receipt: &Receipt, reason: &str, now_ms: i64) -> Result<(), EventError> {
        let Some((number, count)) = parse(receipt) else { return Ok(()) };
        let buried = (|| {
            let transaction = self.connection.transaction()?;
            let copy = "INSERT OR REPLACE INTO dead_letters (number, body, reason, at_ms)
                        SELECT number, body, ?3, ?4 FROM messages WHERE number = ?1 AND receive_count = ?2";
            transaction.execute(copy, params![number, count, reason, now_ms])?;
            let delete = "DELETE FROM messages WHERE number = ?1 AND receive_count = ?2";
            transaction.execute(delete, params![number, count])?;
            transaction.commit()
        })();
        buried.map_err(|error| unavailable(&self.path, &error))
    }

    pub(super) fn dead_letters(&self) -> Result<Vec<(String, String)>, EventError> {
        let all = (|| {
            let mut all = self.connection.prepare("SELECT body, reason FROM dead_letters ORDER BY number")?;
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<_>, _>>()
        })();
        all.map_err(|error| unavailable(&self.path, &error))
    }
}

fn parse(receipt: &Receipt) -> Option<(i64, u32)> {
    let (number, count) = receipt.0.split_once(':')?;
    Some((number.parse().ok()?, count.parse().ok()?))
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

pub(super) fn unavailable(path: &Path, error: &impl std::fmt::Display) -> EventError {
    EventError::Unavailable { queue: path.display().to_string(), reason: error.to_string() }
}

//! One queue: one SQLite file and a bell file beside it. It notices when either was deleted under it, and begins anew; a
//! file that is damaged (nothing is synced, so a power loss may do that) is set aside by its consumer.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, params};

use crate::{ChangeEvent, Delivery, EventError, Receipt};

/// A lock that lasts longer than this is a stuck process.
const BUSY: Duration = Duration::from_millis(250);
/// Messages that wait. A subscriber that is away for longer loses the oldest ones and hears of them by changed-since;
/// what it left behind must not fill the disk of the writer.
const MESSAGES_MAX: u64 = 1_000_000;
/// How often they are counted: once in so many.
const COUNTED_EVERY: u64 = 1_000;
/// Dead letters that are kept, the newest.
const DEAD_LETTERS_MAX: u32 = 10_000;

const SCHEMA: &str = "
    PRAGMA synchronous = OFF;
    PRAGMA journal_mode = WAL;
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
    bell: File,
    /// Of the file and of the bell.
    inodes: [Option<u64>; 2],
    uncounted: u64,
    messages_max: u64,
    is_damaged: bool,
}

impl Queue {
    /// For the consumer: opens or creates the file and its directory. A damaged file is set aside.
    pub(super) fn create(path: &Path) -> Result<Self, EventError> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|error| unavailable(path, &error))?;
        }
        let flags = OpenFlags::default();
        let opened = Self::connect(path, flags).or_else(|error| {
            if is_damage(&error) {
                set_aside(path);
                return Self::connect(path, flags);
            }
            Err(error)
        });
        Self::with_bell(path, opened)
    }

    /// For a publisher: a queue that its subscriber deleted stays deleted.
    pub(super) fn open(path: &Path) -> Result<Self, EventError> {
        let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_CREATE;
        Self::with_bell(path, Self::connect(path, flags))
    }

    fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    }

    fn with_bell(path: &Path, connection: rusqlite::Result<Connection>) -> Result<Self, EventError> {
        let connection = connection.map_err(|error| unavailable(path, &error))?;
        let bell = File::options().create(true).write(true).truncate(false).open(bell_of(path));
        let bell = bell.map_err(|error| unavailable(path, &error))?;
        let inodes = inodes(path);
        let (path, messages_max) = (path.to_owned(), MESSAGES_MAX);
        Ok(Self { path, connection, bell, inodes, uncounted: 0, messages_max, is_damaged: false })
    }

    /// Whether the path still names the files that are open.
    pub(super) fn is_there(&self) -> bool {
        self.inodes[0].is_some() && inodes(&self.path) == self.inodes
    }

    /// SQLite found that the file is none of its own, or not any more.
    pub(super) const fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Gives the file up; the next one to open the queue begins anew.
    pub(super) fn set_aside(self) {
        let path = self.path.clone();
        drop(self);
        set_aside(&path);
    }

    /// Tells the consumer that there is something.
    pub(super) fn ring(&self) -> Result<(), EventError> {
        self.bell.write_all_at(b"!", 0).map_err(|error| unavailable(&self.path, &error))
    }

    pub(super) fn push(&mut self, bodies: &[String], now_ms: i64) -> Result<(), EventError> {
        self.uncounted += u64::try_from(bodies.len()).unwrap_or(0);
        let is_counted = self.uncounted >= COUNTED_EVERY;
        let messages_max = self.messages_max;
        let dropped = self.transaction(|transaction| {
            {
                let insert = "INSERT INTO messages (body, visible_at_ms) VALUES (?1, ?2)";
                let mut insert = transaction.prepare_cached(insert)?;
                for body in bodies {
                    insert.execute(params![body, now_ms])?;
                }
            }
            if is_counted { drop_oldest(transaction, messages_max) } else { Ok(0) }
        })?;
        if is_counted {
            self.uncounted = 0;
        }
        if dropped > 0 {
            tracing::error!(
                queue = %self.path.display(), dropped, messages_max,
                "a subscriber is too far behind: its oldest messages are dropped, it hears of them by changed-since; \
                 delete the file if there is no such subscriber any more"
            );
        }
        Ok(())
    }

    pub(super) fn take(
        &mut self,
        messages_max: usize,
        now_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<Delivery>, EventError> {
        let taken = self.transaction(|transaction| {
            let mut update = transaction.prepare_cached(
                "UPDATE messages SET visible_at_ms = ?1, receive_count = receive_count + 1
                 WHERE number IN (SELECT number FROM messages WHERE visible_at_ms <= ?2
                                  ORDER BY visible_at_ms, number LIMIT ?3)
                 RETURNING number, CAST(body AS BLOB), receive_count",
            )?;
            let limit = i64::try_from(messages_max).unwrap_or(i64::MAX);
            let rows = update.query_map(params![until_ms, now_ms, limit], |row| {
                // Whatever bytes stand there: what is no event is dead-lettered, not an end of all receiving.
                let body = String::from_utf8_lossy(row.get_ref(1)?.as_blob()?).into_owned();
                Ok((row.get::<_, i64>(0)?, body, row.get::<_, u32>(2)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        });
        let mut taken = taken?;
        taken.sort_unstable();
        let delivery = |(number, body, receive_count): (i64, String, u32)| Delivery {
            event: ChangeEvent::from_json(&body),
            receipt: Receipt(format!("{number}:{receive_count}")),
            receive_count,
        };
        Ok(taken.into_iter().map(delivery).collect())
    }

    /// As if these had never been taken.
    pub(super) fn give_back(&mut self, receipts: &[Receipt], now_ms: i64) -> Result<(), EventError> {
        let back = "UPDATE messages SET visible_at_ms = ?3, receive_count = receive_count - 1
                    WHERE number = ?1 AND receive_count = ?2";
        self.transaction(|transaction| {
            for (number, count) in receipts.iter().filter_map(parse) {
                transaction.prepare_cached(back)?.execute(params![number, count, now_ms])?;
            }
            Ok(())
        })
    }

    /// When the next message becomes visible.
    pub(super) fn next_visible_ms(&mut self) -> Result<Option<i64>, EventError> {
        let next = "SELECT min(visible_at_ms) FROM messages";
        let next =
            self.connection.prepare_cached(next).and_then(|mut next| next.query_row([], |row| row.get(0)));
        next.map_err(|error| self.failed(&error))
    }

    pub(super) fn delete(&mut self, receipts: &[Receipt]) -> Result<(), EventError> {
        self.transaction(|transaction| {
            let delete = "DELETE FROM messages WHERE number = ?1 AND receive_count = ?2";
            let mut delete = transaction.prepare_cached(delete)?;
            for (number, count) in receipts.iter().filter_map(parse) {
                delete.execute(params![number, count])?;
            }
            Ok(())
        })
    }

    pub(super) fn show_at(&mut self, receipt: &Receipt, at_ms: i64) -> Result<(), EventError> {
        let Some((number, count)) = parse(receipt) else { return Ok(()) };
        let update = "UPDATE messages SET visible_at_ms = ?3 WHERE number = ?1 AND receive_count = ?2";
        let shown = self.connection.execute(update, params![number, count, at_ms]);
        shown.map(drop).map_err(|error| self.failed(&error))
    }

    pub(super) fn bury(&mut self, receipt: &Receipt, reason: &str, now_ms: i64) -> Result<(), EventError> {
        let Some((number, count)) = parse(receipt) else { return Ok(()) };
        self.transaction(|transaction| {
            let copy = "INSERT OR REPLACE INTO dead_letters (number, body, reason, at_ms)
                        SELECT number, body, ?3, ?4 FROM messages WHERE number = ?1 AND receive_count = ?2";
            transaction.execute(copy, params![number, count, reason, now_ms])?;
            let delete = "DELETE FROM messages WHERE number = ?1 AND receive_count = ?2";
            transaction.execute(delete, params![number, count])?;
            let forget = "DELETE FROM dead_letters WHERE number <=
                          (SELECT number FROM dead_letters ORDER BY number DESC LIMIT 1 OFFSET ?1)";
            transaction.execute(forget, params![DEAD_LETTERS_MAX]).map(drop)
        })
    }

    pub(super) fn dead_letters(&mut self) -> Result<Vec<(String, String)>, EventError> {
        self.transaction(|transaction| {
            let mut all =
                transaction.prepare("SELECT CAST(body AS BLOB), reason FROM dead_letters ORDER BY number")?;
            let rows = all.query_map([], |row| {
                Ok((String::from_utf8_lossy(row.get_ref(0)?.as_blob()?).into_owned(), row.get(1)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        })
    }

    /// All of it or nothing.
    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, EventError> {
        let done = self.connection.transaction().and_then(|transaction| {
            let done = work(&transaction)?;
            transaction.commit().map(|()| done)
        });
        done.map_err(|error| self.failed(&error))
    }

    fn failed(&mut self, error: &rusqlite::Error) -> EventError {
        self.is_damaged |= is_damage(error);
        unavailable(&self.path, error)
    }
}

fn drop_oldest(transaction: &Transaction<'_>, messages_max: u64) -> rusqlite::Result<u64> {
    let count: i64 = transaction.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?;
    let surplus = count.saturating_sub(i64::try_from(messages_max).unwrap_or(i64::MAX));
    if surplus <= 0 {
        return Ok(0);
    }
    let oldest =
        "DELETE FROM messages WHERE number IN (SELECT number FROM messages ORDER BY number LIMIT ?1)";
    transaction.execute(oldest, params![surplus]).map(|dropped| u64::try_from(dropped).unwrap_or(0))
}

/// Under a name that no publisher looks at, in the place of the last one.
fn set_aside(path: &Path) {
    tracing::error!(
        queue = %path.display(),
        "the queue's file is damaged; it is set aside, and what it held is heard of by changed-since"
    );
    drop(std::fs::rename(path, path.with_extension("sqlite.damaged")));
    // These belong to the damaged file: beside a new one they would damage it as well.
    for beside in ["sqlite-wal", "sqlite-shm"] {
        drop(std::fs::remove_file(path.with_extension(beside)));
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn parse(receipt: &Receipt) -> Option<(i64, u32)> {
    let (number, count) = receipt.0.split_once(':')?;
    Some((number.parse().ok()?, count.parse().ok()?))
}

pub(super) fn bell_of(path: &Path) -> PathBuf {
    path.with_extension("bell")
}

fn inodes(path: &Path) -> [Option<u64>; 2] {
    let inode = |path: &Path| std::fs::metadata(path).ok().map(|metadata| metadata.ino());
    [inode(path), inode(&bell_of(path))]
}

pub(super) fn unavailable(path: &Path, error: &impl std::fmt::Display) -> EventError {
    EventError::Unavailable { queue: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_that_never_comes_back_does_not_fill_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let mut queue = Queue::create(&directory.path().join("gone.sqlite")).unwrap();
        queue.messages_max = 300;
        let bodies: Vec<String> = (0..500_u32).map(|number| number.to_string()).collect();
        for _ in 0..6 {
            queue.push(&bodies, 0).unwrap();
        }
        let kept: Vec<String> =
            queue.take(10_000, 1, 2).unwrap().into_iter().map(|kept| kept.receipt.0).collect();
        assert_eq!((kept.len(), kept[0].as_str(), kept[299].as_str()), (300, "2701:1", "3000:1"));
    }

    #[test]
    fn of_dead_letters_the_newest_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut queue = Queue::create(&directory.path().join("one.sqlite")).unwrap();
        let bodies: Vec<String> = (0..DEAD_LETTERS_MAX + 5).map(|number| number.to_string()).collect();
        queue.push(&bodies, 0).unwrap();
        for delivery in queue.take(bodies.len(), 1, 2).unwrap() {
            queue.bury(&delivery.receipt, "no event", 1).unwrap();
        }
        let kept = queue.dead_letters().unwrap();
        assert_eq!((kept.len(), kept[0].0.as_str()), (DEAD_LETTERS_MAX as usize, "5"));
    }
}

//! One snapshot -> the bytes of an answer: ready facts are copied, never read.

use std::io::Write as _;

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use shop_id::{Revision, ShopId, Writer};

use crate::database::{ReadOnly, State};

/// A page ends before it grows much beyond this, whatever its `limit`; the next one goes on.
const PAGE_BYTES_USUAL_MAX: usize = 16 << 20;

/// Why a cursor is of no use. Only a full resync helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// From before a restore.
    OlderEpoch { newest: Revision },
    /// Of a commit that this database never made: restored, and nobody raised the epoch.
    Ahead { newest: Revision },
}

/// What the owner of a shop sees of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Owned {
    Unknown,
    Removed,
    Present(Vec<u8>),
}

/// A section as it is stored. Facts stay where SQLite has them until they are copied into the answer.
struct Stored<'a> {
    shop_id: u64,
    counter: u64,
    facts: Option<&'a [u8]>,
}

impl<'a> Stored<'a> {
    fn of(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let (shop_id, counter): (i64, i64) = (row.get(0)?, row.get(1)?);
        let facts = row.get_ref(2)?.as_bytes_or_null()?;
        Ok(Self { shop_id: shop_id.unsigned_abs(), counter: counter.unsigned_abs(), facts })
    }
}

const ONE: &str = "SELECT shop_id, counter, facts FROM sections WHERE shop_id = ?1";
const MANY: &str =
    "SELECT shop_id, counter, facts FROM sections WHERE shop_id > ?1 ORDER BY shop_id LIMIT ?2";
const CHANGES: &str =
    "SELECT shop_id, counter, committed_at_us FROM sections WHERE counter > ?1 ORDER BY counter LIMIT ?2";

/// Everything that answers of one snapshot have in common.
struct Snapshot<'a> {
    connection: &'a Connection,
    writer: Writer,
    state: State,
}

/// Runs a read in a transaction of its own.
fn in_snapshot<T>(
    database: &ReadOnly,
    read: impl FnOnce(&Snapshot<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = database.connection.unchecked_transaction()?;
    let state = State::read(&transaction)?;
    read(&Snapshot { connection: &transaction, writer: database.writer, state })
}

/// `GET /v1/sections/{id}`
pub(crate) fn section(database: &ReadOnly, shop_id: ShopId) -> rusqlite::Result<Vec<u8>> {
    in_snapshot(database, |snapshot| {
        let mut out = Vec::new();
        snapshot.find(shop_id, &mut out)?;
        Ok(out)
    })
}

/// `GET /v1/sections?ids=`
pub(crate) fn sections(database: &ReadOnly, shop_ids: &[ShopId]) -> rusqlite::Result<Vec<u8>> {
    in_snapshot(database, |snapshot| {
        let mut out = snapshot.begin("sections");
        for (index, shop_id) in shop_ids.iter().enumerate() {
            separate(index, &mut out);
            snapshot.find(*shop_id, &mut out)?;
        }
        out.extend_from_slice(b"]}");
        Ok(out)
    })
}

/// `GET /v1/sections?page_after=&limit=`
pub(crate) fn page(database: &ReadOnly, after: Option<ShopId>, limit: usize) -> rusqlite::Result<Vec<u8>> {
    in_snapshot(database, |snapshot| {
        let mut out = snapshot.begin("sections");
        let after = after.map_or(0, |after| i64::try_from(after.get()).unwrap_or(i64::MAX));
        let mut select = snapshot.connection.prepare_cached(MANY)?;
        // One more than asked tells whether there is another page.
        let mut rows = select.query([after, i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)])?;
        let (mut count, mut last) = (0, None);
        let mut is_last_page = true;
        while let Some(row) = rows.next()? {
            if count == limit || out.len() > PAGE_BYTES_USUAL_MAX {
                is_last_page = false;
                break;
            }
            let stored = Stored::of(row)?;
            separate(count, &mut out);
            last = Some(stored.shop_id);
            snapshot.write(&stored, &mut out);
            count += 1;
        }
        match last.filter(|_| !is_last_page) {
            Some(last) => write(&mut out, format_args!("],\"next_page_after\":\"{last}\"}}")),
            None => out.extend_from_slice(b"],\"next_page_after\":null}"),
        }
        Ok(out)
    })
}

/// `GET /v1/changes?after=&limit=`. A shop stands at its newest commit only: that is the one to ask for.
pub(crate) fn changes(
    database: &ReadOnly,
    after: Revision,
    limit: usize,
) -> rusqlite::Result<Result<Vec<u8>, Expired>> {
    in_snapshot(database, |snapshot| {
        let newest = snapshot.state.revision();
        if after > newest {
            return Ok(Err(Expired::Ahead { newest }));
        }
        if after != Revision::ZERO && after.epoch < newest.epoch {
            return Ok(Err(Expired::OlderEpoch { newest }));
        }
        let mut out = snapshot.begin("changes");
        let mut select = snapshot.connection.prepare_cached(CHANGES)?;
        let limit_and_one = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let mut rows = select.query([after.counter.cast_signed(), limit_and_one])?;
        let (mut count, mut cursor, mut has_more) = (0, newest, false);
        while let Some(row) = rows.next()? {
            if count == limit {
                has_more = true;
                break;
            }
            let (shop_id, counter, time): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            cursor = Revision::new(newest.epoch, counter.unsigned_abs());
            separate(count, &mut out);
            // Written from a timestamp, so it is in the range of one.
            let time = Timestamp::from_microsecond(time).unwrap_or_default();
            let change =
                format_args!("{{\"shop_id\":\"{shop_id}\",\"revision\":\"{cursor}\",\"time\":\"{time}\"}}");
            write(&mut out, change);
            count += 1;
        }
        let next = if has_more { cursor } else { newest };
        write(&mut out, format_args!("],\"next_cursor\":\"{next}\",\"has_more\":{has_more}}}"));
        Ok(Ok(out))
    })
}

/// `GET /v1/shops/{id}` and its like: for the owner, with the token to ask a read side for.
pub(crate) fn owned(database: &ReadOnly, shop_id: ShopId) -> rusqlite::Result<Owned> {
    in_snapshot(database, |snapshot| {
        snapshot.stored(shop_id, |stored| {
            let Some(stored) = stored else { return Owned::Unknown };
            let Some(facts) = stored.facts else { return Owned::Removed };
            let (writer, revision) = (snapshot.writer, snapshot.revision(stored.counter));
            let mut out = Vec::with_capacity(facts.len() + 200);
            let head = format_args!(
                "{{\"shop_id\":\"{shop_id}\",\"revision\":\"{revision}\",\"revision_token\":\"{writer}:{revision}\",\"facts\":"
            );
            write(&mut out, head);
            out.extend_from_slice(facts);
            out.push(b'}');
            Owned::Present(out)
        })
    })
}

impl Snapshot<'_> {
    fn revision(&self, counter: u64) -> Revision {
        Revision::new(self.state.epoch, counter)
    }

    fn begin(&self, list: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(4_096);
        let as_of = self.state.revision();
        write(&mut out, format_args!("{{\"as_of_sequence\":\"{as_of}\",\"{list}\":["));
        out
    }

    fn stored<T>(&self, shop_id: ShopId, read: impl FnOnce(Option<Stored<'_>>) -> T) -> rusqlite::Result<T> {
        // No larger ID was ever taken.
        let Ok(id) = i64::try_from(shop_id.get()) else { return Ok(read(None)) };
        let mut select = self.connection.prepare_cached(ONE)?;
        let mut rows = select.query([id])?;
        let row = rows.next()?;
        Ok(read(row.map(Stored::of).transpose()?))
    }

    fn find(&self, shop_id: ShopId, out: &mut Vec<u8>) -> rusqlite::Result<()> {
        self.stored(shop_id, |stored| match stored {
            Some(stored) => self.write(&stored, out),
            None => {
                let (writer, as_of) = (self.writer, self.state.revision());
                let nothing = format_args!(
                    "{{\"shop_id\":\"{shop_id}\",\"writer\":\"{writer}\",\"revision\":\"{}\",\"as_of_sequence\":\"{as_of}\",\"state\":\"nothing\"}}",
                    Revision::ZERO
                );
                write(out, nothing);
            }
        })
    }

    fn write(&self, stored: &Stored<'_>, out: &mut Vec<u8>) {
        let (shop_id, writer, as_of) = (stored.shop_id, self.writer, self.state.revision());
        let revision = self.revision(stored.counter);
        let head = format_args!(
            "{{\"shop_id\":\"{shop_id}\",\"writer\":\"{writer}\",\"revision\":\"{revision}\",\"as_of_sequence\":\"{as_of}\",\"state\":"
        );
        write(out, head);
        match stored.facts {
            Some(facts) => {
                out.extend_from_slice(b"\"present\",\"facts\":");
                out.extend_from_slice(facts);
                out.push(b'}');
            }
            // Only the shop writer's "gone" makes a tombstone.
            None if self.writer == Writer::Shop => out.extend_from_slice(b"\"gone\"}"),
            None => out.extend_from_slice(b"\"nothing\"}"),
        }
    }
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing into memory cannot fail.
    drop(out.write_fmt(text));
}

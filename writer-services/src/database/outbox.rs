//! What was committed and is to be announced: rows of the same commit.

use change_events::ChangeEvent;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use shop_id::{Revision, ShopId, Writer};

use super::file::ReadOnly;

/// One row: the counter it was committed under, and the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) counter: u64,
    pub(crate) event: ChangeEvent,
}

const AGGREGATE_TYPE: &str = "shop";
const EVENT_TYPE: &str = "shopfront.shop.changed";

pub(super) fn insert(
    connection: &Connection,
    writer: Writer,
    shop_id: ShopId,
    revision: Revision,
    time: Timestamp,
) -> rusqlite::Result<()> {
    let id = format!("{writer}-{revision}");
    let event = ChangeEvent { id, source: writer, subject: shop_id, time, sequence: revision };
    let insert = "INSERT INTO outbox (sequence, id, aggregatetype, aggregateid, type, payload, time)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = connection.prepare_cached(insert)?;
    insert.execute(params![
        revision.counter.cast_signed(),
        event.id,
        AGGREGATE_TYPE,
        shop_id.to_string(),
        EVENT_TYPE,
        event.to_json(),
        time.to_string()
    ])?;
    Ok(())
}

/// Counters are dense, so that this is also how a number of rows is kept. Returns how many there were.
pub(super) fn delete_up_to(connection: &Connection, counter: u64) -> rusqlite::Result<u64> {
    let mut delete = connection.prepare_cached("DELETE FROM outbox WHERE sequence <= ?1")?;
    let deleted = delete.execute([counter.cast_signed()])?;
    Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
}

impl ReadOnly {
    /// What is to be announced after this counter, in commit order.
    pub(crate) fn outbox(&self, after: u64, limit: usize) -> rusqlite::Result<Vec<Announcement>> {
        let select = "SELECT sequence, payload FROM outbox WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
        let mut select = self.connection.prepare_cached(select)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select.query_map([after.cast_signed(), limit], |row| {
            let (counter, payload): (i64, String) = (row.get(0)?, row.get(1)?);
            let event = ChangeEvent::from_json(&payload).map_err(|unusable| {
                rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(unusable))
            })?;
            Ok(Announcement { counter: counter.unsigned_abs(), event })
        })?;
        rows.collect()
    }

    /// The counter before the first waiting announcement.
    pub(crate) fn announced(&self) -> rusqlite::Result<u64> {
        let select = "SELECT coalesce((SELECT min(sequence) - 1 FROM outbox), (SELECT counter FROM writer))";
        let announced: i64 = self.connection.query_row(select, [], |row| row.get(0))?;
        Ok(announced.unsigned_abs())
    }
}

//! Shards -> heads, entries, scans.

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::Value;
use shop_document::ListPart;
use shop_id::ShopId;

use super::failed::Failed;
use super::reader::Store;
use super::values::{self, list, text};
use crate::{LogEntry, LogPage, Position, Positions, Scan, StoreError, Stored, log_entry};

/// List parts of one command of a scan: some 200 kB, so that the server gets to others in between.
const SCANNED_AT_ONCE: usize = 100;
/// Such commands in flight.
const SCANS_IN_FLIGHT: usize = 4;
/// Entries of one command: some 160 kB.
const ENTRIES_MAX: usize = 1_000;

/// A stream's own ID is the position.
fn stream_id(position: Position) -> String {
    format!("{}-{}", position.activation, position.sequence)
}

/// `[id, [b"e", bytes]]`
fn entry(item: Value) -> Option<LogEntry> {
    let [id, Value::Array(fields)] = &list(item)[..] else { return None };
    let id = text(id)?;
    let (activation, sequence) = id.split_once('-')?;
    let position = Position { activation: activation.parse().ok()?, sequence: sequence.parse().ok()? };
    let [_, Value::BulkString(bytes)] = &fields[..] else { return None };
    log_entry::decode(position, bytes)
}

impl Store {
    pub(super) async fn head(&self) -> Result<Positions, StoreError> {
        let metas = self.metas().await?;
        self.identity_of(&metas)?;
        Ok(Positions(metas.iter().filter_map(super::meta::Meta::head).collect()))
    }

    fn trimmed(&self, shard: u16, oldest: Position) -> StoreError {
        StoreError::Trimmed { store: self.name.clone(), shard, oldest }
    }

    /// Entries from one position on, oldest first; `None` where something is stored that is no entry.
    pub(super) async fn entries(
        &self,
        shard: u16,
        from: Position,
        count: usize,
    ) -> Result<Vec<Option<LogEntry>>, StoreError> {
        let mut command = redis::cmd("XRANGE");
        command.arg(self.keys.log(shard)).arg(stream_id(from)).arg("+").arg("COUNT").arg(count);
        let found = self.rest.ask(self.keys.slot(shard), &command).await;
        let found = found.map_err(|failed| failed.told(&self.name))?;
        Ok(list(found).into_iter().map(entry).collect())
    }

    pub(super) async fn read_log(
        &self,
        shard: u16,
        after: Position,
        entries_max: usize,
    ) -> Result<LogPage, StoreError> {
        let wanted = entries_max.clamp(1, ENTRIES_MAX);
        let mut found = self.entries(shard, after.next(), wanted + 1).await?;
        if !found.first().is_some_and(|first| is_behind(first.as_ref(), after)) {
            // Nothing new, trimmed, or of another activation; a save may have come since.
            let head = self.meta(shard).await.map_err(|failed| failed.told(&self.name))?.head();
            let Some(head) = head else {
                let reason = format!("shard {shard} of its log is not there, or was flushed");
                return Err(StoreError::Unavailable { store: self.name.clone(), reason });
            };
            if head == after {
                return Ok(LogPage { entries: Vec::new(), next: after, has_more: false });
            }
            found = self.entries(shard, after.next(), wanted + 1).await?;
            if !found.first().is_some_and(|first| is_behind(first.as_ref(), after)) {
                let oldest = found.into_iter().flatten().next().map_or(head, |first| first.position);
                return Err(self.trimmed(shard, oldest));
            }
        }
        let mut page = LogPage { entries: Vec::new(), next: after, has_more: found.len() > wanted };
        for entry in found.into_iter().take(wanted) {
            // A gap, or bytes that are no entry: the next read begins there, and says so.
            let Some(entry) = entry.filter(|entry| entry.position == page.next.next()) else {
                page.has_more = true;
                break;
            };
            page.next = entry.position;
            page.entries.push(entry);
        }
        Ok(page)
    }

    /// All list parts after a shop: the smallest IDs of all shards, then what stands behind them.
    pub(super) async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        let shards = 0..self.keys.shards();
        let found = try_join_all(shards.map(|shard| self.ids_after(shard, after, shops_max))).await?;
        let mut shop_ids: Vec<ShopId> = found.into_iter().flatten().collect();
        shop_ids.sort_unstable();
        let has_more = shop_ids.len() > shops_max;
        shop_ids.truncate(shops_max);
        let next = if has_more { shop_ids.last().copied() } else { None };
        // By node, so that one command asks for many.
        shop_ids.sort_by_key(|shop_id| (self.neighbourhood(*shop_id), *shop_id));
        let mut groups: Vec<Vec<ShopId>> = Vec::new();
        for of_one in shop_ids.chunk_by(|one, other| self.neighbourhood(*one) == self.neighbourhood(*other)) {
            groups.extend(of_one.chunks(SCANNED_AT_ONCE).map(<[ShopId]>::to_vec));
        }
        let parts: Vec<Vec<(ShopId, Option<Stored<ListPart>>)>> = stream::iter(groups)
            .map(|group| self.scanned(group))
            .buffered(SCANS_IN_FLIGHT)
            .try_collect()
            .await
            .map_err(|failed: Failed| failed.told(&self.name))?;
        let mut scan = Scan { next, ..Scan::default() };
        for (shop_id, stored) in parts.into_iter().flatten() {
            match stored {
                Some(stored) => scan.shops.push((shop_id, stored)),
                None => scan.unreadable.push(shop_id),
            }
        }
        scan.shops.sort_by_key(|(shop_id, _)| *shop_id);
        scan.unreadable.sort_unstable();
        Ok(scan)
    }

    /// One more than asked for where there is one more. A shard that was lost has no IDs either, which must not pass for
    /// a shard without shops.
    async fn ids_after(
        &self,
        shard: u16,
        after: Option<ShopId>,
        count: usize,
    ) -> Result<Vec<ShopId>, StoreError> {
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(self.keys.ids(shard));
        match after {
            Some(after) => command.arg([b"(".as_slice(), &after.get().to_be_bytes()].concat()),
            None => command.arg("-"),
        };
        command.arg("+").arg("LIMIT").arg(0).arg(count + 1);
        let found = self.rest.ask(self.keys.slot(shard), &command).await;
        let found = list(found.map_err(|failed| failed.told(&self.name))?);
        if found.is_empty() {
            self.is_there(shard).await?;
        }
        let shop_id = |member: Value| {
            let Value::BulkString(bytes) = member else { return None };
            ShopId::new(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        Ok(found.into_iter().filter_map(shop_id).collect())
    }

    /// `None` where the bytes are no document, or something else stands in its place.
    async fn scanned(
        &self,
        shop_ids: Vec<ShopId>,
    ) -> Result<Vec<(ShopId, Option<Stored<ListPart>>)>, Failed> {
        let Some(first) = shop_ids.first() else { return Ok(Vec::new()) };
        let mut command = redis::cmd("MGET");
        for shop_id in &shop_ids {
            command.arg(self.keys.list(*shop_id));
        }
        let found = self.rest.ask(self.keys.slot(self.keys.shard_of(*first)), &command).await?;
        let stored = |(shop_id, value): (&ShopId, Value)| match value {
            Value::BulkString(bytes) => (*shop_id, values::stored::<ListPart>(*shop_id, bytes).ok()),
            _ => (*shop_id, None),
        };
        Ok(shop_ids.iter().zip(list(found)).map(stored).collect())
    }
}

fn is_behind(first: Option<&LogEntry>, after: Position) -> bool {
    first.is_some_and(|first| first.position == after.next())
}

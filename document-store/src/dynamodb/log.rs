//! Shards -> entries, and all shops in ascending order.

use aws_sdk_dynamodb::operation::query::QueryOutput;
use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shop_document::ListPart;
use shop_id::ShopId;

use super::ask::Store;
use super::failed::Failed;
use super::items::{Item, Key, Kind, binary, list_partition, log_partition, take_data};
use crate::part;
use crate::{LogEntry, LogPage, Position, Scan, StoreError, log_entry};

/// Entries of one query: it ends at 1 MB in any case.
const ENTRIES_MAX: usize = 1_000;
/// Parts in pieces that a scan puts together at once.
const PIECES_IN_FLIGHT: usize = 8;

/// An entry where an item is one.
pub(super) fn entry(mut item: Item) -> Option<LogEntry> {
    let position = Position::from_bytes(&Key::of(&item)?.s)?;
    log_entry::decode(position, &take_data(&mut item)?)
}

/// A page of one partition.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) has_more: bool,
}

impl Store {
    fn trimmed(&self, shard: u16, oldest: Position) -> StoreError {
        StoreError::Trimmed { store: self.name.clone(), shard, oldest }
    }

    /// Items of one partition from a sort key on, at most so many, in ascending order.
    pub(super) async fn page(&self, p: &str, from: &[u8], items_max: usize) -> Result<Page, Failed> {
        let query = self
            .client
            .query()
            .table_name(&self.address.table)
            .key_condition_expression("p = :p AND s >= :s")
            .expression_attribute_values(":p", aws_sdk_dynamodb::types::AttributeValue::S(p.to_owned()))
            .expression_attribute_values(":s", binary(from))
            .consistent_read(true)
            .limit(i32::try_from(items_max.max(1)).unwrap_or(i32::MAX));
        let QueryOutput { items, last_evaluated_key, .. } =
            self.call("Query", self.deadline(), || query.clone().send()).await?;
        Ok(Page { items: items.unwrap_or_default(), has_more: last_evaluated_key.is_some() })
    }

    /// Entries from one position on, oldest first; `None` where something is stored that is no entry.
    pub(super) async fn entries(
        &self,
        shard: u16,
        from: Position,
        count: usize,
    ) -> Result<(Vec<Option<LogEntry>>, bool), StoreError> {
        let page = self.page(&log_partition(shard), &from.to_bytes(), count).await;
        let page = page.map_err(|failed| failed.told(&self.name))?;
        Ok((page.items.into_iter().map(entry).collect(), page.has_more))
    }

    pub(super) async fn read_log(
        &self,
        shard: u16,
        after: Position,
        entries_max: usize,
    ) -> Result<LogPage, StoreError> {
        let wanted = entries_max.clamp(1, ENTRIES_MAX);
        let (mut found, mut has_more) = self.entries(shard, after.next(), wanted).await?;
        if !is_behind(&found, after) {
            // Nothing new, trimmed, or of another activation; a save may have come since.
            let head = self.head_of(shard).await.map_err(|failed| failed.told(&self.name))?;
            let Some(head) = head else { return Err(self.absent()) };
            if head == after {
                return Ok(LogPage { entries: Vec::new(), next: after, has_more: false });
            }
            (found, has_more) = self.entries(shard, after.next(), wanted).await?;
            if !is_behind(&found, after) {
                let oldest = found.into_iter().flatten().next().map_or(head, |first| first.position);
                return Err(self.trimmed(shard, oldest));
            }
        }
        let mut page = LogPage { entries: Vec::new(), next: after, has_more };
        for entry in found {
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

    /// All list parts after a shop. IDs are spread over the shards, so each is asked for its share, and what is known of all
    /// of them is answered: up to the smallest ID at which one of them breaks off.
    pub(super) async fn scan(&self, after: Option<ShopId>, shops_max: usize) -> Result<Scan, StoreError> {
        let Some(from) = after.map_or(Some(0), |after| after.get().checked_add(1)) else {
            return Ok(Scan::default());
        };
        // A few more than the share, since IDs have gaps.
        let share = (shops_max / usize::from(self.shards)).saturating_add(8);
        let pages = (0..self.shards)
            .map(|shard| async move { self.page(&list_partition(shard), &from.to_be_bytes(), share).await });
        let pages = try_join_all(pages).await.map_err(|failed| failed.told(&self.name))?;
        if pages.iter().any(|page| page.items.is_empty()) {
            // A table that was created anew has no shops either.
            self.believes(&(0..self.shards).collect()).await?;
        }
        let mut end: Option<ShopId> = None;
        let mut found: Vec<(ShopId, Item)> = Vec::new();
        for Page { items, has_more } in pages {
            let shops = items.into_iter().filter_map(|item| Some((Key::of(&item)?.shop_id()?, item)));
            found.extend(shops);
            if has_more && let Some((last, _)) = found.last() {
                end = Some(end.map_or(*last, |end| end.min(*last)));
            }
        }
        found.sort_unstable_by_key(|(shop_id, _)| *shop_id);
        found.retain(|(shop_id, _)| end.is_none_or(|end| *shop_id <= end));
        if found.len() > shops_max {
            found.truncate(shops_max);
            end = found.last().map(|(shop_id, _)| *shop_id);
        }
        self.scanned(found, end).await
    }

    async fn scanned(&self, found: Vec<(ShopId, Item)>, next: Option<ShopId>) -> Result<Scan, StoreError> {
        let deadline = self.deadline();
        let parts = found.into_iter().map(|(shop_id, item)| async move {
            let whole = self.whole(Kind::List, shop_id, item, deadline).await;
            let stored =
                whole.and_then(|(position, bytes)| part::stored::<ListPart>(shop_id, position, bytes));
            match stored {
                Ok(stored) => Ok((shop_id, Some(stored))),
                Err(StoreError::Corrupt { .. }) => Ok((shop_id, None)),
                Err(error) => Err(error),
            }
        });
        let parts: Vec<_> = stream::iter(parts).buffered(PIECES_IN_FLIGHT).try_collect().await?;
        let mut scan = Scan { next, ..Scan::default() };
        for (shop_id, stored) in parts {
            match stored {
                Some(stored) => scan.shops.push((shop_id, stored)),
                None => scan.unreadable.push(shop_id),
            }
        }
        Ok(scan)
    }
}

fn is_behind(found: &[Option<LogEntry>], after: Position) -> bool {
    found.first().and_then(Option::as_ref).is_some_and(|first| first.position == after.next())
}

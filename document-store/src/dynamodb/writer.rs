//! Writes, and reads what it wrote. Several of them do each other no harm.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::ask::{Store, pause};
use super::failed::{Failed, Kind};
use super::group::{Group, Job};
use super::items::{Key, number};
use super::meta::SHARDS_MAX;
use super::reader::DynamoDbReader;
use crate::address::DynamoDbAddress;
use crate::traits::begun_anew;
use crate::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, KeptLog, LogEntry, LogPage, Lookup, Position,
    Positions, Projected, Put, Scan, StoreError, WriterContact,
};

/// Updates that wait for one shard; more wait in front of it.
const WAITING_MAX: usize = 256;
/// Entries looked at, and dropped, at once.
const TRIMMED_MAX: usize = 1_000;
/// Deletions of one `BatchWriteItem`.
const DELETED_AT_ONCE: usize = 25;

/// See the module.
#[derive(Debug)]
pub struct DynamoDbWriter {
    reader: DynamoDbReader,
    /// One for each shard.
    groups: Vec<mpsc::Sender<Job>>,
}

impl DynamoDbWriter {
    /// Opens a store, or creates one in a table that is there (with `create=true` in one that is not).
    ///
    /// # Errors
    /// `Unavailable` while the table is not there yet (transient); `Unusable` where the role may not, there are no
    /// credentials, or the table holds something else.
    pub async fn open(address: &DynamoDbAddress) -> Result<Self, StoreError> {
        let mut store = Store::connect(address, true).await;
        store.table_id().await?;
        if let Some(meta) = store.meta().await? {
            store.shards = meta.shards.clamp(1, SHARDS_MAX);
        }
        store.look().await?;
        let store = Arc::new(store);
        let group = |shard| {
            let (jobs, waiting) = mpsc::channel(WAITING_MAX);
            // Ends when the writer is dropped and what waits is saved.
            tokio::spawn(Group { store: Arc::clone(&store), shard, head: None }.run(waiting));
            jobs
        };
        let groups = (0..store.shards).map(group).collect();
        Ok(Self { reader: DynamoDbReader { store }, groups })
    }

    /// The reading half, for those who only look.
    #[must_use]
    pub const fn reader(&self) -> &DynamoDbReader {
        &self.reader
    }

    const fn store(&self) -> &Arc<Store> {
        &self.reader.store
    }

    fn stopped(&self) -> StoreError {
        self.store().unavailable("its writing task ended")
    }

    async fn trim_shard(&self, shard: u16, kept: KeptLog) -> Result<u64, StoreError> {
        let store = self.store();
        let head = store.head_of(shard).await.map_err(|failed| failed.told(&store.name))?;
        let Some(head) = head else { return Err(store.absent()) };
        let first = kept.first(head, store.shards);
        let (oldest, _) = store.entries(shard, Position::default(), TRIMMED_MAX).await?;
        let stays = |entry: &LogEntry| entry.position >= first && entry.saved_at >= kept.since;
        // Oldest first, so that what is left has no gaps.
        let old = oldest.into_iter().flatten().take_while(|entry| !stays(entry));
        let old: Vec<Position> = old.map(|entry| entry.position).collect();
        for some in old.chunks(DELETED_AT_ONCE) {
            self.delete(shard, some).await.map_err(|failed| failed.told(&store.name))?;
        }
        Ok(u64::try_from(old.len()).unwrap_or(0))
    }

    async fn delete(&self, shard: u16, positions: &[Position]) -> Result<(), Failed> {
        let (store, table) = (self.store(), &self.store().address.table);
        let delete = |position: &Position| {
            let key = Key::logged(shard, *position).attributes();
            let request = DeleteRequest::builder().set_key(Some(key)).build().ok()?;
            Some(WriteRequest::builder().delete_request(request).build())
        };
        let mut left: Vec<WriteRequest> = positions.iter().filter_map(delete).collect();
        let (deadline, mut turn) = (store.deadline(), 0);
        loop {
            let ask = || {
                let requests = HashMap::from([(table.clone(), left.clone())]);
                store.client.batch_write_item().set_request_items(Some(requests)).send()
            };
            let answer = store.call("BatchWriteItem", deadline, ask).await?;
            left = answer.unprocessed_items.unwrap_or_default().remove(table).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            let again = Instant::now() + pause(turn);
            if again >= deadline {
                let said = format!("dynamodb:BatchWriteItem: {} deletions were left unprocessed", left.len());
                return Err(Failed::Said { kind: Kind::Throttled, said });
            }
            tokio::time::sleep_until(again).await;
            turn += 1;
        }
    }
}

impl DocumentReader for DynamoDbWriter {
    /// Looks which table it is, too: where saves may be lost, this is how a quiet writer learns of it.
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.store().look().await
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

impl ChangeLog for DynamoDbWriter {
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

impl DocumentWriter for DynamoDbWriter {
    async fn update(
        &self,
        shop_id: ShopId,
        projection: impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static,
    ) -> Result<Put, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job { shop_id, projection: Box::new(projection), reply };
        let group = &self.groups[usize::from(self.store().shard_of(shop_id)) % self.groups.len()];
        group.send(job).await.map_err(|_| self.stopped())?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    async fn record_heard(&self, writer: Writer, at: Timestamp) -> Result<(), StoreError> {
        if !Writer::OF_THE_DOCUMENT.contains(&writer) {
            return Ok(());
        }
        let name = format!("heard_{writer}");
        let update = self
            .store()
            .update_meta()
            .update_expression(format!("SET {name} = :heard"))
            .condition_expression(format!(
                "attribute_exists(p) AND (attribute_not_exists({name}) OR {name} < :heard)"
            ))
            .expression_attribute_values(":heard", number(&at.as_microsecond()));
        if self.store().updated(update).await? {
            return Ok(());
        }
        // It was heard later than that, or there is no store.
        self.store().meta().await?.map(drop).ok_or_else(|| self.store().absent())
    }

    async fn save_cursor(&self, writer: Writer, cursor: Revision) -> Result<(), StoreError> {
        let name = format!("cursor_{writer}");
        // Where the cursor was forgotten, one that goes on from it covers what may be lost.
        let held = if cursor == Revision::ZERO { "p" } else { &name };
        let update = self
            .store()
            .update_meta()
            .update_expression(format!("SET {name} = :cursor"))
            .condition_expression(format!("attribute_exists({held})"))
            .expression_attribute_values(
                ":cursor",
                AttributeValue::S(format!("{}-{}", cursor.epoch, cursor.counter)),
            );
        if self.store().updated(update).await? {
            return Ok(());
        }
        let reason = "saves may be lost: its cursors were forgotten, and a full resync has to begin first";
        Err(self.store().unavailable(reason))
    }

    async fn mark_complete(&self, activation: u32) -> Result<(), StoreError> {
        let update = self
            .store()
            .update_meta()
            .update_expression("SET is_complete = :complete")
            .condition_expression("store_activation = :activation")
            .expression_attribute_values(":complete", AttributeValue::Bool(true))
            .expression_attribute_values(":activation", number(&activation));
        if self.store().updated(update).await? {
            return Ok(());
        }
        Err(begun_anew(&self.store().name, activation))
    }

    async fn trim(&self, kept: KeptLog) -> Result<u64, StoreError> {
        let mut trimmed = 0;
        for shard in 0..self.store().shards {
            loop {
                let some = self.trim_shard(shard, kept).await?;
                trimmed += some;
                if some == 0 {
                    break;
                }
            }
        }
        Ok(trimmed)
    }
}

//! Writes, and reads what it wrote. Several of them do each other no harm.

use std::sync::Arc;

use jiff::Timestamp;
use redis::Value;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};

use super::failed::Failed;
use super::fence::{Fence, Noted, note};
use super::link::Link;
use super::reader::{RedisReader, Store};
use super::scripts::{Condition, Scripts};
use super::values::{held, list};
use crate::address::RedisAddress;
use crate::plan_save::{PlannedSave, plan_save};
use crate::traits::begun_anew;
use crate::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, KeptLog, LogEntry, LogPage, Lookup, Position,
    Positions, Projected, Put, Scan, StoreError, WriterContact,
};

/// Of so many updates of one shop at the same time each gets its turn.
const TURNS_MAX: u32 = 512;
/// Entries looked at, and dropped, at once.
const TRIMMED_MAX: usize = 1_000;

/// See the module.
#[derive(Debug)]
pub struct RedisWriter {
    reader: RedisReader,
    fence: Fence,
    /// For saves and the `WAIT` behind each, which counts what went over its own connection and holds up all that follows.
    saves: Link,
}

impl RedisWriter {
    /// Opens or creates a store.
    ///
    /// # Errors
    /// `Unavailable` while the server is not there yet (transient); `Unusable` for a server that may evict documents,
    /// refuses the user, or holds something else; `Full`.
    pub async fn open(address: &RedisAddress) -> Result<Self, StoreError> {
        let store = Store::connect(address, true).await?;
        let reader = RedisReader { store: Arc::new(store) };
        let saves = reader.store.another_link();
        let writer = Self { reader, fence: Fence::default(), saves };
        writer.fence.look(writer.store()).await?;
        Ok(writer)
    }

    const fn store(&self) -> &Arc<Store> {
        &self.reader.store
    }

    /// Names the size that is used up.
    async fn told(&self, failed: Failed) -> StoreError {
        let store = self.store();
        if failed.code() != Some("OOM") {
            return failed.told(&store.name);
        }
        let bytes = store.info(0).await.map(|info| info.maxmemory_bytes);
        let at = bytes.map(|bytes| format!(" at `{bytes}` bytes")).unwrap_or_default();
        let reason = format!("`maxmemory` is used up{at}; raise it, or lower `log_entries_max`");
        StoreError::Full { store: store.name.clone(), reason }
    }

    async fn held(&self, shop_id: ShopId) -> Result<(Lookup<ShopDocument>, Vec<u8>), StoreError> {
        let store = self.store();
        let mut command = redis::cmd("MGET");
        command.arg(store.keys.list(shop_id)).arg(store.keys.detail(shop_id));
        let answer = store.front.ask(store.keys.slot(store.keys.shard_of(shop_id)), &command).await;
        let mut parts = list(answer.map_err(|failed| failed.told(&store.name))?).into_iter();
        let (list, detail) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Ok(held(shop_id, list, detail))
    }

    /// The sequence; 0: another save came between; -1: another activation.
    async fn save(
        &self,
        scripts: &Scripts,
        shop_id: ShopId,
        compared: &[u8],
        document: &ShopDocument,
        logged: &[u8],
    ) -> Result<i64, Failed> {
        let store = self.store();
        let (keys, shard) = (&store.keys, store.keys.shard_of(shop_id));
        let (list, detail) = (document.list.bytes(), document.detail.bytes());
        let mut command = redis::Cmd::with_capacity(13, list.len() + detail.len() + logged.len() + 400);
        command.arg("EVALSHA").arg(&scripts.save.hash).arg(5);
        command.arg(keys.meta(shard)).arg(keys.list(shop_id)).arg(keys.detail(shop_id));
        command.arg(keys.log(shard)).arg(keys.ids(shard));
        command.arg(scripts.activation).arg(compared).arg(&list[..]).arg(&detail[..]).arg(logged);
        command.arg(shop_id.get().to_be_bytes().as_slice());
        match self.saves.ask(keys.slot(shard), &command).await {
            Ok(Value::Int(sequence)) => Ok(sequence),
            Ok(_) => Ok(0),
            Err(failed) if failed.is_no_script() => Ok(-1),
            Err(failed) => Err(failed),
        }
    }

    /// Until enough replicas have all that was saved over this connection.
    async fn replicated(&self, shop_id: ShopId) -> Result<(), StoreError> {
        let (store, wanted) = (self.store(), self.store().address.wait_replicas);
        if wanted == 0 {
            return Ok(());
        }
        let waited = store.address.patience / 2;
        let mut command = redis::cmd("WAIT");
        command.arg(wanted).arg(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX).max(1));
        let answer = self.saves.ask(store.keys.slot(store.keys.shard_of(shop_id)), &command).await;
        match answer.map_err(|failed| failed.told(&store.name))? {
            Value::Int(replicas) if replicas >= i64::from(wanted) => Ok(()),
            answer => {
                let replicas = if let Value::Int(replicas) = answer { replicas } else { 0 };
                let waited_ms = waited.as_millis();
                let reason = format!(
                    "only {replicas} of {wanted} replicas had a save within {waited_ms} ms; `wait_replicas` asks for that"
                );
                Err(StoreError::Unavailable { store: store.name.clone(), reason })
            }
        }
    }

    /// One field of a shard's `meta`, under this activation or, without one, whichever it is by then.
    async fn noted(
        &self,
        shard: u16,
        field: (&str, &str),
        condition: Condition,
        activation: Option<u32>,
    ) -> Result<(), StoreError> {
        for _ in 0..TURNS_MAX {
            let scripts = self.fence.scripts(self.store()).await?;
            if let Some(activation) = activation.filter(|activation| *activation != scripts.activation) {
                return Err(begun_anew(&self.store().name, activation));
            }
            match note(self.store(), shard, &scripts, field, condition).await {
                Ok(Noted::Done) => return Ok(()),
                Ok(Noted::NothingHeld) => return Err(self.forgotten()),
                Ok(Noted::Fenced) => self.fence.look_past(self.store(), &scripts).await?,
                Err(failed) => return Err(self.told(failed).await),
            }
        }
        Err(self.too_many())
    }

    /// A cursor that goes on from one that was forgotten covers what may be lost.
    fn forgotten(&self) -> StoreError {
        let reason =
            "saves may be lost: its cursors were forgotten, and a full resync has to begin first".to_owned();
        StoreError::Unavailable { store: self.store().name.clone(), reason }
    }

    fn too_many(&self) -> StoreError {
        let reason = format!("other saves came between {TURNS_MAX} times");
        StoreError::Unavailable { store: self.store().name.clone(), reason }
    }

    async fn trim_shard(&self, shard: u16, kept: KeptLog) -> Result<u64, StoreError> {
        let store = self.store();
        let meta = store.meta(shard).await.map_err(|failed| failed.told(&store.name))?;
        let Some(head) = meta.head() else { return Ok(0) };
        let first = kept.first(head, store.keys.shards());
        let oldest = store.entries(shard, Position::default(), TRIMMED_MAX).await?;
        let stays = |entry: &LogEntry| entry.position >= first && entry.saved_at >= kept.since;
        let mut known = oldest.iter().flatten();
        // Saves only add at the other end.
        let keep_from = match (known.clone().find(|entry| stays(entry)), known.next_back()) {
            (Some(young), _) => young.position,
            (None, Some(last)) => last.position.next(),
            (None, None) => return Ok(0),
        };
        let mut command = redis::cmd("XTRIM");
        command.arg(store.keys.log(shard)).arg("MINID");
        command.arg(format!("{}-{}", keep_from.activation, keep_from.sequence));
        match store.front.ask(store.keys.slot(shard), &command).await {
            Ok(Value::Int(trimmed)) => Ok(u64::try_from(trimmed).unwrap_or(0)),
            Ok(_) => Ok(0),
            Err(failed) => Err(failed.told(&store.name)),
        }
    }
}

impl DocumentReader for RedisWriter {
    /// Looks who serves the store, too: where saves may be lost, this is how a quiet writer learns of it.
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.fence.look(self.store()).await
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

    fn neighbourhood(&self, shop_id: ShopId) -> u16 {
        self.reader.neighbourhood(shop_id)
    }
}

impl ChangeLog for RedisWriter {
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

impl DocumentWriter for RedisWriter {
    async fn update(
        &self,
        shop_id: ShopId,
        projection: impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static,
    ) -> Result<Put, StoreError> {
        for _ in 0..TURNS_MAX {
            let scripts = self.fence.scripts(self.store()).await?;
            let (held, compared) = self.held(shop_id).await?;
            let Some(PlannedSave { document, entry }) = plan_save(shop_id, &held, &projection)? else {
                return Ok(Put::Unchanged);
            };
            match self.save(&scripts, shop_id, &compared, &document, &entry).await {
                Ok(0) => {}
                Ok(-1) => {
                    // A master of before knows no scripts, either.
                    self.saves.look_again();
                    self.fence.look_past(self.store(), &scripts).await?;
                }
                Ok(sequence) => {
                    self.replicated(shop_id).await?;
                    let sequence = sequence.unsigned_abs();
                    return Ok(Put::Applied(Position { activation: scripts.activation, sequence }));
                }
                Err(failed) => return Err(self.told(failed).await),
            }
        }
        Err(self.too_many())
    }

    async fn record_heard(&self, writer: Writer, at: Timestamp) -> Result<(), StoreError> {
        if !Writer::OF_THE_DOCUMENT.contains(&writer) {
            return Ok(());
        }
        let micros = at.as_microsecond().to_string();
        self.noted(0, (&format!("heard:{writer}"), &micros), Condition::Greater, None).await
    }

    async fn save_cursor(&self, writer: Writer, cursor: Revision) -> Result<(), StoreError> {
        let condition = if cursor == Revision::ZERO { Condition::Any } else { Condition::Held };
        let text = format!("{}-{}", cursor.epoch, cursor.counter);
        self.noted(0, (&format!("cursor:{writer}"), &text), condition, None).await
    }

    async fn mark_complete(&self, activation: u32) -> Result<(), StoreError> {
        for shard in 0..self.store().keys.shards() {
            self.noted(shard, ("complete", "1"), Condition::Any, Some(activation)).await?;
        }
        Ok(())
    }

    async fn trim(&self, kept: KeptLog) -> Result<u64, StoreError> {
        let mut trimmed = 0;
        for shard in 0..self.store().keys.shards() {
            loop {
                let some = self.trim_shard(shard, kept).await?;
                trimmed += some;
                if some < TRIMMED_MAX as u64 {
                    break;
                }
            }
        }
        Ok(trimmed)
    }
}

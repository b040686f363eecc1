//! The change log -> bulks for the index that is asked, and its cursor behind them.
//!
//! The cursor moves only when all before it was written, so a kill at any moment costs writing some changes twice; their
//! versions make that harmless. While the engine is away, full or busy the cursor stays, and the log keeps what waits.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use document_store::{ChangeLog, DocumentReader, LogEntry, Lookup, Position, Positions, StoreError};
use service_runtime::{Clock, Drain};
use shop_id::ShopId;
use shop_search::elasticsearch::{Bulk, Engine, EngineError, Index, Indexes, MAPPING_VERSION, Version};

use super::cursor;
use super::metrics::IndexMetrics;
use super::{IndexSettings, OnStart};

/// Entries of one shard read at once.
const ENTRIES: usize = 1_000;
/// Shops gathered at once: as many as a store gives.
const GATHER_SHOPS: usize = 50;
/// What is saved within this goes into one bulk. An engine shows changes every half second.
const LINGER: Duration = Duration::from_millis(100);
/// While nothing is saved, the store is asked this often whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The pause after the first failure; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// After a refusal that somebody has to look at.
const PAUSE_REFUSED: Duration = Duration::from_secs(600);

/// Why changes wait.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IndexingError {
    /// The store does not say what changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine does not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// See the module.
#[derive(Debug)]
pub struct Indexing<S> {
    pub(super) store: Arc<S>,
    pub(super) engine: Engine,
    pub(super) settings: IndexSettings,
    pub(super) clock: Clock,
    pub(super) metrics: IndexMetrics,
}

/// An index and how far it was followed.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) index: Index,
    pub(super) positions: Positions,
}

impl<S: DocumentReader + ChangeLog> Indexing<S> {
    /// Nothing is asked yet.
    #[must_use]
    pub const fn new(
        store: Arc<S>,
        engine: Engine,
        settings: IndexSettings,
        clock: Clock,
        metrics: IndexMetrics,
    ) -> Self {
        Self { store, engine, settings, clock, metrics }
    }

    /// Until the end has begun.
    pub async fn run(mut self, drain: Drain) {
        tokio::select! {
            () = drain.begun() => {}
            () = self.follow_on() => {}
        }
    }

    async fn follow_on(&mut self) {
        let mut failures = 0_u32;
        loop {
            let began = tokio::time::Instant::now();
            let Err(error) = self.follow().await;
            // Whatever went well for a while begins anew.
            failures = if began.elapsed() > PAUSE_MAX * 2 { 1 } else { failures + 1 };
            self.metrics.failures.inc();
            self.metrics.waiting.set(1);
            let pause = pause_after(&error, failures);
            tracing::warn!(%error, pause_ms = pause.as_millis(), "the index is not followed; changes wait in the log");
            tokio::time::sleep(pause).await;
        }
    }

    async fn follow(&mut self) -> Result<Infallible, IndexingError> {
        let mut followed = self.open().await?;
        tracing::info!(index = followed.index.name(), "following the change log into the index");
        loop {
            match self.catch_up(&mut followed).await {
                // The log does not reach back, or the store is another one.
                Err(IndexingError::Store(StoreError::Trimmed { .. })) => followed = self.rebuild().await?,
                caught_up => caught_up?,
            }
            self.metrics.waiting.set(0);
            if let Ok(grown) = tokio::time::timeout(HEARTBEAT, self.store.grown(&followed.positions)).await {
                grown?;
                tokio::time::sleep(LINGER).await;
            }
        }
    }

    /// The index to follow, and from where.
    async fn open(&mut self) -> Result<Followed, IndexingError> {
        match self.settings.on_start {
            OnStart::Follow => {}
            OnStart::Rebuild => {
                let rebuilt = self.rebuild().await;
                if rebuilt.as_ref().err().is_none_or(is_refusal) {
                    self.settings.on_start = OnStart::Follow;
                }
                return rebuilt;
            }
            OnStart::RollBack => {
                let back = self.engine.indexes().await?.roll_back(&self.engine).await?;
                tracing::warn!(index = back.name(), "the index before is asked again");
                self.settings.on_start = OnStart::Follow;
            }
        }
        match self.followed(&self.engine.indexes().await?).await? {
            Some(followed) => Ok(followed),
            None => self.rebuild().await,
        }
    }

    /// `None`: there is no index that could be followed on.
    pub(super) async fn followed(&self, indexes: &Indexes) -> Result<Option<Followed>, IndexingError> {
        let Some(live) = &indexes.live else { return Ok(None) };
        if live.mapping_version() > MAPPING_VERSION {
            let (index, found) = (live.name().to_owned(), live.mapping_version());
            return Err(EngineError::Version { index, found, expected: MAPPING_VERSION }.into());
        }
        if live.mapping_version() < MAPPING_VERSION {
            return Ok(None);
        }
        let shards = self.store.identity().await?.shards;
        let positions = live.cursor().await?.as_deref().and_then(cursor::parse);
        let positions = positions.filter(|positions| positions.0.len() == usize::from(shards));
        Ok(positions.map(|positions| Followed { index: live.clone(), positions }))
    }

    /// Writes all that the log has up to now.
    pub(super) async fn catch_up(&self, followed: &mut Followed) -> Result<(), IndexingError> {
        loop {
            let (mut has_more, before) = (false, followed.positions.clone());
            for shard in 0..followed.positions.0.len() {
                has_more |= self.page(followed, shard).await?;
            }
            if followed.positions != before {
                followed.index.save_cursor(&cursor::text(&followed.positions)).await?;
            }
            if !has_more {
                return Ok(());
            }
        }
    }

    /// Many saves of one shop on one page are written once.
    async fn page(&self, followed: &mut Followed, shard: usize) -> Result<bool, IndexingError> {
        let Some(position) = followed.positions.0.get_mut(shard) else { return Ok(false) };
        let number = u16::try_from(shard).unwrap_or(u16::MAX);
        let page = self.store.read(number, *position, ENTRIES).await?;
        let newest: BTreeMap<ShopId, Position> =
            page.entries.iter().map(|entry| (entry.shop_id, entry.position)).collect();
        let newest: Vec<(ShopId, Position)> = newest.into_iter().collect();
        let mut bulk = Bulk::default();
        for shops in newest.chunks(GATHER_SHOPS) {
            self.gather(&followed.index, shops, &mut bulk).await?;
            if bulk.bytes() >= self.settings.bulk_bytes_max.get() {
                self.write(&followed.index, &std::mem::take(&mut bulk)).await?;
            }
        }
        self.write(&followed.index, &bulk).await?;
        self.note_lag(page.entries.last());
        *position = page.next;
        Ok(page.has_more)
    }

    async fn gather(
        &self,
        index: &Index,
        shops: &[(ShopId, Position)],
        bulk: &mut Bulk,
    ) -> Result<(), IndexingError> {
        let shop_ids: Vec<ShopId> = shops.iter().map(|(shop_id, _)| *shop_id).collect();
        for (&(shop_id, logged), got) in shops.iter().zip(self.store.gather(&shop_ids).await) {
            match got {
                Ok(Lookup::Found(stored)) => {
                    bulk.put(shop_id, version(stored.position), &stored.part, index.has_nori());
                }
                Ok(Lookup::Tombstone(stored)) => bulk.remove(shop_id, version(stored.position)),
                Ok(Lookup::Unknown) => bulk.remove(shop_id, version(logged)),
                // The audit has it saved again, which is logged again.
                Err(StoreError::Corrupt { .. }) => {
                    tracing::warn!(%shop_id, "a stored document cannot be read; the index keeps the one before");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) async fn write(&self, index: &Index, bulk: &Bulk) -> Result<(), IndexingError> {
        if bulk.count() == 0 {
            return Ok(());
        }
        let written = index.write(bulk).await?;
        self.metrics.taken.inc_by(written.taken);
        self.metrics.unchanged.inc_by(written.unchanged);
        self.metrics.refused.inc_by(written.refused);
        for (shop_id, reason) in &written.named {
            tracing::error!(%shop_id, reason, index = index.name(), "the index refuses this shop; it is left out");
        }
        Ok(())
    }

    fn note_lag(&self, last: Option<&LogEntry>) {
        let Some(last) = last else { return };
        let lag = self.clock.now().duration_since(last.saved_at);
        self.metrics.lag_seconds.set(lag.as_secs_f64().max(0.0));
    }
}

pub(super) fn version(position: Position) -> Version {
    Version::of(position.activation, position.sequence)
}

/// `failures` in a row, this one included.
fn pause_after(error: &IndexingError, failures: u32) -> Duration {
    if is_refusal(error) { PAUSE_REFUSED } else { PAUSE.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX) }
}

/// Trying again soon changes nothing.
fn is_refusal(error: &IndexingError) -> bool {
    matches!(
        error,
        IndexingError::Engine(
            EngineError::TooFew { .. } | EngineError::NothingBefore { .. } | EngineError::Setup { .. }
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_has_to_look_at_waits_for_minutes() {
        let name = || "shops".to_owned();
        let too_few =
            EngineError::TooFew { new: name(), old: name(), found: 5, before: 10, loss_percent_max: 1 };
        let unreachable = EngineError::Unreachable { engine: name(), reason: name() };
        let away = StoreError::Unavailable { store: name(), reason: name() };
        for (error, failures, pause_ms) in [
            (too_few.clone().into(), 1, 600_000),
            (too_few.into(), 9, 600_000),
            (EngineError::Setup { engine: name(), reason: name() }.into(), 1, 600_000),
            (EngineError::NothingBefore { name: name(), version: 1 }.into(), 1, 600_000),
            (unreachable.clone().into(), 1, 400),
            (unreachable.into(), 4, 3_200),
            (away.clone().into(), 5, 5_000),
            (away.into(), u32::MAX, 5_000),
        ] {
            let pause = pause_after(&error, failures);
            assert_eq!(pause, Duration::from_millis(pause_ms), "{error}, {failures} times");
        }
    }
}

//! What saving costs in a store of some size, and what readers notice of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use document_store::lmdb::{LmdbOptions, LmdbWriter};
use document_store::{DocumentWriter as _, Lookup, Projected};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use shop_document::ShopDocument;
use shop_id::ShopId;

use crate::cpu::Spent;
use crate::median;
use crate::scale::ScaleOptions;

/// Saves that wait for the disk at the same time.
const IN_FLIGHT: usize = 256;
/// Shares no factor with any number of shops below it: all are reached, in a scattered order.
const STRIDE: u64 = 7_368_787;
/// Changes arrive in so many portions a second.
const PORTIONS: u64 = 50;
/// As many as wait for the disk a few times over.
const AT_ONCE: u64 = 1_024;

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Saves {
    /// Durable documents a second, median of the rounds.
    pub per_second: f64,
    /// CPU microseconds of the writing process per document, median of the rounds.
    pub cpu_micros: f64,
}

/// How much is saved beside readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Beside {
    /// Nothing.
    Calm,
    /// 1,000 documents a second.
    Changes,
    /// As many as the store takes, as in a full resync.
    FullResync,
}

impl Beside {
    /// In the order of the table.
    pub const ALL: [Self; 3] = [Self::Calm, Self::Changes, Self::FullResync];

    const fn per_second(self) -> u64 {
        match self {
            Self::Calm => 0,
            Self::Changes => 1_000,
            Self::FullResync => u64::MAX,
        }
    }
}

/// Saves documents that stand there again, as they are: a new position and a new log entry for each.
#[derive(Debug)]
pub struct Saver {
    writer: LmdbWriter,
    shops: u64,
    saved: AtomicU64,
}

impl Saver {
    /// The one writer of this store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn open(store: &Path, shops: u64) -> anyhow::Result<Arc<Self>> {
        let writer = LmdbWriter::open(store, LmdbOptions::default())?;
        Ok(Arc::new(Self { writer, shops: shops.max(1), saved: AtomicU64::new(0) }))
    }

    /// How many were saved so far.
    #[must_use]
    pub fn saved(&self) -> u64 {
        self.saved.load(Ordering::Relaxed)
    }

    /// As fast as it goes, with nobody reading: what follows a save is counted where it is read.
    ///
    /// # Errors
    /// When the store does not take them.
    pub async fn measure(&self, options: &ScaleOptions) -> anyhow::Result<Saves> {
        let (mut per_second, mut micros) = (Vec::new(), Vec::new());
        #[allow(clippy::cast_precision_loss)]
        let saves = options.saves as f64;
        for _ in 0..options.rounds {
            let before = Spent::by(&[std::process::id()])?;
            let began = Instant::now();
            self.save(options.saves).await?;
            per_second.push(saves / began.elapsed().as_secs_f64());
            let spent = Spent::by(&[std::process::id()])?.since(&before);
            micros.push(spent.as_secs_f64() * 1e6 / saves);
        }
        Ok(Saves { per_second: median(&per_second), cpu_micros: median(&micros) })
    }

    /// For as long as it is polled.
    ///
    /// # Errors
    /// When the store does not take them.
    pub async fn go_on(&self, beside: Beside) -> anyhow::Result<()> {
        let mut portion = tokio::time::interval(Duration::from_secs(1) / u32::try_from(PORTIONS)?);
        loop {
            match beside.per_second() {
                0 => std::future::pending().await,
                u64::MAX => self.save(AT_ONCE).await?,
                per_second => {
                    portion.tick().await;
                    self.save(per_second / PORTIONS).await?;
                }
            }
        }
    }

    async fn save(&self, count: u64) -> anyhow::Result<()> {
        stream::iter(0..count).map(|_| self.save_next()).buffer_unordered(IN_FLIGHT).try_collect::<()>().await
    }

    async fn save_next(&self) -> anyhow::Result<()> {
        let number = self.saved.fetch_add(1, Ordering::Relaxed).wrapping_mul(STRIDE) % self.shops + 1;
        let shop_id = ShopId::new(number).context("shops are counted from one")?;
        self.writer.update(shop_id, as_it_is).await?;
        Ok(())
    }
}

fn as_it_is(held: &Lookup<ShopDocument>) -> Projected {
    held.stored().map_or(Projected::Keep, |held| Projected::Save(Box::new(held.part.clone())))
}

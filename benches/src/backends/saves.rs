//! A store -> filled with shops, and what a save in it costs, the first of a shop and the next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use document_store::lmdb::LmdbOptions;
use document_store::{
    ChangeLog, DocumentReader as _, DocumentWriter as _, Projected, SelectedReader, SelectedWriter,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hdrhistogram::Histogram;
use serde::Serialize;
use shop_document::ShopDocument;

use super::meter::{self, Cost, Meter, Rounds, Used, Waits};
use super::stores::{Kind, Store};
use crate::documents::{self, MENU_ITEMS};

/// Saves that wait for the store at the same time.
const IN_FLIGHT: usize = 256;
/// Documents made beforehand: making one costs as much as saving it.
const MADE_AT_ONCE: u64 = 1_000;
/// How often it is measured how soon a save wakes who waits for it.
const WAKES: u64 = 200;
/// Who waits has begun to do so by then.
const BEGUN_WAITING: Duration = Duration::from_millis(30);

/// What was seen of one store.
#[derive(Clone, Debug, Serialize)]
pub struct Saved {
    /// Of which kind.
    pub store: Kind,
    /// Of shops that it did not hold.
    pub first: Cost,
    /// Of shops that it held.
    pub again: Cost,
    /// From the acknowledgement of a save to the return of who waited for the log to grow.
    pub wakes: Waits,
}

/// A store and the one who writes it.
#[derive(Debug)]
pub struct Filled {
    /// Where it is.
    pub store: Store,
    /// The processes that keep it.
    pub servers: Vec<u32>,
    /// Shops with the numbers 1 to this.
    pub shops: u64,
    /// None while it is closed: a directory is open once in a process, to be written or to be read.
    writer: Option<Arc<SelectedWriter>>,
    first: Rounds,
    again: Rounds,
}

impl Filled {
    /// Still without shops.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn empty(store: Store) -> anyhow::Result<Self> {
        let servers = store.process_ids().await?;
        let (first, again) = (Rounds::default(), Rounds::default());
        let mut filled = Self { store, servers, shops: 0, writer: None, first, again };
        filled.open().await?;
        Ok(filled)
    }

    /// To be written.
    ///
    /// # Errors
    /// When somebody else writes it.
    pub async fn open(&mut self) -> anyhow::Result<()> {
        let address = Store::parsed(&self.store.address)?;
        self.writer = Some(Arc::new(SelectedWriter::open(&address, LmdbOptions::default()).await?));
        Ok(())
    }

    /// To be read.
    pub fn close(&mut self) {
        self.writer = None;
    }

    fn writer(&self) -> anyhow::Result<&Arc<SelectedWriter>> {
        self.writer.as_ref().context("the store is closed")
    }

    /// So many more shops; one round of first saves.
    ///
    /// # Errors
    /// When the store does not take them.
    pub async fn grow(&mut self, shops: u64) -> anyhow::Result<()> {
        let used = self.save(self.shops + 1, self.shops + shops, 1).await?;
        self.first.note(used, shops);
        self.shops += shops;
        Ok(())
    }

    /// So many shops that it holds, as another `counter` has them; one round of further saves.
    ///
    /// # Errors
    /// When the store does not take them.
    pub async fn renew(&mut self, shops: u64, counter: u64) -> anyhow::Result<()> {
        let shops = shops.min(self.shops);
        let used = self.save(1, shops, counter).await?;
        self.again.note(used, shops);
        Ok(())
    }

    async fn save(&self, first: u64, last: u64, counter: u64) -> anyhow::Result<Used> {
        let mut used = Used::default();
        let mut from = first;
        while from <= last {
            let until = last.min(from + MADE_AT_ONCE - 1);
            let documents: Vec<ShopDocument> = (from..=until).map(|number| made(number, counter)).collect();
            let meter = Meter::begun(&self.servers)?;
            stream::iter(documents)
                .map(|document| self.save_one(document))
                .buffer_unordered(IN_FLIGHT)
                .try_collect::<()>()
                .await?;
            used += meter.used()?;
            from = until + 1;
        }
        Ok(used)
    }

    async fn save_one(&self, document: ShopDocument) -> anyhow::Result<()> {
        let shop_id = document.list.shop_id();
        let projected = move |_: &_| Projected::Save(Box::new(document.clone()));
        self.writer()?.update(shop_id, projected).await?;
        Ok(())
    }

    /// All that there will be is there: who does not find a shop may believe it.
    ///
    /// # Errors
    /// When the store does not note it.
    pub async fn complete(&self) -> anyhow::Result<()> {
        let writer = self.writer()?;
        Ok(writer.mark_complete(writer.identity().await?.activation).await?)
    }

    /// Saves one shop once, as `counter` has it; when it was acknowledged.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn save_shop(&self, number: u64, counter: u64) -> anyhow::Result<Instant> {
        self.save_one(made(number, counter)).await?;
        Ok(Instant::now())
    }

    /// How soon a save wakes who waits for the log to grow.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn wakes(&self) -> anyhow::Result<Waits> {
        if self.store.kind == Kind::Lmdb {
            return self.wakes_of(self.writer()?).await;
        }
        let reader = SelectedReader::open(&Store::parsed(&self.store.address)?).await?;
        self.wakes_of(&Arc::new(reader)).await
    }

    async fn wakes_of<R: ChangeLog>(&self, reader: &Arc<R>) -> anyhow::Result<Waits> {
        let mut waits = Histogram::new(3)?;
        for counter in 0..WAKES {
            let seen = reader.head().await?;
            let waiting = {
                let reader = Arc::clone(reader);
                tokio::spawn(async move {
                    reader.grown(&seen).await?;
                    anyhow::Ok(Instant::now())
                })
            };
            tokio::time::sleep(BEGUN_WAITING).await;
            let saved = self.save_shop(1, 1_000 + counter).await?;
            // Who is told before the writer is waited nothing.
            let woken = waiting.await.context("who waits crashed")??;
            meter::note(&mut waits, woken.saturating_duration_since(saved))?;
        }
        Ok(Waits::of(&waits))
    }

    /// All figures.
    #[must_use]
    pub fn saved(&self, wakes: Waits) -> Saved {
        let has_servers = !self.servers.is_empty();
        Saved {
            store: self.store.kind,
            first: self.first.clone().cost(has_servers),
            again: self.again.clone().cost(has_servers),
            wakes,
        }
    }
}

fn made(number: u64, counter: u64) -> ShopDocument {
    let shop_id = documents::shop_id(number);
    ShopDocument::assemble(shop_id, &documents::sections(number, MENU_ITEMS, counter))
}

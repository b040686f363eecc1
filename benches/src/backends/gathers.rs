//! 25 list parts at once: straight at the store, and out of the near cache.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use document_store::near_cache::NearCacheLimits;
use document_store::{
    ChangeLog as _, DocumentReader, LogFollower as _, Lookup, NearCache, Scan, SelectedReader,
};
use hdrhistogram::Histogram;
use serde::Serialize;
use shop_id::ShopId;

use super::meter::{self, Cost, Meter, Rounds, Waits};
use super::saves::Filled;
use super::stores::{Kind, Store};
use crate::documents;

/// Of a list.
pub const PAGE: u64 = 25;
/// Shares no factor with any sensible number of shops: 25 in a row are 25 different ones, in a scattered order.
const STRIDE: u64 = 7_919;
/// List parts read at once to make all of them resident.
const SCANNED_AT_ONCE: usize = 2_000;

/// How much one asker at a time, or sixteen.
pub const AT_ONCE: [u64; 2] = [1, 16];

/// What was seen of one way to gather.
#[derive(Clone, Debug, Serialize)]
pub struct Gathered {
    /// From which store.
    pub store: Kind,
    /// Everything is in this process.
    pub is_resident: bool,
    /// Askers, each asking again as soon as it is answered.
    pub at_once: u64,
    /// For one gather, over all rounds.
    pub waits: Waits,
    /// Of one gather.
    pub cost: Cost,
}

/// One way to gather from one store.
#[derive(Debug)]
pub struct Lane {
    store: Kind,
    source: Source,
    at_once: u64,
    servers: Vec<u32>,
    shops: u64,
    waits: Histogram<u64>,
    rounds: Rounds,
}

#[derive(Clone, Debug)]
enum Source {
    Store(Arc<SelectedReader>),
    Near(Arc<NearCache<SelectedReader>>),
}

/// All ways to gather from one store.
///
/// # Errors
/// When it cannot be read.
pub async fn lanes(filled: &Filled) -> anyhow::Result<Vec<Lane>> {
    let Filled { store, servers, shops, .. } = filled;
    let reader = Arc::new(SelectedReader::open(&Store::parsed(&store.address)?).await?);
    let near = Source::Near(resident(&reader, *shops).await?);
    let mut lanes = Vec::new();
    for source in [Source::Store(reader), near] {
        for at_once in AT_ONCE {
            lanes.push(Lane {
                store: store.kind,
                source: source.clone(),
                at_once,
                servers: servers.clone(),
                shops: *shops,
                waits: Histogram::new(3)?,
                rounds: Rounds::default(),
            });
        }
    }
    Ok(lanes)
}

async fn resident(
    reader: &Arc<SelectedReader>,
    shops: u64,
) -> anyhow::Result<Arc<NearCache<SelectedReader>>> {
    let near = NearCache::new(Arc::clone(reader), NearCacheLimits::default());
    let mut after = None;
    loop {
        let Scan { shops, next, .. } = reader.scan(after, SCANNED_AT_ONCE).await?;
        shops.iter().for_each(|(shop_id, stored)| near.fold(*shop_id, stored));
        after = next;
        if after.is_none() {
            break;
        }
    }
    ensure!(near.resident_cards() as u64 == shops, "{} of {shops} shops are resident", near.resident_cards());
    Ok(Arc::new(near))
}

impl Lane {
    /// One round of so many gathers.
    ///
    /// # Errors
    /// When a shop is not found.
    pub async fn turn(&mut self, gathers: u64) -> anyhow::Result<()> {
        let meter = Meter::begun(&self.servers)?;
        let waits = match &self.source {
            Source::Store(reader) => asked(reader, self.shops, gathers, self.at_once).await?,
            Source::Near(near) => asked(near, self.shops, gathers, self.at_once).await?,
        };
        self.rounds.note(meter.used()?, waits.len());
        meter::add(&mut self.waits, &waits)
    }

    /// Out of this process; that is over soon, and more of them are needed.
    #[must_use]
    pub const fn is_resident(&self) -> bool {
        matches!(self.source, Source::Near(_))
    }

    /// All figures.
    #[must_use]
    pub fn gathered(self) -> Gathered {
        Gathered {
            store: self.store,
            is_resident: self.is_resident(),
            at_once: self.at_once,
            waits: Waits::of(&self.waits),
            cost: self.rounds.cost(!self.servers.is_empty()),
        }
    }
}

/// As many askers as said share the gathers.
async fn asked<R: DocumentReader>(
    reader: &Arc<R>,
    shops: u64,
    gathers: u64,
    at_once: u64,
) -> anyhow::Result<Histogram<u64>> {
    let asker = |first: u64| {
        let reader = Arc::clone(reader);
        tokio::spawn(async move {
            let mut waits = Histogram::new(3)?;
            let mut page = first;
            while page < gathers {
                let shop_ids = page_of(page, shops);
                let began = Instant::now();
                let answers = reader.gather(&shop_ids).await;
                meter::note(&mut waits, began.elapsed())?;
                for (answer, shop_id) in answers.into_iter().zip(shop_ids) {
                    ensure!(matches!(answer?, Lookup::Found(_)), "shop {shop_id} is not found");
                }
                page += at_once;
            }
            Ok(waits)
        })
    };
    let askers: Vec<_> = (0..at_once).map(asker).collect();
    let mut all = Histogram::new(3)?;
    for asker in askers {
        meter::add(&mut all, &asker.await.context("an asker crashed")??)?;
    }
    Ok(all)
}

/// 25 shops, each page others.
#[must_use]
pub fn page_of(page: u64, shops: u64) -> Vec<ShopId> {
    let number = |place: u64| (page * PAGE + place).wrapping_mul(STRIDE) % shops + 1;
    (0..PAGE).map(|place| documents::shop_id(number(place))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_page_is_of_25_different_shops_and_all_are_asked_for() {
        let mut asked = BTreeSet::new();
        for page in 0..40 {
            let shops: BTreeSet<ShopId> = page_of(page, 1_000).into_iter().collect();
            assert_eq!(shops.len(), 25, "page {page}");
            asked.extend(shops);
        }
        assert_eq!(asked.len(), 1_000);
    }
}

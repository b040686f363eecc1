//! A gather of 25 with nothing resident while some gets of every tenth one are late, against none late, in turns.
//!
//! What is measured is the way of the query server: five groups, each landing on its own, and below it the store's own
//! second question. Between store and server stands a [`Relay`] that holds back questions of the gathers that are to
//! be late. A question is a group of five, so two late shops make five late; over Redis, which answers in order, also
//! whatever is behind it on the same connection. A cluster's nodes name themselves and so cannot be relayed. A get from LMDB
//! is a read of memory: there a reader stands in between that sleeps, and no second question exists.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use document_store::near_cache::NearCacheLimits;
use document_store::{
    DocumentReader, Identity, Lookup, NearCache, SelectedReader, StoreError, WriterContact,
};
use hdrhistogram::Histogram;
use query_server::Config;
use query_server::gather::Gathering;
use query_server::metrics::Counters;
use serde::Serialize;
use shop_document::{DetailPart, ListPart};
use shop_id::ShopId;

use super::gathers::page_of;
use super::meter::{self, Waits};
use super::relay::Relay;
use super::stores::{Kind, Store};
use crate::median;

/// Of so many gathers one is late.
const LATE_EACH: u64 = 10;
/// Of a gather of 25: the query server's groups.
const GROUP_SHOPS: usize = 5;

/// What is late of a gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lateness {
    /// Two shops of one group, each time another one.
    TwoShops,
    /// All questions, as when the connection stalls.
    All,
}

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Late {
    /// Of which store.
    pub store: Kind,
    /// How much of every tenth gather.
    pub lateness: Lateness,
    /// Such a question arrives so much later.
    pub late_by_ms: u64,
    /// With none late, over all rounds.
    pub calm: Waits,
    /// With every tenth late, over all rounds.
    pub late: Waits,
    /// Only those that were late.
    pub only_late: Waits,
    /// p99 with every tenth late against none late; the middle one of the rounds' ratios.
    pub p99_ratio: f64,
    /// Gets that were asked a second time, of all gets in rounds with late ones.
    pub more_gets_percent: f64,
    /// Shops that were named missing instead of being waited for, in rounds with late ones.
    pub missing: u64,
    /// The same in rounds with none late.
    pub calm_missing: u64,
    /// Questions that were late, as the relay counts them.
    pub late_questions: u64,
}

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Shops of the store.
    pub shops: u64,
    /// Rounds of each.
    pub rounds: u64,
    /// Gathers of a round, one after another.
    pub gathers: u64,
    /// By how much.
    pub late_by: Duration,
}

/// In turns: none late, every tenth late.
///
/// # Errors
/// When the store does not answer.
pub async fn measured(store: &Store, lateness: Lateness, asking: Asking) -> anyhow::Result<Late> {
    if store.kind == Kind::Lmdb {
        let reader = SelectedReader::open(&Store::parsed(&store.address)?).await?;
        let sleeper = Arc::new(Sleeper { reader, asleep: Mutex::default(), by: asking.late_by });
        return run(Lane { store, lateness, asking, reader: sleeper, relay: None }).await;
    }
    let relay = Relay::before(store.server()?).await?;
    let reader = SelectedReader::open(&Store::parsed(&store.reached_at(relay.address))?).await?;
    let sleeper = Arc::new(Sleeper { reader, asleep: Mutex::default(), by: Duration::ZERO });
    run(Lane { store, lateness, asking, reader: sleeper, relay: Some(relay) }).await
}

struct Lane<'a> {
    store: &'a Store,
    lateness: Lateness,
    asking: Asking,
    reader: Arc<Sleeper>,
    relay: Option<Relay>,
}

async fn run(lane: Lane<'_>) -> anyhow::Result<Late> {
    let nothing = NearCacheLimits { cards_bytes_max: 0, details_bytes_max: 0 };
    let near = Arc::new(NearCache::new(Arc::clone(&lane.reader), nothing));
    let wait = Config::default().gather_wait();
    let gathering = Gathering::new(near, wait, Arc::<Counters>::default());
    let (mut calm, mut late, mut only_late) = (Histogram::new(3)?, Histogram::new(3)?, Histogram::new(3)?);
    let (mut ratios, mut hedged, mut page) = (Vec::new(), 0, 0);
    let (mut missing, mut calm_missing) = (0, 0);
    // The first gathers connect, and teach the store how long an answer takes.
    let warming = Asking { gathers: lane.asking.gathers.min(200), ..lane.asking };
    lane.round(&gathering, &mut page, warming, None).await?;
    for _ in 0..lane.asking.rounds {
        let (without, lacking) = lane.round(&gathering, &mut page, lane.asking, None).await?;
        calm_missing += lacking;
        let before = hedged_gets(&lane.reader.reader);
        let (with, lacking) = lane.round(&gathering, &mut page, lane.asking, Some(&mut only_late)).await?;
        hedged += hedged_gets(&lane.reader.reader) - before;
        missing += lacking;
        #[allow(clippy::cast_precision_loss)]
        let p99 = |waits: &Histogram<u64>| waits.value_at_quantile(0.99) as f64;
        ratios.push(p99(&with) / p99(&without));
        for (all, some) in [(&mut calm, &without), (&mut late, &with)] {
            meter::add(all, some)?;
        }
    }
    #[allow(clippy::cast_precision_loss)]
    let more_gets_percent = 100.0 * hedged as f64 / (late.len() * super::gathers::PAGE) as f64;
    Ok(Late {
        store: lane.store.kind,
        lateness: lane.lateness,
        late_by_ms: u64::try_from(lane.asking.late_by.as_millis())?,
        calm: Waits::of(&calm),
        late: Waits::of(&late),
        only_late: Waits::of(&only_late),
        p99_ratio: median(&ratios),
        more_gets_percent,
        missing,
        calm_missing,
        late_questions: lane.relay.as_ref().map_or(0, Relay::late),
    })
}

impl Lane<'_> {
    /// How long each gather took, and how many shops were missing.
    async fn round(
        &self,
        gathering: &Gathering<Sleeper>,
        page: &mut u64,
        asking: Asking,
        mut only_late: Option<&mut Histogram<u64>>,
    ) -> anyhow::Result<(Histogram<u64>, u64)> {
        let (mut waits, mut missing) = (Histogram::new(3)?, 0);
        for number in 0..asking.gathers {
            let shop_ids = page_of(*page, asking.shops);
            *page += 1;
            let is_late = number % LATE_EACH == 0 && only_late.is_some();
            if is_late {
                self.make_late(&late_of(&shop_ids, self.lateness, number / LATE_EACH));
            }
            let began = Instant::now();
            let answers = gathering.cards(&shop_ids).await;
            let took = began.elapsed();
            meter::note(&mut waits, took)?;
            missing += answers.iter().filter(|answer| !matches!(answer, Ok(Lookup::Found(_)))).count() as u64;
            if let Some(only_late) = only_late.as_mut().filter(|_| is_late) {
                meter::note(only_late, took)?;
                // What is still on its way belongs to this gather, not to the next ones.
                tokio::time::sleep(asking.late_by).await;
                self.relay.as_ref().map(Relay::late);
            }
        }
        Ok((waits, missing))
    }

    fn make_late(&self, shop_ids: &[ShopId]) {
        match &self.relay {
            Some(relay) => {
                let marks = shop_ids.iter().map(|shop_id| mark(self.store.kind, *shop_id)).collect();
                relay.make_late(marks, self.asking.late_by);
            }
            None => self.reader.asleep().extend(shop_ids),
        }
    }
}

/// Which shops are late in a late gather.
fn late_of(shop_ids: &[ShopId], lateness: Lateness, turn: u64) -> Vec<ShopId> {
    match lateness {
        Lateness::All => shop_ids.to_vec(),
        Lateness::TwoShops => {
            let groups: Vec<&[ShopId]> = shop_ids.chunks(GROUP_SHOPS).collect();
            let group = usize::try_from(turn).unwrap_or(0) % groups.len();
            groups[group].iter().take(2).copied().collect()
        }
    }
}

/// How a question for a shop is told apart from others.
fn mark(kind: Kind, shop_id: ShopId) -> Vec<u8> {
    match kind {
        // The sort key of its item, as JSON has it.
        Kind::Dynamodb => format!("\"{}\"", base64(shop_id.get().to_be_bytes())).into_bytes(),
        _ => format!(":list:{shop_id}\r\n").into_bytes(),
    }
}

/// Eight bytes in base64: ten letters and a half, filled up by one sign.
fn base64(bytes: [u8; 8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // 64 bits are 66 in eleven letters.
    let bits = u128::from(u64::from_be_bytes(bytes)) << 2;
    let letter = |place: u32| LETTERS[usize::try_from((bits >> (60 - 6 * place)) & 63).unwrap_or(0)];
    (0..11).map(|place| char::from(letter(place))).chain(['=']).collect()
}

/// Counted by the stores on servers; a directory asks nobody twice.
fn hedged_gets(reader: &SelectedReader) -> u64 {
    match reader {
        SelectedReader::Redis(reader) => reader.hedged_gets(),
        SelectedReader::DynamoDb(reader) => reader.hedged_gets(),
        _ => 0,
    }
}

/// A reader whose gets of some shops are late, once each.
#[derive(Debug)]
struct Sleeper {
    reader: SelectedReader,
    asleep: Mutex<BTreeSet<ShopId>>,
    by: Duration,
}

impl Sleeper {
    fn asleep(&self) -> std::sync::MutexGuard<'_, BTreeSet<ShopId>> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DocumentReader for Sleeper {
    async fn identity(&self) -> Result<Identity, StoreError> {
        self.reader.identity().await
    }

    async fn gather(&self, shop_ids: &[ShopId]) -> Vec<Result<Lookup<ListPart>, StoreError>> {
        let is_late = {
            let mut asleep = self.asleep();
            shop_ids.iter().filter(|shop_id| asleep.remove(shop_id)).count() > 0
        };
        if is_late {
            tokio::time::sleep(self.by).await;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_shops_are_two_of_one_group_each_time_of_another_one() {
        let shop_ids = page_of(0, 1_000);
        for turn in 0..10_usize {
            let late = late_of(&shop_ids, Lateness::TwoShops, turn as u64);
            assert_eq!(late, shop_ids[turn % 5 * 5..turn % 5 * 5 + 2]);
        }
        assert_eq!(late_of(&shop_ids, Lateness::All, 3).len(), 25);
    }

    #[test]
    fn marks_are_what_stands_on_the_wire() {
        let shop = |number| ShopId::new(number).unwrap();
        assert_eq!(mark(Kind::Redis, shop(42)), b":list:42\r\n");
        // What `base64` of coreutils makes of 00 00 00 00 00 00 00 2a, and of eight times ff.
        assert_eq!(mark(Kind::Dynamodb, shop(42)), b"\"AAAAAAAAACo=\"");
        assert_eq!(mark(Kind::Dynamodb, shop(u64::MAX)), b"\"//////////8=\"");
    }
}

//! Three writers that hold all shops -> an empty store that is complete: the full resync of an invalidator that just started.

use std::time::{Duration, Instant};

use anyhow::ensure;
use document_store::{ChangeLog as _, SelectedReader};
use reqwest::Client;
use serde::Serialize;

use super::road::{self, Writers};
use super::stores::{Kind, Servers, Store};
use crate::compare::place::Place;
use crate::cpu::Spent;
use crate::{median, say};

/// List parts read at once to count them.
const SCANNED_AT_ONCE: usize = 2_000;

/// What was seen of one store.
#[derive(Clone, Debug, Serialize)]
pub struct Rebuilt {
    /// Of which kind.
    pub store: Kind,
    /// Shops that were there at the end.
    pub shops: u64,
    /// From the start of the invalidator to a complete store, each round.
    pub seconds_of_each_round: Vec<f64>,
    /// The middle round.
    pub seconds: f64,
    /// By the middle round.
    pub shops_per_second: f64,
    /// CPU microseconds a shop, the middle round: of the invalidator.
    pub invalidator_cpu_micros: f64,
    /// Of the three writers.
    pub writers_cpu_micros: f64,
    /// Of the store's servers, if it has any.
    pub servers_cpu_micros: Option<f64>,
}

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Rebuilding {
    /// At the writers.
    pub shops: u64,
    /// Of each store, unless the time is up before.
    pub rounds: u64,
    /// After so long a store gets no further round.
    pub seconds_max: u64,
}

/// One store after another.
///
/// # Errors
/// When something does not come up, or a store ends with other shops.
pub async fn measured(
    place: &Place,
    servers: &Servers,
    client: &Client,
    kinds: &[Kind],
    rebuilding: Rebuilding,
) -> anyhow::Result<Vec<Rebuilt>> {
    let writers = Writers::start(place, rebuilding.shops, &Writers::embedded_events(place)?, client).await?;
    let mut rebuilt = Vec::new();
    for kind in kinds {
        let mut rounds: Vec<Round> = Vec::new();
        let began = Instant::now();
        while rounds.len() < usize::try_from(rebuilding.rounds)?
            && (rounds.is_empty() || began.elapsed() < Duration::from_secs(rebuilding.seconds_max))
        {
            let store = Store::new(*kind, servers, place, "rebuild")?;
            let round = round(place, &writers, &store).await;
            store.remove().await?;
            let round = round?;
            ensure!(
                round.shops == rebuilding.shops,
                "{} holds {} of {} shops",
                kind.title(),
                round.shops,
                rebuilding.shops
            );
            say(&format!("rebuild of {} shops in {}: {:.1} s", round.shops, kind.title(), round.seconds));
            rounds.push(round);
        }
        rebuilt.push(summary(*kind, &rounds));
    }
    Ok(rebuilt)
}

/// One rebuild.
#[derive(Clone, Copy, Debug)]
struct Round {
    shops: u64,
    seconds: f64,
    invalidator: Duration,
    writers: Duration,
    servers: Option<Duration>,
}

async fn round(place: &Place, writers: &Writers, store: &Store) -> anyhow::Result<Round> {
    let (of_writers, of_servers) = (writers.process_ids(), store.process_ids().await?);
    let before = (Spent::by(&of_writers)?, Spent::by(&of_servers)?);
    let began = Instant::now();
    let mut invalidator = road::invalidator(place, writers, &store.address)?;
    let reader = road::until_complete(&mut invalidator, &store.address).await?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Round {
        seconds,
        invalidator: Spent::by(&invalidator.process_ids())?.in_all(),
        writers: Spent::by(&of_writers)?.in_all() - before.0.in_all(),
        servers: (!of_servers.is_empty())
            .then(|| anyhow::Ok(Spent::by(&of_servers)?.in_all() - before.1.in_all()))
            .transpose()?,
        shops: count(&reader).await?,
    })
}

async fn count(reader: &SelectedReader) -> anyhow::Result<u64> {
    let (mut after, mut shops) = (None, 0);
    loop {
        let scan = reader.scan(after, SCANNED_AT_ONCE).await?;
        shops += scan.shops.iter().filter(|(_, stored)| stored.part.is_visible()).count() as u64;
        after = scan.next;
        if after.is_none() {
            return Ok(shops);
        }
    }
}

fn summary(store: Kind, rounds: &[Round]) -> Rebuilt {
    let middle = |figure: &dyn Fn(&Round) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    #[allow(clippy::cast_precision_loss)]
    let a_shop = |spent: Duration, round: &Round| spent.as_secs_f64() * 1e6 / round.shops.max(1) as f64;
    let seconds = middle(&|round| round.seconds);
    let shops = rounds.first().map_or(0, |round| round.shops);
    let has_servers = rounds.iter().all(|round| round.servers.is_some());
    #[allow(clippy::cast_precision_loss)]
    let shops_per_second = shops as f64 / seconds;
    Rebuilt {
        store,
        shops,
        seconds_of_each_round: rounds.iter().map(|round| round.seconds).collect(),
        seconds,
        shops_per_second,
        invalidator_cpu_micros: middle(&|round| a_shop(round.invalidator, round)),
        writers_cpu_micros: middle(&|round| a_shop(round.writers, round)),
        servers_cpu_micros: has_servers
            .then(|| middle(&|round| a_shop(round.servers.unwrap_or_default(), round))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_rebuild_counts_and_its_cost_is_told_by_shop() {
        let round = |seconds: u32, has_servers: bool| Round {
            shops: 1_000,
            seconds: f64::from(seconds),
            invalidator: Duration::from_millis(u64::from(seconds) * 100),
            writers: Duration::from_millis(10),
            servers: has_servers.then_some(Duration::from_millis(50)),
        };
        let told = summary(Kind::Redis, &[round(2, true), round(9, true), round(1, true)]);
        let near = |given: f64, expected: f64| (given - expected).abs() < 1e-9;
        assert!(near(told.seconds, 2.0) && near(told.shops_per_second, 500.0), "{told:?}");
        assert!(near(told.invalidator_cpu_micros, 200.0) && near(told.writers_cpu_micros, 10.0), "{told:?}");
        assert_eq!(told.servers_cpu_micros.map(f64::round), Some(50.0));
        assert_eq!(summary(Kind::Lmdb, &[round(2, false)]).servers_cpu_micros, None);
    }
}

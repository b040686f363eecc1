//! What each store and transport costs, and how soon it tells: the same questions to LMDB, Redis, Redis Cluster, Valkey and
//! a stand-in of DynamoDB, over files and over a stand-in of SNS and SQS.
//!
//! In: servers that answer, which `cargo xtask backends` starts. Out: tables. Stand-ins on this machine say what the
//! programs cost, not what AWS does. Modules stand in the order of one run.

pub mod processes; // a port                    -> who listens there
pub mod stores; //    a kind                    -> a store of its own name, and nothing of it left
pub mod meter; //     two moments               -> CPU time of both sides
pub mod relay; //     between client and server -> one question late, one connection lost

pub mod saves; //     documents                 -> a filled store, and what a save costs
pub mod gathers; //   25 shops                  -> what getting them costs
pub mod late; //      some gets late            -> how much later the gather

pub mod road; //      a store, a transport      -> all programs, running
pub mod transport; // events                    -> what carries them, by itself
pub mod freshness; // changes at a writer       -> how soon they are read
pub mod rebuild; //   writers                   -> a complete store
pub mod staleness; // a lost connection         -> how much later a change is read
pub mod cluster; //   six nodes                 -> a cluster to be killed
pub mod asked; //     lists at a steady rate    -> what was noticed, phase by phase
pub mod failover; //  a master dies             -> who notices

pub mod report; //    what was measured         -> text, Markdown, JSON
mod tables; //        each section              -> its table

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use reqwest::Client;
use serde::Serialize;

use self::failover::{Failing, Failover};
use self::freshness::{Changing, Freshness};
use self::gathers::{Gathered, Lane};
use self::late::{Asking, Late, Lateness};
use self::rebuild::{Rebuilding, Rebuilt};
use self::saves::{Filled, Saved};
use self::staleness::Staleness;
use self::stores::{Kind, Servers, Store};
use self::transport::Publishing;
use crate::compare::environment::Environment;
use crate::compare::place::Place;
use crate::say;
use crate::tools::Tools;

/// Out of the near cache a gather takes microseconds: many more of them, for a round that the kernel's clock resolves.
const RESIDENT_TIMES: u64 = 20;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
pub enum Section {
    /// 25 list parts, nothing resident and all resident.
    Gathers,
    /// The same with some gets late.
    Late,
    /// Saves, the first of a shop and the next.
    Saves,
    /// From a commit to the card.
    Freshness,
    /// A full resync into an empty store.
    Rebuild,
    /// A lost wake-up connection.
    Staleness,
    /// A master that dies.
    Failover,
}

/// What, of which stores, how much.
#[derive(Clone, Debug, Args)]
pub struct BackendsOptions {
    /// Sections to measure [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Section>,
    /// Stores of gathers, late, saves and rebuild
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Kind::Lmdb, Kind::Redis, Kind::RedisCluster, Kind::Valkey, Kind::Dynamodb])]
    pub stores: Vec<Kind>,
    /// Of each figure that is a median
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub rounds: u64,
    /// Shops in the stores of gathers, late and saves; a tenth of it in DynamoDB Local, which saves them that much slower
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub shops: u64,
    /// Gathers of a round with nothing resident
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(10..=1_000_000))]
    pub gathers: u64,
    /// By how much a late get is late
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub late_ms: u64,
    /// Changes a second, one rate after another
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000], value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub rates: Vec<u64>,
    /// Of each rate
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Events of a round of the transports by themselves
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub events: u64,
    /// Shops at the writers of freshness and failover
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    pub changing_shops: u64,
    /// Shops at the writers of rebuild
    #[arg(long, default_value_t = 70_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    pub rebuild_shops: u64,
    /// A store that took so long gets no further round of rebuild
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=7_200))]
    pub rebuild_seconds_max: u64,
    /// Lost connections of each kind
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub cuts: u64,
    /// Clusters that lose a master
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub deaths: u64,
    /// Lists a second meanwhile
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub lists_per_second: u64,
    /// `cluster-node-timeout` of these clusters
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub node_timeout_ms: u64,
    /// Where backends.json and backends.md are kept [default: docs/measured]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// All that was measured; what was not is empty.
#[derive(Clone, Debug, Serialize)]
pub struct Backends {
    /// On what.
    pub environment: Environment,
    /// Of each figure that is a median.
    pub rounds: u64,
    /// Servers as they call themselves.
    pub servers: Vec<String>,
    /// Shops in each store of the first three tables.
    pub shops: Vec<(Kind, u64)>,
    /// 25 list parts.
    pub gathers: Vec<Gathered>,
    /// The same, some late.
    pub late: Vec<Late>,
    /// Saves.
    pub saves: Vec<Saved>,
    /// From a commit to the card.
    pub freshness: Option<Freshness>,
    /// Full resyncs.
    pub rebuild: Vec<Rebuilt>,
    /// Lost connections.
    pub staleness: Vec<Staleness>,
    /// Masters that died.
    pub failover: Option<Failover>,
}

/// Runs it; the tables.
///
/// # Errors
/// When a server is missing, or something does not answer.
pub async fn backends(options: &BackendsOptions, command: String) -> anyhow::Result<String> {
    ensure!(!options.stores.is_empty(), "`--stores` names no store");
    let place = Place::made(options.changing_shops)?;
    let tools = Tools::found(&place.target);
    let run = Run {
        options,
        servers: Servers::of_the_environment(),
        client: Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?,
        place,
    };
    let mut backends = Backends {
        environment: Environment::found(&tools, &run.place.workspace, command),
        rounds: options.rounds,
        servers: Vec::new(),
        shops: Vec::new(),
        gathers: Vec::new(),
        late: Vec::new(),
        saves: Vec::new(),
        freshness: None,
        rebuild: Vec::new(),
        staleness: Vec::new(),
        failover: None,
    };
    if [Section::Gathers, Section::Late, Section::Saves].into_iter().any(|section| run.wants(section)) {
        run.stores(&mut backends).await?;
    }
    run.road(&mut backends).await?;
    backends.environment = backends.environment.finished();
    let folder = options.out.clone().unwrap_or_else(|| run.place.workspace.join("docs").join("measured"));
    report::keep(&backends, &folder)?;
    Ok(report::plain(&backends))
}

struct Run<'a> {
    options: &'a BackendsOptions,
    servers: Servers,
    client: Client,
    place: Place,
}

impl Run<'_> {
    fn wants(&self, section: Section) -> bool {
        self.options.only.is_empty() || self.options.only.contains(&section)
    }

    /// What is asked of stores alone.
    async fn stores(&self, backends: &mut Backends) -> anyhow::Result<()> {
        let mut filled = Vec::new();
        for kind in &self.options.stores {
            filled.push(self.filled(*kind).await?);
        }
        let measured = self.of_filled(backends, &mut filled).await;
        for one in filled {
            let store = one.store.clone();
            drop(one);
            store.remove().await?;
        }
        measured
    }

    async fn filled(&self, kind: Kind) -> anyhow::Result<Filled> {
        let store = Store::new(kind, &self.servers, &self.place, "stores")?;
        store.remove().await?;
        let mut filled = Filled::empty(store).await?;
        let tenth = if kind == Kind::Dynamodb { 10 } else { 1 };
        for _ in 0..self.options.rounds {
            filled.grow((self.options.shops / self.options.rounds / tenth).max(50)).await?;
        }
        filled.complete().await?;
        filled.close();
        say(&format!("{}: {} shops", kind.title(), filled.shops));
        Ok(filled)
    }

    async fn of_filled(&self, backends: &mut Backends, filled: &mut [Filled]) -> anyhow::Result<()> {
        for one in filled.iter() {
            backends.servers.push(one.store.version().await);
            backends.shops.push((one.store.kind, one.shops));
        }
        if self.wants(Section::Gathers) {
            backends.gathers = self.gathers(filled).await?;
        }
        if self.wants(Section::Late) {
            backends.late = self.late(filled).await?;
        }
        if self.wants(Section::Saves) {
            for one in filled.iter_mut() {
                one.open().await?;
            }
            for round in 0..self.options.rounds {
                for one in filled.iter_mut() {
                    one.renew(one.shops / self.options.rounds, 2 + round).await?;
                }
            }
            for one in filled.iter() {
                backends.saves.push(one.saved(one.wakes().await?));
            }
            say("saves: measured");
        }
        Ok(())
    }

    /// Stores and ways take turns, so that what else the machine does is everybody's.
    async fn gathers(&self, filled: &[Filled]) -> anyhow::Result<Vec<Gathered>> {
        let mut lanes: Vec<Lane> = Vec::new();
        for one in filled {
            lanes.extend(gathers::lanes(one).await?);
        }
        for round in 1..=self.options.rounds {
            for lane in &mut lanes {
                let times = if lane.is_resident() { RESIDENT_TIMES } else { 1 };
                lane.turn(self.options.gathers * times).await?;
            }
            say(&format!("gathers: round {round} of {}", self.options.rounds));
        }
        Ok(lanes.into_iter().map(Lane::gathered).collect())
    }

    async fn late(&self, filled: &[Filled]) -> anyhow::Result<Vec<Late>> {
        let mut late = Vec::new();
        for one in filled.iter().filter(|one| one.store.kind != Kind::RedisCluster) {
            let asking = Asking {
                shops: one.shops,
                rounds: self.options.rounds,
                gathers: self.options.gathers.div_ceil(2),
                late_by: Duration::from_millis(self.options.late_ms),
            };
            for lateness in [Lateness::TwoShops, Lateness::All] {
                late.push(late::measured(&one.store, lateness, asking).await?);
            }
            say(&format!("late: {}", one.store.kind.title()));
        }
        Ok(late)
    }

    /// What needs all programs.
    async fn road(&self, backends: &mut Backends) -> anyhow::Result<()> {
        let (options, place, servers, client) = (self.options, &self.place, &self.servers, &self.client);
        if self.wants(Section::Freshness) {
            let changing = Changing {
                shops: options.changing_shops,
                rates: options.rates.clone(),
                seconds: options.seconds,
                publishing: Publishing {
                    rounds: options.rounds,
                    events: options.events,
                    paced_per_second: 100,
                    seconds: options.seconds,
                },
            };
            backends.freshness = Some(freshness::measured(place, servers, client, &changing).await?);
        }
        if self.wants(Section::Rebuild) {
            let rebuilding = Rebuilding {
                shops: options.rebuild_shops,
                rounds: options.rounds,
                seconds_max: options.rebuild_seconds_max,
            };
            backends.rebuild = rebuild::measured(place, servers, client, &options.stores, rebuilding).await?;
        }
        if self.wants(Section::Staleness) {
            backends.staleness = staleness::measured(place, servers, client, options.cuts).await?;
        }
        if self.wants(Section::Failover) {
            let failing = Failing {
                shops: options.changing_shops,
                deaths: options.deaths,
                lists_per_second: options.lists_per_second,
                node_timeout: Duration::from_millis(options.node_timeout_ms),
            };
            backends.failover = Some(failover::measured(place, servers, client, failing).await?);
        }
        Ok(())
    }
}

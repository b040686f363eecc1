//! What grows with the number of shops: the same questions to stores of different sizes, in turns.
//!
//! In: some numbers of shops. Out: one table of what a list, a save, a start and a shop cost at each of them. Modules stand
//! in the order of one run.

pub mod lanes; //  a store                -> query servers on it, each asked in its own way
pub mod saves; //  a store                -> what saving costs in it
pub mod report; // what was measured      -> text, Markdown, JSON

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use reqwest::Client;
use serde::Serialize;

use self::lanes::{Lane, Way};
use self::saves::{Beside, Saver, Saves};
use crate::compare::environment::Environment;
use crate::compare::place::Place;
use crate::compare::sampled::{Kind, Sampled};
use crate::compare::shops::{self, QueryServer};
use crate::compare::start::{self, Start};
use crate::tools::Tools;
use crate::{median, say};

/// Sizes, and for how long.
#[derive(Clone, Debug, Args)]
pub struct ScaleOptions {
    /// Numbers of shops; each store is made once and kept (a million takes some 13 GB and five minutes)
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000], value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    pub shops: Vec<u64>,
    /// Turns of each query server
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub rounds: u64,
    /// Of each turn
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Distinct lists of each size
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(10..=2_000))]
    pub pages: u64,
    /// Documents saved in each round
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub saves: u64,
    /// Where scale.json and scale.md are kept [default: docs/measured]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Scale {
    /// On what.
    pub environment: Environment,
    /// One for each number of shops.
    pub sizes: Vec<Size>,
}

/// What one number of shops costs.
#[derive(Clone, Debug, Serialize)]
pub struct Size {
    /// Start and memory of a query server with all cards resident.
    pub start: Start,
    /// CPU time per list, by the way in which it is asked for.
    pub lists: Vec<Listed>,
    /// Reading while documents are saved.
    pub disturbed: Vec<Disturbed>,
    /// Saving.
    pub saves: Saves,
    /// The store on disk.
    pub store_bytes: u64,
}

/// CPU time per list of one query server.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// How it is asked.
    pub way: Way,
    /// Median of the rounds.
    pub cpu_micros: f64,
    /// Each round.
    pub cpu_micros_of_each_round: Vec<f64>,
    /// Requests a second, the load generator being on the same cores; median of the rounds.
    pub per_second: f64,
    /// After all rounds, what no file holds.
    pub anonymous_bytes: u64,
}

/// CPU time per unchanged list of a query server that follows what is saved meanwhile.
#[derive(Clone, Debug, Serialize)]
pub struct Disturbed {
    /// What is saved.
    pub beside: Beside,
    /// Median of the rounds, in turns with the others.
    pub cpu_micros: f64,
    /// Each round.
    pub cpu_micros_of_each_round: Vec<f64>,
    /// Documents that were saved a second.
    pub saves_per_second: f64,
}

/// One number of shops with its servers.
struct Prepared {
    store: PathBuf,
    start: Start,
    lanes: Vec<Lane>,
}

/// Runs it; the table.
///
/// # Errors
/// When a store cannot be made, or a query server does not answer.
pub async fn scale(options: &ScaleOptions, command: String) -> anyhow::Result<String> {
    let place = Place::made(options.shops.first().copied().unwrap_or(10_000))?;
    let tools = Tools::found(&place.target);
    tools.command("wrk")?;
    let environment = Environment::found(&tools, &place.workspace, command);
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let mut prepared = Vec::new();
    for shops in &options.shops {
        prepared.push(prepare(options, *shops, &client).await?);
    }
    for round in 1..=options.rounds {
        // Sizes take turns, every second round from behind, so that nobody always follows the same other.
        let mut lanes: Vec<&mut Lane> = prepared.iter_mut().flat_map(|size| &mut size.lanes).collect();
        if round.is_multiple_of(2) {
            lanes.reverse();
        }
        for lane in lanes {
            lane.turn(&tools, options.seconds).await?;
        }
        say(&format!("lists: round {round} of {}", options.rounds));
    }
    let mut sizes: Vec<Size> = Vec::new();
    for size in prepared {
        sizes.push(finished(size, &tools, options).await?);
    }
    let scale = Scale { environment: environment.finished(), sizes };
    let folder = options.out.clone().unwrap_or_else(|| place.workspace.join("docs").join("measured"));
    report::keep(&scale, &folder)?;
    Ok(report::plain(&scale))
}

async fn prepare(options: &ScaleOptions, shops: u64, client: &Client) -> anyhow::Result<Prepared> {
    let place = Place::made(shops)?;
    let store = shops::store(&place, shops).await?;
    let mut source = QueryServer::start(&place, &store, "scale-sampled", "")?;
    source.until_ready(client).await?;
    let sampled = Sampled::full_lists(client, &source.url(), usize::try_from(options.pages)?).await?;
    drop(source);
    let pages = sampled.of(Kind::List);
    say(&format!("{shops} shops: {} lists", pages.len()));
    let start = start::start(&place, client, &store, &pages[0].path, None).await?;
    let mut lanes = Vec::new();
    for way in Way::ALL {
        lanes.push(Lane::start(&place, &store, client, way, pages, &start).await?);
    }
    Ok(Prepared { store, start, lanes })
}

async fn finished(size: Prepared, tools: &Tools, options: &ScaleOptions) -> anyhow::Result<Size> {
    let Prepared { store, start, mut lanes } = size;
    let saver = Saver::open(&store, start.shops)?;
    let disturbed = match lanes.first_mut() {
        Some(unchanged) => disturbed(unchanged, &saver, tools, options).await?,
        None => Vec::new(),
    };
    let lists = lanes.into_iter().map(Lane::finished).collect::<anyhow::Result<_>>()?;
    let saves = saver.measure(options).await?;
    say(&format!("{} shops: saved", start.shops));
    Ok(Size { start, lists, disturbed, saves, store_bytes: bytes_of(&store)? })
}

async fn disturbed(
    lane: &mut Lane,
    saver: &Arc<Saver>,
    tools: &Tools,
    options: &ScaleOptions,
) -> anyhow::Result<Vec<Disturbed>> {
    let mut disturbed: Vec<Disturbed> = Beside::ALL
        .map(|beside| Disturbed {
            beside,
            cpu_micros: 0.0,
            cpu_micros_of_each_round: Vec::new(),
            saves_per_second: 0.0,
        })
        .into();
    let mut per_second = vec![Vec::new(); disturbed.len()];
    for _ in 0..options.rounds {
        for (one, per_second) in disturbed.iter_mut().zip(&mut per_second) {
            let before = saver.saved();
            let (saving, beside) = (Arc::clone(saver), one.beside);
            let saving = tokio::spawn(async move { saving.go_on(beside).await });
            let turn = lane.turn_seen(tools, options.seconds).await;
            saving.abort();
            let seen = turn?;
            one.cpu_micros_of_each_round.push(seen.cpu_micros);
            #[allow(clippy::cast_precision_loss)]
            per_second.push((saver.saved() - before) as f64 / seen.seconds);
            // What was in flight is saved before the next turn begins.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    for (one, per_second) in disturbed.iter_mut().zip(per_second) {
        one.cpu_micros = median(&one.cpu_micros_of_each_round);
        one.saves_per_second = median(&per_second);
    }
    Ok(disturbed)
}

/// Of all files in a folder.
fn bytes_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

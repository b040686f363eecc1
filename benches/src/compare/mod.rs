//! One comparison: the same pages from all contestants, in turns.
//!
//! In: a number of shops. Out: one table with ratios to nginx serving static files, verdicts on the targets, and both as
//! files. Modules stand in the order of one run.

pub mod place; //        nothing                   -> folders
pub mod shops; //        a number                  -> a store, query servers on it
pub mod sampled; //      a query server            -> several hundred distinct pages of each kind
pub mod peers; //        pages                     -> nginx, Varnish, Redis, hyper, axum
pub mod servers; //      all of these              -> running at the same time
pub mod contestants; //  servers, ways of asking   -> the rows of the table
pub mod check; //        a contestant              -> that it answers with the same shops
pub mod measure; //      contestants               -> CPU time, latency, memory, in rounds
pub mod start; //        the store                 -> how soon the first list comes
pub mod environment; //  the machine               -> on what all this was measured
pub mod results; //      lanes                     -> rows
pub mod targets; //      rows                      -> verdicts
pub mod report; //       results                   -> text, Markdown, JSON, SVG

use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Client;

use self::contestants::Contestant;
use self::environment::Environment;
use self::measure::{Effort, Lane, Track};
use self::place::Place;
use self::results::Results;
use self::sampled::{Kind, Sampled};
use self::servers::Servers;
use self::shops::QueryServer;
use crate::say;
use crate::tools::Tools;

/// More distinct pages than the popularity curve has ranks cannot be asked for.
const PAGES_MAX: u64 = 2_000;

/// Opening hours begin and end at quarters of an hour.
const ROUND_TIMES_S: i64 = 900;
/// Sampling, starting the peers and checking take less.
const CHECKED_WITHIN_S: i64 = 90;

/// What is compared, and for how long.
#[derive(Clone, Debug, Args)]
pub struct CompareOptions {
    /// Real shops of London up to 70,000; the store is made once and kept
    #[arg(long, default_value_t = 70_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    pub shops: u64,
    /// Turns of each contestant
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub rounds: u64,
    /// Of each turn at full speed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Of each turn at the fixed rate
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub latency_seconds: u64,
    /// Requests per second at the fixed rate
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub rate: u64,
    /// Distinct pages of each kind
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(10..=PAGES_MAX))]
    pub pages: u64,
    /// Only rows with one of these texts in their name; nothing is written to `--out` then
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,
    /// Where compare.json, compare.md and compare.svg are kept [default: docs/measured]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Runs it; the table.
///
/// # Errors
/// When Shopfront cannot be started or sampled, or wrk is missing. A missing peer is a row that says so.
pub async fn compare(options: &CompareOptions, command: String) -> anyhow::Result<String> {
    let place = Place::made(options.shops)?;
    let tools = Tools::found(&place.target);
    tools.command("wrk")?;
    let environment = Environment::found(&tools, &place.workspace, command);
    let client = Client::builder().no_proxy().timeout(std::time::Duration::from_secs(10)).build()?;

    let store = shops::store(&place, options.shops).await?;
    let sampled = sampled(options, &place, &tools, &client, &store).await?;
    sampled.write_files(&place.files())?;
    let mut servers = Servers::of_shopfront(&place, &client, &store).await?;
    servers.start_peers(&tools, &place, &client, &sampled).await;

    let (mut lanes, refused) = checked(options, &place, &client, &servers, &sampled).await?;
    let effort = Effort {
        rounds: usize::try_from(options.rounds)?,
        seconds: options.seconds,
        latency_seconds: options.latency_seconds,
        per_second: options.rate,
    };
    let turns = lanes.len() as u64 * options.rounds;
    say(&format!(
        "{} rows, some {} minutes",
        lanes.len(),
        turns * (options.seconds + options.latency_seconds) / 60
    ));
    Track { tools: &tools, client: &client, sampled: &sampled, effort }.run(&mut lanes).await?;

    let rows = results::rows(&lanes, &refused);
    drop(lanes);
    let redis_loaded_after = servers.redis_loaded_after;
    drop(servers);
    let first_list = &sampled.of(Kind::List)[0].path;
    let start = start::start(&place, &client, &store, first_list, redis_loaded_after).await?;
    let targets = targets::all(&rows, Some(&start));
    let environment = environment.finished();
    let results = Results { environment, pages: sampled.likeness(), rows, start: Some(start), targets };
    if options.only.is_empty() {
        let folder = options.out.clone().unwrap_or_else(|| place.workspace.join("docs").join("measured"));
        report::keep(&results, &folder)?;
    }
    Ok(report::summary::plain(&results))
}

/// The pages, from a query server that is there for this alone: afterwards it holds in memory much that those that are
/// measured were never asked for. Redis' file of all shops comes from it too.
async fn sampled(
    options: &CompareOptions,
    place: &Place,
    tools: &Tools,
    client: &Client,
    store: &Path,
) -> anyhow::Result<Sampled> {
    let mut source = QueryServer::start(place, store, "shopfront-sampled", "")?;
    source.until_ready(client).await?;
    if let Err(error) = peers::redis::fill(tools, place, client, &source.url(), options.shops).await {
        say(&format!("Redis: {error:#}"));
    }
    a_quiet_moment().await;
    Sampled::from(client, &source.url(), usize::try_from(options.pages)?).await
}

/// Shops open and close at round times, which moves them on lists: sampling and checking are to see the same ones.
async fn a_quiet_moment() {
    let second = jiff::Timestamp::now().as_second();
    let left = ROUND_TIMES_S - second.rem_euclid(ROUND_TIMES_S);
    if left < CHECKED_WITHIN_S {
        say(&format!("waiting {left} s: then shops open and close"));
        tokio::time::sleep(std::time::Duration::from_secs(left.unsigned_abs() + 1)).await;
    }
}

/// The contestants that answer as they should, and what is wrong with the others.
async fn checked(
    options: &CompareOptions,
    place: &Place,
    client: &Client,
    servers: &Servers,
    sampled: &Sampled,
) -> anyhow::Result<(Vec<Lane>, Vec<(Contestant, String)>)> {
    let (mut lanes, mut refused) = (Vec::new(), Vec::new());
    for (number, contestant) in contestants::all().into_iter().enumerate() {
        let name = contestant.to_string();
        if !options.only.is_empty() && !options.only.iter().any(|text| name.contains(text.as_str())) {
            continue;
        }
        let pages = sampled.of(contestant.kind);
        let outcome = match servers.get(contestant.role.server()) {
            Ok(running) => check::check(client, contestant, running, pages).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(checked) => lanes.push(Lane::new(place, number, checked)?),
            Err(error) => {
                let why = format!("{error:#}");
                say(&format!("{}, {name}: not measured: {why}", contestant.kind.title()));
                refused.push((contestant, why));
            }
        }
    }
    Ok((lanes, refused))
}

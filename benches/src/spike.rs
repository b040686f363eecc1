//! The 5 pm flood against one query server on one core: people browse 150 times as much from one second to the next, which
//! is far more than fits, while others go on ordering, which alone would fit.
//!
//! Lists are made anew and packed for each request, so that one generator on the other core asks for several times what the
//! server can do.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use reqwest::Client;

use crate::compare::contestants::{self, Asked, Coding};
use crate::compare::place::Place;
use crate::compare::report::table::Table;
use crate::compare::sampled::{Kind, Page, Sampled};
use crate::compare::shops::{self, QueryServer};
use crate::open_loop::{self, Latencies, Offer};
use crate::tools::Tools;
use crate::wrk::{self, Load, Seen};
use crate::{cpu, popularity, say};

/// Requests before the order begins anew.
const ORDER_REQUESTS: usize = 16_384;
/// Of orders and gaps; any other would do.
const SEED: u64 = 0x0005_0711;
/// Shops in a cart, on a map, in a batch.
const BATCH_SHOPS: usize = 10;
/// People who order, or browse before and after: none of them waits for another's answer.
const CONNECTIONS: usize = 256;
/// Browsers at the spike, each asking again as soon as it is answered.
const BROWSERS: usize = 1_000;

/// How much and for how long.
#[derive(Clone, Debug, Args)]
pub struct SpikeOptions {
    /// Real shops of London up to 70,000; the store is made once and kept
    #[arg(long, default_value_t = 70_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    pub shops: u64,
    /// Details, batches and availabilities a second, all the time
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=50_000))]
    pub order_rate: u64,
    /// Lists a second before and after; the flood is without a rate, as fast as one generator goes
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u64).range(1..=50_000))]
    pub base_rate: u64,
    /// Of the flood; half of it before and after
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=600))]
    pub seconds: u64,
}

/// What one phase showed.
struct Phase {
    name: &'static str,
    ordered: Latencies,
    browsed: Seen,
    seconds: f64,
}

/// Runs it; the table.
///
/// # Errors
/// When the query server does not answer, or breaks a connection.
pub async fn spike(options: &SpikeOptions) -> anyhow::Result<String> {
    let place = Place::made(options.shops)?;
    let tools = Tools::found(&place.target);
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let store = shops::store(&place, options.shops).await?;
    let mut server = QueryServer::start(&place, &store, "spike", "pages_bytes_max = 0\n")?;
    server.until_ready(&client).await?;
    let sampled = Sampled::from(&client, &server.url(), 400).await?;
    cpu::keep_on_core(&server.child.process_ids(), 0)?;
    cpu::keep_on_core(&[std::process::id()], 1)?;
    let crowd = Crowd::new(options, &place, tools, server, &sampled)?;
    let half = options.seconds / 2;
    let phases = [
        crowd.phase("calm", half, false).await?,
        crowd.phase("flood", options.seconds, true).await?,
        crowd.phase("after", half, false).await?,
    ];
    Ok(table(&phases).plain())
}

/// All who ask.
struct Crowd {
    tools: Tools,
    server: QueryServer,
    script: PathBuf,
    browsing: Vec<String>,
    ordering: Vec<String>,
    options: SpikeOptions,
}

impl Crowd {
    fn new(
        options: &SpikeOptions,
        place: &Place,
        tools: Tools,
        server: QueryServer,
        sampled: &Sampled,
    ) -> anyhow::Result<Self> {
        let lists = sampled.of(Kind::List);
        let browsing: Vec<String> = lists
            .iter()
            .map(|page| contestants::request(&page.path, Asked::Accepting(Coding::Zstd), None))
            .collect();
        let script = place.run.join("spike.lua");
        wrk::write_script(&script, &browsing, &order_of(browsing.len())?)?;
        let ordering = ordering(lists, sampled.of(Kind::Detail));
        Ok(Self { tools, server, script, browsing, ordering, options: options.clone() })
    }

    async fn phase(&self, name: &'static str, seconds: u64, is_flood: bool) -> anyhow::Result<Phase> {
        let began = Instant::now();
        let ordered = self.ask(&self.ordering, self.options.order_rate, seconds);
        let browsed = async {
            if is_flood {
                let load = Load { connections: BROWSERS, seconds };
                return wrk::ask(&self.tools, &self.script, self.server.public, load).await;
            }
            let seen = self.ask(&self.browsing, self.options.base_rate, seconds).await?;
            let requests = seen.nanos.len();
            Ok(Seen { requests, errors: seen.errors, refused: seen.errors, ..Seen::default() })
        };
        let (ordered, browsed) = tokio::try_join!(ordered, browsed)?;
        say(&format!("{name}: over"));
        Ok(Phase { name, ordered, browsed, seconds: began.elapsed().as_secs_f64() })
    }

    async fn ask(&self, requests: &[String], per_second: u64, seconds: u64) -> anyhow::Result<Latencies> {
        #[allow(clippy::cast_precision_loss)]
        let offer = Offer {
            per_second: per_second as f64,
            seconds: seconds as f64,
            seed: SEED,
            connections: CONNECTIONS,
        };
        let (requests, order) = (requests.to_vec(), order_of(requests.len())?);
        let address = self.server.public;
        let asking = move || open_loop::run(address, &requests, &order, offer, &AtomicBool::new(false));
        tokio::task::spawn_blocking(asking).await?
    }
}

fn order_of(pages: usize) -> anyhow::Result<Vec<usize>> {
    let curve = popularity::curve()?;
    let weights = curve.get(..pages).context("more pages than the curve has ranks")?;
    popularity::order(weights, ORDER_REQUESTS, SEED)
}

/// Who orders: half of all requests are details, a quarter batches, a quarter availabilities.
fn ordering(lists: &[Page], details: &[Page]) -> Vec<String> {
    let plain = |path: &str| contestants::request(path, Asked::Plainly, None);
    let few = |page: &Page| page.shop_ids.iter().take(BATCH_SHOPS).cloned().collect::<Vec<_>>().join(",");
    let mut requests = Vec::new();
    for (place, (list, detail)) in lists.iter().zip(details).enumerate() {
        requests.push(plain(&detail.path));
        let ids = few(list);
        requests.push(if place % 2 == 0 {
            plain(&format!("/v1/shops?ids={ids}"))
        } else {
            plain(&format!("/v1/availability?ids={ids}&lat=51.5074&lng=-0.1278"))
        });
    }
    requests
}

fn table(phases: &[Phase]) -> Table {
    let mut table = Table::new(
        1,
        &[
            "phase",
            "orders offered",
            "answered %",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "lists/s answered",
            "lists/s refused",
            "broken",
            "× base",
        ],
    );
    let base = phases.first().map_or(1.0, |calm| per_second(calm.browsed.requests, calm.seconds));
    for Phase { name, ordered, browsed, seconds } in phases {
        #[allow(clippy::cast_precision_loss)]
        let answered = 100.0 * (1.0 - ordered.errors as f64 / ordered.nanos.len().max(1) as f64);
        table.row([
            (*name).to_owned(),
            ordered.nanos.len().to_string(),
            format!("{answered:.3}"),
            format!("{:.2}", ordered.millis(0.5)),
            format!("{:.2}", ordered.millis(0.99)),
            format!("{:.2}", ordered.millis(0.999)),
            format!("{:.0}", per_second(browsed.requests - browsed.refused, *seconds)),
            format!("{:.0}", per_second(browsed.refused, *seconds)),
            (browsed.errors - browsed.refused).to_string(),
            format!("{:.0}", per_second(browsed.requests, *seconds) / base),
        ]);
    }
    table
}

#[allow(clippy::cast_precision_loss)]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

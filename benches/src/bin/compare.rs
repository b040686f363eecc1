//! CPU microseconds per request, side by side: nginx with the same bytes as static files, Shopfront with pages
//! kept, Shopfront composing every page. Interleaved rounds over one store.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use benches::peers::Peers;
use benches::sampled::Sampled;
use benches::{cpu, median, wrk};
use clap::Parser;
use reqwest::Client;

#[derive(Debug, Parser)]
struct Arguments {
    /// The store of a seeded demo.
    #[arg(long, default_value = "demo-data/store")]
    store: PathBuf,
    /// Rounds of every contestant, one after the other.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of one turn.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Distinct list pages.
    #[arg(long, default_value_t = 300)]
    pages: usize,
}

struct Contestant {
    name: &'static str,
    port: u16,
    process_ids: Vec<u32>,
    script: PathBuf,
    micros: Vec<f64>,
}

/// Kills what it started.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const KEPT: u16 = 18_080;
const COMPOSED: u16 = 18_082;
const NGINX: u16 = 18_084;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let own = std::env::current_exe()?;
    let built = own.parent().context("a directory")?;
    let target = built.parent().context("a target directory")?;
    let peers = Peers::fetched(target)?;
    let directory = target.join("compare");
    std::fs::create_dir_all(&directory)?;

    let store = arguments.store.canonicalize().with_context(|| format!("{}", arguments.store.display()))?;
    let kept = start_query_server(built, &directory, &store, "kept", KEPT, "")?;
    let composed =
        start_query_server(built, &directory, &store, "composed", COMPOSED, "pages_bytes_max = 0\n")?;
    let client = Client::new();
    for port in [KEPT, COMPOSED] {
        await_ready(&client, port + 1).await?;
    }
    let address = format!("http://127.0.0.1:{KEPT}");
    let lists = Sampled::lists(&client, &address, arguments.pages).await?;
    let details = Sampled::details(&client, &address, &lists, arguments.pages).await?;
    let list_files = lists.write_files(&directory.join("files/lists"))?;
    let detail_files = details.write_files(&directory.join("files/details"))?;
    let nginx = Started(peers.start_nginx(&directory, &directory.join("files"), NGINX)?);
    tokio::time::sleep(Duration::from_millis(500)).await;

    let nginx_ids = cpu::with_children(nginx.0.id())?;
    let turns = [
        ("list: nginx static", NGINX, nginx_ids.clone(), plain(&list_files)),
        ("list: unchanged", KEPT, vec![kept.0.id()], plain(&lists.paths())),
        ("list: composed", COMPOSED, vec![composed.0.id()], plain(&lists.paths())),
        ("list: 304", KEPT, vec![kept.0.id()], tagged(&client, &address, &lists.paths()).await?),
        ("detail: nginx static", NGINX, nginx_ids, plain(&detail_files)),
        ("detail", KEPT, vec![kept.0.id()], plain(&details.paths())),
    ];
    let mut contestants = Vec::new();
    for (number, (name, port, process_ids, requests)) in turns.into_iter().enumerate() {
        let script = directory.join(format!("turn-{number}.lua"));
        wrk::write_script(&script, &requests)?;
        contestants.push(Contestant { name, port, process_ids, script, micros: Vec::new() });
    }
    println!(
        "{} list pages of {} bytes, {} details of {} bytes (median); {} rounds of {} s",
        lists.pages.len(),
        lists.body_bytes_median(),
        details.pages.len(),
        details.body_bytes_median(),
        arguments.rounds,
        arguments.seconds
    );
    for _ in 0..arguments.rounds {
        for contestant in &mut contestants {
            take_turn(&peers, contestant, arguments.seconds)?;
        }
    }
    print_table(&contestants);
    println!("resident: kept {} MiB", cpu::resident_bytes(kept.0.id())? >> 20);
    Ok(())
}

fn take_turn(peers: &Peers, contestant: &mut Contestant, seconds: u64) -> anyhow::Result<()> {
    let before = cpu::spent(&contestant.process_ids)?;
    let seen = wrk::run(peers, &contestant.script, contestant.port, seconds)?;
    ensure!(seen.errors == 0, "{}: {} answers were errors", contestant.name, seen.errors);
    let spent = cpu::spent(&contestant.process_ids)?.saturating_sub(before);
    #[allow(clippy::cast_precision_loss)]
    contestant.micros.push(spent.as_secs_f64() * 1e6 / seen.requests as f64);
    Ok(())
}

fn print_table(contestants: &[Contestant]) {
    println!("\n{:<24}{:>12}{:>12}{:>12}{:>10}", "what", "µs/request", "least", "most", "× nginx");
    let mut reference = f64::NAN;
    for contestant in contestants {
        let middle = median(&contestant.micros);
        if contestant.name.contains("nginx") {
            reference = middle;
        }
        let least = contestant.micros.iter().copied().fold(f64::INFINITY, f64::min);
        let most = contestant.micros.iter().copied().fold(0.0, f64::max);
        println!(
            "{:<24}{middle:>12.2}{least:>12.2}{most:>12.2}{:>10.2}",
            contestant.name,
            reference / middle
        );
    }
    println!("(× nginx: nginx's CPU per request divided by ours; above 1 is cheaper than a static file)");
}

fn plain(paths: &[String]) -> Vec<(String, Option<String>)> {
    paths.iter().map(|path| (path.clone(), None)).collect()
}

async fn tagged(
    client: &Client,
    address: &str,
    paths: &[String],
) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let mut requests = Vec::new();
    for path in paths {
        let answer = client.get(format!("{address}{path}")).send().await?;
        let tag = answer.headers().get("etag").context("no etag")?.to_str()?.to_owned();
        requests.push((path.clone(), Some(tag)));
    }
    Ok(requests)
}

fn start_query_server(
    built: &Path,
    directory: &Path,
    store: &Path,
    label: &str,
    port: u16,
    more: &str,
) -> anyhow::Result<Started> {
    let config = directory.join(format!("{label}.toml"));
    let (store, ops) = (store.display(), port + 1);
    // The demo's writers may be stopped meanwhile: degraded parts would only add noise.
    std::fs::write(
        &config,
        format!(
            "public = \"127.0.0.1:{port}\"\nops = \"127.0.0.1:{ops}\"\nstore = \"{store}\"\n\
             degraded_after_ms = 86400000\n{more}"
        ),
    )?;
    let log = std::fs::File::create(directory.join(format!("{label}.log")))?;
    let child = Command::new(built.join("query-server"))
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("starting query-server; build it with `cargo build --release -p query-server`")?;
    Ok(Started(child))
}

async fn await_ready(client: &Client, ops: u16) -> anyhow::Result<()> {
    for _ in 0..600 {
        let ready = client.get(format!("http://127.0.0.1:{ops}/readyz")).send().await;
        if ready.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("no query server became ready on ops port {ops}")
}

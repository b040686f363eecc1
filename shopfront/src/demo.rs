//! Everything on one machine: every program as a child process, seeded, changing, restarted when it dies.
//!
//! In: a directory, a number of shops. Out: a live shop list, and sentences that say what to look at. It
//! deliberately knows the programs from outside only: their configuration files, their HTTP, their exit.

mod changes; //      a rate                     -> changes at the writers
mod children; //     programs                   -> processes, started again when they die
mod guide; //        what runs                  -> what to type
pub mod layout; //   addresses, directories     -> configuration files
mod memory; //       what the directory holds   -> what is still to be seeded
mod seed; //         the shops of London        -> the writers

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use service_runtime::Drain;

use self::children::Children;
use self::layout::Layout;
use self::memory::Memory;
use crate::say::Say;

/// More are not seeded: some 15 copies of every real shop.
pub const SHOPS_MAX: u64 = 1_000_000;

/// Everything on one machine, in one directory. A second start on the same directory goes on where it was.
#[derive(Clone, Debug, Args)]
pub struct DemoOptions {
    /// Real shops of London up to 70,000; above that they are repeated under new IDs
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=SHOPS_MAX))]
    pub shops: u64,
    /// Of the choice of shops and of all that is generated
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// New prices, notices, pauses, stars, campaigns; 0: nothing changes by itself
    #[arg(long, value_name = "RATE", default_value_t = 5.0, value_parser = rate)]
    pub changes_per_second: f64,
    /// Leave dead what died, to look at the others
    #[arg(long)]
    pub no_restart: bool,
    /// Where the app's lists and pages are served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub public: std::net::SocketAddr,
    /// Health and metrics of the query server
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    pub ops: std::net::SocketAddr,
    /// First of the ports of shop, ads and reviews writer; ten above are their ops ports and the invalidator's
    #[arg(long, value_name = "PORT", default_value_t = 7_101, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    pub writers_port: u16,
    /// Holds all: configuration, databases, events, documents, logs
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    pub data_dir: PathBuf,
    /// The document store: a directory, `redis://host:port/name`, `dynamodb://region/table`, …
    #[arg(long, value_name = "STORE", help_heading = "Instead of what is embedded")]
    pub store: Option<String>,
    /// What carries events: a directory, `sns-sqs://region/account/prefix`
    #[arg(long, value_name = "EVENTS", help_heading = "Instead of what is embedded")]
    pub events: Option<String>,
    /// What lists and searches are asked: `http://host:port/index` of Elasticsearch or OpenSearch
    #[arg(long, value_name = "SEARCH", help_heading = "Instead of what is embedded")]
    pub search: Option<String>,
    /// Addresses and process IDs as JSON, once everything answers and after every restart
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.0..=10_000.0).contains(rate));
    rate.ok_or_else(|| "expected a number from 0 to 10000".to_owned())
}

/// Runs until Ctrl-C, SIGTERM, or a failure to start.
///
/// # Errors
/// A program is missing, a port is busy, the directory is in use or of another seed.
pub async fn demo(options: DemoOptions, say: &Say) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let data_dir = directory(&options.data_dir)?;
    let flag = || format!("`--data-dir {}`", options.data_dir.display());
    let _held = memory::hold(&data_dir).with_context(flag)?;
    let memory = Memory::read(&data_dir).with_context(flag)?;
    let plan = memory.plan(&data_dir, options.seed, options.shops)?;
    let layout = Arc::new(Layout::new(&options, data_dir)?);
    layout.ports_are_free()?;
    layout.write().with_context(flag)?;

    let drain = Drain::new();
    drain.on_signals()?;
    let children =
        Children::start(layout.clone(), !options.no_restart, options.ready_file.clone(), say.clone())?;
    let lived = tokio::select! {
        lived = live(&options, &layout, &children, plan, started, say) => lived,
        () = drain.begun() => Ok(()),
    };
    if drain.has_begun() {
        say.aside("stopping: readers first, then the invalidator, then the writers");
    }
    children.stop().await;
    lived.map(|()| ExitCode::SUCCESS)
}

/// The directory that holds all, made if it is not there yet.
fn directory(given: &Path) -> anyhow::Result<PathBuf> {
    let made = std::fs::create_dir_all(given).and_then(|()| given.canonicalize());
    made.map_err(|error| {
        let given = given.display();
        anyhow::anyhow!("`--data-dir {given}`: {error}; expected a directory that may be written")
    })
}

/// From the first process to the last change. Ends only by failing; the caller ends it otherwise.
async fn live(
    options: &DemoOptions,
    layout: &Layout,
    children: &Children,
    plan: memory::Plan,
    started: Instant,
    say: &Say,
) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
    let first_list = guide::first_list(&client, layout, plan.to);
    let seeded = async {
        if plan.is_empty() {
            say.aside(&format!("{} shops are here already", plan.to));
            return Ok(());
        }
        seed::seed(layout, &plan, options.seed, say).await?;
        Memory { seed: options.seed, shops: plan.to }.write(&layout.data_dir)
    };
    let list_after = async {
        let first = first_list.await?;
        let after = started.elapsed();
        say.aside(&format!("first list after {:.1} s", after.as_secs_f64()));
        anyhow::Ok((first, after))
    };
    let visible = async {
        children.until_ready(&client, layout::WRITERS).await?;
        let ((), first) = tokio::try_join!(seeded, list_after)?;
        guide::until_all_visible(&client, layout, plan.to).await?;
        children.until_ready(&client, layout::ALL).await?;
        anyhow::Ok(first)
    };
    let (shop, after) = tokio::select! {
        visible = visible => visible?,
        refused = children.tell_unready(&client) => return Err(refused),
    };
    children.announce_ready();
    say.result(&guide::text(options, layout, children, &shop, after, started.elapsed()));
    changes::keep_changing(options.changes_per_second, plan.to, layout, &client, say).await;
    Ok(())
}

/// Replaces a file in one step, so that a reader sees the old or the new one.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, content)?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_cannot_be_made_is_named_with_its_flag() {
        let kept = tempfile::tempdir().unwrap();
        let file = kept.path().join("file");
        std::fs::write(&file, "").unwrap();
        let said = directory(&file.join("data")).unwrap_err().to_string();
        assert!(said.starts_with(&format!("`--data-dir {}/data`: ", file.display())), "{said}");
        assert!(directory(&kept.path().join("new").join("data")).unwrap().is_dir());
    }
}

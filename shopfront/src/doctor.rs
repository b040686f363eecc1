//! Whether everything that the programs depend on answers, and what to do about what does not.
//!
//! In: the programs' configuration files. Out: one line per store, transport, search engine and writer. It asks as a reader
//! does and changes nothing.

mod dependency; // configuration files   -> what they lead to, each once
mod store; //      the document store    -> how it is
mod events; //     the transport         -> how it is
mod search; //     the search engine     -> how it is
mod writers; //    one writer            -> how it is

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use self::dependency::Dependency;
use crate::say::Say;

/// Whether everything that the programs depend on answers, and what to do about what does not.
#[derive(Clone, Debug, Args)]
pub struct DoctorOptions {
    /// Configurations of the programs [default: those of the demo in `demo-data`]
    #[arg(value_name = "CONFIG.toml")]
    pub configurations: Vec<PathBuf>,
    /// How long each dependency may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub patience: u64,
}

/// Of a configuration that leads to all of them.
const OF_THE_DEMO: [&str; 2] = ["demo-data/config/invalidator.toml", "demo-data/config/query-server.toml"];

/// How a dependency is, in words for people.
type Found = Result<String, Illness>;

/// What fails, and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Illness {
    what: String,
    fix: String,
}

impl Illness {
    fn new(what: impl std::fmt::Display, fix: impl Into<String>) -> Self {
        Self { what: what.to_string(), fix: fix.into() }
    }
}

/// Asks all of them at the same time. `true`: all are well.
///
/// # Errors
/// A configuration cannot be read.
pub async fn doctor(options: &DoctorOptions, say: &Say) -> anyhow::Result<bool> {
    let given = &options.configurations;
    let files = if given.is_empty() { OF_THE_DEMO.map(PathBuf::from).to_vec() } else { given.clone() };
    let dependencies = Dependency::of_files(&files)?;
    let patience = Duration::from_secs(options.patience);
    let asked = dependencies.iter().map(|dependency| async move {
        let began = Instant::now();
        let found = tokio::time::timeout(patience, dependency.ask(patience)).await.unwrap_or_else(|_| {
            Err(Illness::new(
                format!("no answer within {} s", patience.as_secs()),
                "see whether it hangs, or the network in between swallows packets; `--patience` waits longer",
            ))
        });
        (dependency, found, began.elapsed())
    });
    let mut all_well = true;
    for (dependency, found, took) in futures_util::future::join_all(asked).await {
        all_well &= found.is_ok();
        say.result(&line(dependency, &found, took));
    }
    Ok(all_well)
}

fn line(dependency: &Dependency, found: &Found, took: Duration) -> String {
    let what = format!("{:<15} {}", dependency.kind(), dependency.address());
    match found {
        Ok(well) => format!("ok    {what}\n      {well} ({} ms)", took.as_millis()),
        Err(Illness { what: illness, fix }) => format!("FAILS {what}\n      {illness}\n      fix: {fix}"),
    }
}

#[cfg(test)]
mod tests;

//! Whether everything that the programs depend on answers, and what to do about what does not.
//!
//! In: the programs' configurations, read as the programs read them. Out: a few lines per store, transport, search engine
//! and writer. It asks as a reader does and changes nothing.

mod configuration; // files, variables, flags -> what they lead to, each once
mod dependency; //    one of these            -> who asks it
mod writers; //       one writer              -> how it is
mod events; //        the transport           -> how it is
mod store; //         the document store      -> how it is
mod search; //        the search engine       -> how it is
mod way; //           why nobody is reached   -> where to look

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use self::dependency::Needed;
use crate::demo::layout::Program;
use crate::say::Say;

/// Whether everything that the programs depend on answers, and what to do about what does not.
///
/// Configurations are read as the programs read them: variables (`SHOPFRONT_STORE`) win over files, `--set` over variables.
#[derive(Clone, Debug, Args)]
pub struct DoctorOptions {
    /// Configurations of programs [default: those of the demo in `demo-data`]
    #[arg(value_name = "CONFIG.toml")]
    pub configurations: Vec<PathBuf>,
    /// Whose they are, where their names do not say it; without a file: whoever has variables only
    #[arg(long, value_enum, value_name = "NAME")]
    pub program: Option<Program>,
    /// What the programs are given as `--set`
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub set: Vec<String>,
    /// How long each dependency may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub patience: u64,
}

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
        // On one line: vendors' clients tell stories.
        let what = what.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ");
        Self { what, fix: fix.into() }
    }
}

/// The programs may have it: what they were built with is theirs to say.
fn without(feature: &str) -> Illness {
    Illness::new(
        format!("this `shopfront` was built without the feature `{feature}`, and cannot ask"),
        format!(
            "build it as the programs are built: `cargo build --release -p shopfront --features {feature}`"
        ),
    )
}

/// Asks all of them at the same time; `variables` are those of the programs. `true`: all are well.
///
/// # Errors
/// A configuration that its program refuses, in its words.
pub async fn doctor(
    options: &DoctorOptions,
    variables: impl Iterator<Item = (String, String)>,
    say: &Say,
) -> anyhow::Result<bool> {
    let needed = configuration::needed(options, variables)?;
    let patience = Duration::from_secs(options.patience);
    let asked = needed.iter().map(|needed| async move {
        let began = Instant::now();
        let asking = needed.dependency.ask(patience);
        let found = tokio::time::timeout(patience, asking).await.unwrap_or_else(|_| {
            Err(Illness::new(
                format!("no answer within {} s", patience.as_secs()),
                "see whether it hangs, or the network in between swallows packets; `--patience` waits longer",
            ))
        });
        (needed, found, began.elapsed())
    });
    let mut all_well = true;
    for (needed, found, took) in futures_util::future::join_all(asked).await {
        all_well &= found.is_ok();
        say.result(&line(needed, &found, took));
    }
    Ok(all_well)
}

fn line(needed: &Needed, found: &Found, took: Duration) -> String {
    let what = needed.shown();
    match found {
        Ok(well) => format!("ok    {what}\n      {well} ({} ms)", took.as_millis()),
        Err(Illness { what: illness, fix }) => format!("FAILS {what}\n      {illness}\n      fix: {fix}"),
    }
}

#[cfg(test)]
mod tests;

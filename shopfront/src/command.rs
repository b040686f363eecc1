//! The arguments, and who is called for them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::demo::{self, DemoOptions};
use crate::import::mapping::Mapping;
use crate::import::{self, ImportOptions, Targets};
use crate::inspect::{self, InspectOptions};
use crate::say::Say;
use crate::tether;

/// The operator's command of Shopfront.
#[derive(Debug, Parser)]
#[command(name = "shopfront", version, about, max_term_width = 100)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring shops from files into the shop writer
    Import(ImportArguments),
    /// Everything on one machine: real shops, changing live
    Demo(DemoOptions),
    /// One shop's stored document, section by section
    Inspect(InspectOptions),
    /// For the demo's own use
    #[command(name = tether::ARGUMENT, hide = true, disable_help_flag = true)]
    Tethered {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Bring shops from files into the shop writer. `docs/IMPORT.md` tells how to write a mapping.
#[derive(Debug, Args)]
struct ImportArguments {
    /// CSV, JSON, JSON lines or GeoJSON; `.gz` may follow
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How rows become shops
    #[arg(long, value_name = "MAPPING.toml")]
    map: PathBuf,
    /// The shop writer
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7101")]
    to: String,
    /// The ads writer, for campaigns that the mapping generates
    #[arg(long, value_name = "URL")]
    ads: Option<String>,
    /// The reviews writer, for review counts that the mapping generates
    #[arg(long, value_name = "URL")]
    reviews: Option<String>,
    /// All bad rows, one per line
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Of what the mapping generates: the same seed gives the same menus
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Bulks that travel at the same time; with 1, IDs are given in the order of the rows
    #[arg(long, default_value_t = 4)]
    in_flight: usize,
    /// How long a writer may be away
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

/// Does what was asked; failures are said on standard error.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    let say = Say::default();
    if let Action::Tethered { arguments } = &command.action {
        // Before any thread exists: the signal for the parent's end belongs to the thread that asked for it.
        say.aside(&format!("shopfront: {:#}", tether::become_child(arguments)));
        return ExitCode::FAILURE;
    }
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(act(command.action, &say)));
    match done {
        Ok(code) => code,
        Err(error) => {
            say.aside(&format!("shopfront: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn act(action: Action, say: &Say) -> anyhow::Result<ExitCode> {
    match action {
        Action::Import(arguments) => import_files(arguments, say).await,
        Action::Inspect(options) => {
            let whole = inspect::inspect(&options, say).await?;
            Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Action::Demo(options) => demo::demo(options, say).await,
        // Was done before the runtime began.
        Action::Tethered { .. } => Ok(ExitCode::FAILURE),
    }
}

async fn import_files(arguments: ImportArguments, say: &Say) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(&arguments.map)
        .with_context(|| format!("mapping `{}`", arguments.map.display()))?;
    let mapping = Mapping::parse(&arguments.map, &text)?;
    let options = ImportOptions {
        files: arguments.files,
        errors: arguments.errors,
        seed: arguments.seed,
        targets: Targets {
            shop: arguments.to,
            ads: arguments.ads,
            reviews: arguments.reviews,
            bulks_in_flight: arguments.in_flight,
            patience: Duration::from_secs(arguments.patience),
        },
    };
    let (counts, took) = import::import(&options, mapping, say.clone()).await?;
    say.result(&import::report::summary(&counts, took.as_secs_f64()));
    Ok(ExitCode::SUCCESS)
}

//! The arguments, and who is called for them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::demo::{self, DemoOptions};
use crate::doctor::{self, DoctorOptions};
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
    /// Whether all that the programs depend on answers, and what to do about what does not
    Doctor(DoctorOptions),
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
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7101", value_parser = writer_url)]
    to: String,
    /// The ads writer, for campaigns that the mapping generates
    #[arg(long, value_name = "URL", value_parser = writer_url)]
    ads: Option<String>,
    /// The reviews writer, for review counts that the mapping generates
    #[arg(long, value_name = "URL", value_parser = writer_url)]
    reviews: Option<String>,
    /// Read everything, send nothing, say what would be imported; fails if any row is bad
    #[arg(long, conflicts_with_all = ["to", "ads", "reviews", "in_flight", "patience"])]
    check: bool,
    /// All bad rows, one per line
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Of what the mapping generates: the same seed gives the same menus
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Bulks that travel at the same time; with 1, IDs are given in the order of the rows
    #[arg(long, value_name = "BULKS", default_value_t = 4, value_parser = in_flight)]
    in_flight: usize,
    /// How long a writer may be away
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = patience)]
    patience: u64,
}

/// Each holds some megabytes; more than these only wait for each other in the writer.
const IN_FLIGHT_MAX: usize = 64;
/// A day.
const PATIENCE_MAX_S: u64 = 86_400;

fn in_flight(text: &str) -> Result<usize, String> {
    let bulks = text.parse().ok().filter(|bulks| (1..=IN_FLIGHT_MAX).contains(bulks));
    bulks.ok_or_else(|| format!("expected a whole number of bulks, 1 to {IN_FLIGHT_MAX}"))
}

fn patience(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=PATIENCE_MAX_S).contains(seconds));
    seconds.ok_or_else(|| format!("expected whole seconds, 1 to {PATIENCE_MAX_S}"))
}

/// Otherwise a writer that cannot exist is waited for as patiently as one that is away.
fn writer_url(text: &str) -> Result<String, String> {
    let is_web = reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let expected = "expected the address of a writer, for example `http://127.0.0.1:7101`";
    if is_web { Ok(text.to_owned()) } else { Err(expected.to_owned()) }
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
        Action::Doctor(options) => {
            let all_well = doctor::doctor(&options, service_runtime::config::variables(), say).await?;
            Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Action::Demo(options) => demo::demo(options, say).await,
        // Was done before the runtime began.
        Action::Tethered { .. } => Ok(ExitCode::FAILURE),
    }
}

async fn import_files(arguments: ImportArguments, say: &Say) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(&arguments.map)
        .with_context(|| format!("`--map {}`", arguments.map.display()))?;
    let mapping = Mapping::parse(&arguments.map, &text)?;
    let targets = Targets {
        shop: arguments.to,
        ads: arguments.ads,
        reviews: arguments.reviews,
        bulks_in_flight: arguments.in_flight,
        patience: Duration::from_secs(arguments.patience),
    };
    let options = ImportOptions {
        files: arguments.files,
        errors: arguments.errors,
        seed: arguments.seed,
        targets: (!arguments.check).then_some(targets),
    };
    let (counts, took) = import::import(&options, mapping, say.clone()).await?;
    let seconds = took.as_secs_f64();
    if arguments.check {
        say.result(&import::report::check_summary(&counts, seconds));
        return Ok(if counts.bad_rows() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    say.result(&import::report::summary(&counts, seconds));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let import = ["shopfront", "import", "x.csv", "--map", "x.toml"];
        Command::try_parse_from(import.iter().chain(arguments)).unwrap_err().to_string()
    }

    #[test]
    fn an_import_that_could_not_work_is_refused_at_its_flag() {
        for (arguments, flag, expected) in [
            (["--patience", "0"], "--patience <SECONDS>", "expected whole seconds, 1 to 86400"),
            (["--patience", "1m"], "--patience <SECONDS>", "expected whole seconds, 1 to 86400"),
            (["--in-flight", "0"], "--in-flight <BULKS>", "expected a whole number of bulks, 1 to 64"),
            (["--in-flight", "65"], "--in-flight <BULKS>", "expected a whole number of bulks, 1 to 64"),
            (["--to", "127.0.0.1:7101"], "--to <URL>", "for example `http://127.0.0.1:7101`"),
            (["--ads", "ftp://ads"], "--ads <URL>", "for example `http://127.0.0.1:7101`"),
        ] {
            let said = refused(&arguments);
            assert!(said.contains(flag) && said.contains(expected), "{arguments:?}: {said}");
        }
        let checked = refused(&["--check", "--to", "http://127.0.0.1:7101"]);
        assert!(checked.contains("cannot be used with"), "{checked}");
        let good =
            ["shopfront", "import", "x.csv", "--map", "x.toml", "--patience", "1", "--in-flight", "64"];
        assert!(Command::try_parse_from(good).is_ok());
    }

    #[test]
    fn a_check_fails_only_if_a_row_is_bad() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mapping = r#"
            generate = ["delivery"]
            [source]
            name = "x"
            key = "id"
            [shop]
            name = "id"
            location = { lat = "y", lng = "x" }
            time_zone = { constant = "Europe/London" }
            currency = "GBP"
        "#;
        std::fs::write(path("x.toml"), mapping).unwrap();
        for (rows, expected) in [
            ("id,y,x\n1,53.79,-1.54\n", ExitCode::SUCCESS),
            ("id,y,x\n1,53.79,-1.54\n2,here,there\n", ExitCode::FAILURE),
        ] {
            std::fs::write(path("x.csv"), rows).unwrap();
            let (file, map) = (path("x.csv"), path("x.toml"));
            let arguments = [
                "shopfront".as_ref(),
                "import".as_ref(),
                file.as_os_str(),
                "--map".as_ref(),
                map.as_os_str(),
            ];
            let command = Command::try_parse_from(arguments.into_iter().chain(["--check".as_ref()])).unwrap();
            assert_eq!(run(command), expected, "{rows}");
        }
    }
}

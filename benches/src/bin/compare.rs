//! Shopfront and others side by side: `cargo xtask compare` builds what is needed and runs this.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use benches::compare::{self, CompareOptions};
use benches::say;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask compare", max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: CompareOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse().options).await {
        Ok(table) => {
            // A reader that went away is no error.
            drop(write!(std::io::stdout().lock(), "{table}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("compare: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whatever ends it, what was started is dropped, which stops it.
async fn run(options: &CompareOptions) -> anyhow::Result<String> {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("cargo xtask compare {}", typed.join(" ")).trim_end().to_owned();
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        table = compare::compare(options, command) => table,
        _ = interrupted.recv() => bail!("interrupted; all servers are stopped"),
        _ = terminated.recv() => bail!("told to end; all servers are stopped"),
    }
}

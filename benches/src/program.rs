//! What the measuring programs have in common: a table at the end, and no server left behind.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};

use crate::say;

/// Runs `measure`, which is given the command as one would type it, and prints its table. Whatever ends it, what was started
/// is dropped, which stops it.
pub async fn run<F>(name: &str, measure: impl FnOnce(String) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<String>>,
{
    match measured(name, measure).await {
        Ok(table) => {
            // A reader that went away is no error.
            drop(write!(std::io::stdout().lock(), "{table}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("{name}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn measured<F>(name: &str, measure: impl FnOnce(String) -> F) -> anyhow::Result<String>
where
    F: Future<Output = anyhow::Result<String>>,
{
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("cargo xtask {name} {}", typed.join(" ")).trim_end().to_owned();
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        table = measure(command) => table,
        _ = interrupted.recv() => bail!("interrupted; all servers are stopped"),
        _ = terminated.recv() => bail!("told to end; all servers are stopped"),
    }
}

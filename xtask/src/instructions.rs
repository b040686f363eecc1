//! `cargo xtask instructions`: instructions per request on the hot path, held against `benches/instructions.toml`.
//!
//! Counting unoptimised code would tell nothing, and building everything in release mode takes minutes. So the crates of the
//! read path are optimised in the place of the tests' build: all that others wrote is used as the tests have it (optimised
//! by `profile.dev.package`), and only what is ours is built a second time.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;

use crate::steps::{Outcome, Steps, cargo, say};
use crate::target;

/// The read path, and what calls it.
const OPTIMISED: [&str; 7] = [
    "shop-id",
    "service-runtime",
    "shop-document",
    "document-store",
    "shop-search",
    "query-server",
    "benches",
];

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct InstructionsOptions {
    /// Write down what is counted, instead of comparing
    #[arg(long)]
    accept: bool,
}

/// By itself.
pub(crate) fn instructions(options: &InstructionsOptions) -> anyhow::Result<ExitCode> {
    let mut steps = Steps::default();
    let outcome = check(&mut steps, options.accept, "--all-features");
    say(&format!("\n{}", steps.summary()));
    Ok(match outcome? {
        Outcome::Done => ExitCode::SUCCESS,
        Outcome::Untested => ExitCode::FAILURE,
    })
}

/// Builds, with the features that all else was built with, and counts.
pub(crate) fn check(steps: &mut Steps, accept: bool, features: &str) -> anyhow::Result<Outcome> {
    let hot_path = built(steps, features)?;
    let mut count = Command::new(hot_path);
    if accept {
        count.arg("--accept");
    }
    steps.run_if_possible("instructions of the hot path", &mut count)
}

fn built(steps: &mut Steps, features: &str) -> anyhow::Result<PathBuf> {
    // Everything is named, as for the tests, so that dependencies have the same features and are not built again.
    let mut build = cargo(["build", "--quiet", "--workspace", features, "--locked", "--example", "hot_path"]);
    for package in OPTIMISED {
        for setting in ["opt-level=3", "debug-assertions=false", "overflow-checks=false"] {
            build.arg("--config").arg(format!("profile.dev.package.{package}.{setting}"));
        }
    }
    // Code that was compiled piece by piece differs from code that was compiled at once.
    build.env("CARGO_INCREMENTAL", "0");
    steps.run("build the hot path", &mut build)?;
    Ok(target().join("debug/examples/hot_path"))
}

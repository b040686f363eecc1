//! `cargo xtask test`: everything that must hold, in the order in which it fails soonest.

use std::process::ExitCode;

use clap::Args;

use crate::licences;
use crate::steps::{Steps, cargo, say};

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TestOptions {
    /// Leave out what needs the network: the licence check installs its tool once
    #[arg(long)]
    embedded: bool,
}

/// Stops at the first thing that does not hold.
pub(crate) fn test(options: &TestOptions) -> anyhow::Result<ExitCode> {
    let mut steps = Steps::default();
    let outcome = all(&mut steps, options);
    say(&format!("\n{}", steps.summary()));
    outcome?;
    if options.embedded {
        say("left out because of --embedded: licences and sources (cargo deny)");
    }
    Ok(ExitCode::SUCCESS)
}

fn all(steps: &mut Steps, options: &TestOptions) -> anyhow::Result<()> {
    steps.run("format", &mut cargo(["fmt", "--all", "--check"]))?;
    let everything = ["--workspace", "--all-targets", "--all-features", "--locked"];
    let mut lints = cargo(["clippy", "--quiet"]);
    steps.run("lints", lints.args(everything).args(["--", "--deny", "warnings"]))?;
    // The journeys start the very binaries that this builds: with the same features as the tests, so once.
    let mut build = cargo(["build", "--quiet"]);
    steps.run("build", build.args(everything))?;
    let mut tests = cargo(["test", "--workspace", "--all-features", "--locked", "--no-fail-fast"]);
    steps.run("tests and doc tests", &mut tests)?;
    if !options.embedded {
        licences::check(steps)?;
    }
    Ok(())
}

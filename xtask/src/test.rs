//! `cargo xtask test`: everything that must hold, in the order in which it fails soonest.

use std::process::ExitCode;

use anyhow::ensure;
use clap::Args;

use crate::steps::{Outcome, Steps, cargo, say};
use crate::{instructions, licences};

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
    if outcome? == Outcome::Untested {
        let untested = "untested: instructions of the hot path; what they lack stands above";
        // Whoever gates on the verdict wants all of it.
        ensure!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{untested}");
        say(untested);
    }
    if options.embedded {
        say("left out because of --embedded: licences and sources (cargo deny)");
    }
    Ok(ExitCode::SUCCESS)
}

fn all(steps: &mut Steps, options: &TestOptions) -> anyhow::Result<Outcome> {
    steps.run("format", &mut cargo(["fmt", "--all", "--check"]))?;
    let everything = ["--workspace", "--all-targets", "--all-features", "--locked"];
    let mut lints = cargo(["clippy", "--quiet"]);
    steps.run("lints", lints.args(everything).args(["--", "--deny", "warnings"]))?;
    // The journeys start the very binaries that this builds: with the same features as the tests, so once.
    let mut build = cargo(["build", "--quiet"]);
    steps.run("build", build.args(everything))?;
    let mut tests = cargo(["test", "--workspace", "--all-features", "--locked", "--no-fail-fast"]);
    steps.run("tests and doc tests", &mut tests)?;
    // Last of what is built: it shares the tests' dependencies.
    let counted = instructions::check(steps, false)?;
    if !options.embedded {
        licences::check(steps)?;
    }
    Ok(counted)
}

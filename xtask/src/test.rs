//! `cargo xtask test`: everything that must hold, in the order in which it fails soonest.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{bail, ensure};
use clap::Args;

use crate::servers::{self, BroughtUp};
use crate::steps::{Outcome, Steps, cargo, say, shown};
use crate::suites::{self, Binaries, Ear, Suite, Verdict};
use crate::{instructions, journeys, licences, root};

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TestOptions {
    /// Leave out what needs the network: backends on real servers, and the licence check, which installs its tool once
    #[arg(long)]
    embedded: bool,
}

/// What could not be judged, and why.
type Untested = Vec<String>;

/// Stops at the first thing that does not hold.
pub(crate) fn test(options: &TestOptions) -> anyhow::Result<ExitCode> {
    let mut steps = Steps::default();
    let outcome = all(&mut steps, options);
    say(&format!("\n{}", steps.summary()));
    let untested = outcome?;
    if !untested.is_empty() {
        let untested = format!("untested: {}; what they lack stands above", untested.join(", "));
        // Whoever gates on the verdict wants all of it.
        ensure!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{untested}");
        say(&untested);
    }
    if options.embedded {
        say("left out because of --embedded: backends on real servers, licences and sources (cargo deny)");
    }
    Ok(ExitCode::SUCCESS)
}

fn all(steps: &mut Steps, options: &TestOptions) -> anyhow::Result<Untested> {
    steps.run("format", &mut cargo(["fmt", "--all", "--check"]))?;
    let suites = suites::present(root())?;
    let features = if options.embedded {
        suites::features_without(root(), &suites)?
    } else {
        "--all-features".to_owned()
    };
    let workspace = ["--workspace", "--locked", &features];
    let mut lints = cargo(["clippy", "--quiet", "--all-targets"]);
    steps.run("lints", lints.args(workspace).args(["--", "--deny", "warnings"]))?;
    // The journeys start the very binaries that this builds: with the same features as the tests, so once.
    let mut build = cargo(["build", "--quiet", "--all-targets"]);
    steps.run("build", build.args(workspace))?;
    let mut untested = if options.embedded {
        let mut tests = cargo(["test", "--no-fail-fast"]);
        steps.run("tests and doc tests", tests.args(workspace))?;
        Untested::new()
    } else {
        on_real_servers(steps, suites, &workspace)?
    };
    // Last of what is built: it shares the tests' dependencies.
    if instructions::check(steps, false, &features)? == Outcome::Untested {
        untested.push("instructions of the hot path".to_owned());
    }
    if !options.embedded {
        licences::check(steps)?;
    }
    Ok(untested)
}

/// All tests, those of backends among them, with servers that stop afterwards if they did not run before.
fn on_real_servers(
    steps: &mut Steps,
    suites: Vec<&'static Suite>,
    workspace: &[&str],
) -> anyhow::Result<Untested> {
    say("── real servers");
    let started = Instant::now();
    let mut needed: BTreeSet<String> = suites::servers(&suites).into_iter().collect();
    needed.extend(journeys::COMBINATIONS.iter().flat_map(journeys::Combination::servers).map(str::to_owned));
    let brought = servers::up(&servers::named(&needed.into_iter().collect::<Vec<_>>())?)?;
    brought.complaints().iter().for_each(|complaint| say(complaint));
    steps.took("real servers", started);
    let outcome = tests(steps, suites, workspace, &brought);
    servers::down(&brought.started)?;
    outcome
}

fn tests(
    steps: &mut Steps,
    suites: Vec<&'static Suite>,
    workspace: &[&str],
    brought: &BroughtUp,
) -> anyhow::Result<Untested> {
    let mut list = cargo(["test", "--quiet", "--no-run", "--message-format=json-render-diagnostics"]);
    let binaries = Binaries::read(&steps.output("list of tests", list.args(workspace))?)?;
    let mut ear = Ear::new(suites, binaries);
    let mut tests = cargo(["test", "--no-fail-fast"]);
    tests.args(workspace).envs(servers::variables()?);
    let succeeded = steps.run_heard("tests and doc tests", &mut tests, |line| ear.hear(line))?;

    let missing: BTreeSet<&str> = brought.missing.iter().map(|(name, _)| *name).collect();
    let verdicts = ear.verdicts(&missing);
    say(&format!("\n{}", suites::table(&verdicts)));
    if !succeeded && !ear.only_missing_failed(&missing) {
        bail!("tests and doc tests failed; again by themselves: {}", shown(&tests));
    }
    let untested = verdicts.iter().filter(|(.., verdict)| *verdict == Verdict::Untested);
    let untested = untested.map(|(server, suite, _)| format!("{server} by {suite}"));
    let travelled = journeys::all(steps, workspace)?;
    say(&format!("\n{}\n{}", suites::table(&verdicts), journeys::table(&travelled)));
    let failed = travelled.iter().find(|(_, verdict)| *verdict == journeys::Verdict::Failed);
    ensure!(failed.is_none(), "journeys over {} failed", failed.map_or("", |(name, _)| name));
    let untravelled = travelled.iter().filter(|(_, verdict)| *verdict == journeys::Verdict::Untested);
    Ok(untested.chain(untravelled.map(|(name, _)| format!("journeys over {name}"))).collect())
}

//! `cargo xtask compare`, `scale`, `spike`: all programs and our own peers in release mode, then the measurement in this
//! process's place. `cargo xtask backends`: the same with what reaches real servers, and with the servers.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{bail, ensure};

use crate::demo::{PROGRAMS, become_it, built, built_with, value_of};
use crate::servers;
use crate::steps::say;

/// Builds and becomes the measuring program, so that Ctrl-C reaches what stops the servers.
pub(crate) fn measure(program: &str, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut measure = built(program, &packages())?;
    measure.args(arguments);
    become_it(measure)
}

fn packages() -> Vec<&'static str> {
    [&PROGRAMS[..], &["benches"]].concat()
}

/// What programs have to be built with to reach any of the servers.
const FEATURES: [&str; 9] = [
    "query-server/redis",
    "query-server/dynamodb",
    "invalidator/redis",
    "invalidator/dynamodb",
    "invalidator/sns-sqs",
    "writer-services/sns-sqs",
    "shopfront/redis",
    "shopfront/dynamodb",
    "benches/backends",
];

/// Of `--stores`: what a store is called, the server that it needs, and where the measuring program looks for that.
const STORES: [(&str, &str, &str); 4] = [
    ("redis", "redis", "SHOPFRONT_TEST_REDIS"),
    ("redis-cluster", "redis-cluster", "SHOPFRONT_TEST_REDIS_CLUSTER"),
    ("valkey", "valkey", "SHOPFRONT_TEST_VALKEY"),
    ("dynamodb", "dynamodb", "SHOPFRONT_TEST_DYNAMODB"),
];

/// Of `--only`: a section and a server that it needs whatever stores are named.
const SECTIONS: [(&str, &str, &str); 4] = [
    ("freshness", "sns-sqs", "SHOPFRONT_TEST_SNS_SQS"),
    ("freshness", "redis", "SHOPFRONT_TEST_REDIS"),
    ("staleness", "redis", "SHOPFRONT_TEST_REDIS"),
    ("failover", "redis", "SHOPFRONT_TEST_REDIS_SERVER"),
];

/// Sections that are measured in each store of `--stores`.
const OF_EACH_STORE: [&str; 4] = ["gathers", "late", "saves", "rebuild"];

/// Builds, brings up the servers that do not run, measures, and stops those that did not run before.
pub(crate) fn backends(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut measure = built_with("backends", &packages(), &FEATURES)?;
    measure.args(arguments);
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return become_it(measure);
    }
    // Whoever exported an address means that server.
    let exported = |variable: &str| std::env::var_os(variable).is_some();
    let names: Vec<String> = needed(arguments, &exported).into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return become_it(measure);
    }
    let brought = servers::up(&servers::named(&names)?)?;
    brought.complaints().iter().for_each(|complaint| say(complaint));
    let measured = if brought.missing.is_empty() {
        servers::variables().and_then(|variables| {
            let variables = variables.into_iter().filter(|(variable, _)| !exported(variable));
            Ok(measure.envs(variables).status()?)
        })
    } else {
        let missing: Vec<_> = brought.missing.iter().map(|(name, _)| *name).collect();
        Err(anyhow::anyhow!(
            "measuring needs {}; leave it out with `--stores` and `--only`",
            missing.join(", ")
        ))
    };
    servers::down(&brought.started)?;
    let status = measured?;
    ensure!(status.code().is_some(), "the measurement ended with {status}");
    if !status.success() {
        bail!("the measurement failed ({status}); what it lacked stands above");
    }
    Ok(ExitCode::SUCCESS)
}

/// Servers by name, but for those whose variable is exported.
fn needed(arguments: &[OsString], exported: &dyn Fn(&str) -> bool) -> BTreeSet<&'static str> {
    let words: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let listed = |option: &str| value_of(&words, option).map(|value| value.split(',').collect::<Vec<_>>());
    let (only, stores) = (listed("--only"), listed("--stores"));
    let is_in = |list: &Option<Vec<&str>>, name: &str| list.as_ref().is_none_or(|list| list.contains(&name));
    let asks_stores = OF_EACH_STORE.iter().any(|section| is_in(&only, section));
    let of_stores = STORES.iter().filter(|(store, ..)| asks_stores && is_in(&stores, store));
    let of_sections = SECTIONS.iter().filter(|(section, ..)| is_in(&only, section));
    of_stores
        .chain(of_sections)
        .filter(|(_, _, variable)| !exported(variable))
        .map(|(_, server, _)| *server)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str], exported: &[&str]) -> Vec<&'static str> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        needed(&arguments, &|variable| exported.contains(&variable)).into_iter().collect()
    }

    #[test]
    fn only_servers_that_are_asked_something_are_brought_up() {
        for (arguments, expected) in [
            (&[][..], &["dynamodb", "redis", "redis-cluster", "sns-sqs", "valkey"][..]),
            (&["--only", "gathers", "--stores", "lmdb"], &[]),
            (&["--only=gathers,saves", "--stores=lmdb,valkey"], &["valkey"]),
            (&["--only", "freshness", "--stores", "valkey"], &["redis", "sns-sqs"]),
            (&["--only", "failover"], &["redis"]),
        ] {
            assert_eq!(names(arguments, &[]), expected, "{arguments:?}");
        }
    }

    #[test]
    fn a_server_whose_address_was_exported_is_taken_as_it_is() {
        let arguments = ["--only", "gathers", "--stores", "redis,valkey"];
        assert_eq!(names(&arguments, &["SHOPFRONT_TEST_VALKEY"]), ["redis"]);
    }
}

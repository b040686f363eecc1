//! `cargo xtask demo`: all programs in release mode, then `shopfront demo` in this process's place.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::steps::{Steps, cargo};
use crate::target;

/// Everything that `shopfront demo` starts, and itself.
pub(crate) const PROGRAMS: [&str; 4] = ["shopfront", "writer-services", "invalidator", "query-server"];

/// Builds and becomes the demo, so that Ctrl-C and SIGTERM reach it and nothing stands between.
pub(crate) fn demo(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut demo = built_with("shopfront", &PROGRAMS, &features(arguments))?;
    demo.arg("demo").args(arguments);
    become_it(demo)
}

/// Builds the binaries of these packages in release mode; the one of this name.
pub(crate) fn built(name: &str, packages: &[&str]) -> anyhow::Result<Command> {
    built_with(name, packages, &[])
}

/// The same with these features.
pub(crate) fn built_with(name: &str, packages: &[&str], features: &[&str]) -> anyhow::Result<Command> {
    let mut build = cargo(["build", "--release", "--locked", "--bins"]);
    for package in packages {
        build.args(["--package", package]);
    }
    if !features.is_empty() {
        build.args(["--features", &features.join(",")]);
    }
    Steps::default().run("release build", &mut build)?;
    Ok(Command::new(target().join("release").join(name)))
}

/// What programs have to be built with to reach what these arguments name: an option, the beginning of its address, features.
const BACKENDS: [(&str, &str, &[&str]); 6] = [
    ("--store", "redis://", &["query-server/redis", "invalidator/redis", "shopfront/redis"]),
    ("--store", "rediss://", &["query-server/redis", "invalidator/redis", "shopfront/redis"]),
    ("--store", "dynamodb://", &["query-server/dynamodb", "invalidator/dynamodb", "shopfront/dynamodb"]),
    ("--events", "sns-sqs://", &["writer-services/sns-sqs", "invalidator/sns-sqs", "shopfront/sns-sqs"]),
    (
        "--search",
        "http://",
        &["query-server/elasticsearch", "invalidator/elasticsearch", "shopfront/elasticsearch"],
    ),
    (
        "--search",
        "https://",
        &["query-server/elasticsearch", "invalidator/elasticsearch", "shopfront/elasticsearch"],
    ),
];

/// Vendors' libraries are built only where they are asked for.
fn features(arguments: &[OsString]) -> Vec<&'static str> {
    let words: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    BACKENDS
        .into_iter()
        .filter(|(option, scheme, _)| value_of(&words, option).is_some_and(|value| value.starts_with(scheme)))
        .flat_map(|(_, _, features)| features.iter().copied())
        .collect()
}

/// What stands behind an option, joined to it or next to it.
pub(crate) fn value_of<'words>(words: &'words [String], option: &str) -> Option<&'words str> {
    let joined = words.iter().find_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    let next = words.iter().zip(words.iter().skip(1)).find(|(word, _)| *word == option);
    joined.or_else(|| next.map(|(_, value)| value.as_str()))
}

#[cfg(unix)]
pub(crate) fn become_it(mut program: Command) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    // Returns only if it failed.
    let error = anyhow::Error::from(program.exec());
    Err(error.context(format!("cannot start {}", program.get_program().display())))
}

#[cfg(not(unix))]
pub(crate) fn become_it(mut program: Command) -> anyhow::Result<ExitCode> {
    Ok(if program.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_built_with_what_the_arguments_name_and_nothing_else() {
        let features =
            |arguments: &[&str]| features(&arguments.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(features(&["--shops", "400", "--store", "data/store"]).is_empty());
        assert_eq!(
            features(&["--store", "redis://127.0.0.1:6379/demo", "--events=sns-sqs://eu-west-1/1/x"]),
            [
                "query-server/redis",
                "invalidator/redis",
                "shopfront/redis",
                "writer-services/sns-sqs",
                "invalidator/sns-sqs",
                "shopfront/sns-sqs"
            ]
        );
        assert_eq!(features(&["--search", "https://search:9200/shops"]).len(), 3);
        assert!(features(&["--store"]).is_empty());
    }
}

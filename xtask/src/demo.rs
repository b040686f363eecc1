//! `cargo xtask demo`: all programs in release mode, then `shopfront demo` in this process's place.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::steps::{Steps, cargo};
use crate::target;

/// Everything that `shopfront demo` starts, and itself.
const PROGRAMS: [&str; 4] = ["shopfront", "writer-services", "invalidator", "query-server"];

/// Builds and becomes the demo, so that Ctrl-C and SIGTERM reach it and nothing stands between.
pub(crate) fn demo(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut build = cargo(["build", "--release", "--locked", "--bins"]);
    for program in PROGRAMS {
        build.args(["--package", program]);
    }
    let mut steps = Steps::default();
    steps.run("release build", &mut build)?;
    let mut demo = Command::new(target().join("release").join("shopfront"));
    demo.arg("demo").args(arguments);
    become_it(demo)
}

#[cfg(unix)]
fn become_it(mut demo: Command) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    // Returns only if it failed.
    Err(anyhow::Error::from(demo.exec()).context(format!("cannot start {}", demo.get_program().display())))
}

#[cfg(not(unix))]
fn become_it(mut demo: Command) -> anyhow::Result<ExitCode> {
    Ok(if demo.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

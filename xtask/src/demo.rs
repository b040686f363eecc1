//! `cargo xtask demo`: all programs in release mode, then `shopfront demo` in this process's place.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::steps::{Steps, cargo};
use crate::target;

/// Everything that `shopfront demo` starts, and itself.
pub(crate) const PROGRAMS: [&str; 4] = ["shopfront", "writer-services", "invalidator", "query-server"];

/// Builds and becomes the demo, so that Ctrl-C and SIGTERM reach it and nothing stands between.
pub(crate) fn demo(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut demo = built("shopfront", &PROGRAMS)?;
    demo.arg("demo").args(arguments);
    become_it(demo)
}

/// Builds the binaries of these packages in release mode; the one of this name.
pub(crate) fn built(name: &str, packages: &[&str]) -> anyhow::Result<Command> {
    let mut build = cargo(["build", "--release", "--locked", "--bins"]);
    for package in packages {
        build.args(["--package", package]);
    }
    Steps::default().run("release build", &mut build)?;
    Ok(Command::new(target().join("release").join(name)))
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

//! `cargo xtask compare`, `cargo xtask scale`: all programs and our own peers in release mode, then the measurement in this
//! process's place.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::demo::{PROGRAMS, become_it, built};

/// Builds and becomes the measuring program, so that Ctrl-C reaches what stops the servers.
pub(crate) fn measure(program: &str, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let packages = [&PROGRAMS[..], &["benches"]].concat();
    let mut measure = built(program, &packages)?;
    measure.args(arguments);
    become_it(measure)
}

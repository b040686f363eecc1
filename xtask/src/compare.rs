//! `cargo xtask compare`: all programs and our own peers in release mode, then `compare` in this process's place.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::demo::{PROGRAMS, become_it, built};

/// Builds and becomes the comparison, so that Ctrl-C reaches what stops the servers.
pub(crate) fn compare(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let packages = [&PROGRAMS[..], &["benches"]].concat();
    let mut compare = built("compare", &packages)?;
    compare.args(arguments);
    become_it(compare)
}

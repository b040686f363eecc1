//! `cargo deny`: which licences, sources and versions the tree of dependencies holds.
//!
//! The list of known vulnerabilities is not asked for here: it is fetched from the network and changes every day, so that an
//! unchanged commit would fail tomorrow. `cargo deny check advisories` does it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::steps::{Steps, cargo};
use crate::target;

/// Newest version when this was written.
const VERSION: &str = "0.20.2";

/// Runs it, and installs it under `target/tools` first where it is missing.
pub(crate) fn check(steps: &mut Steps) -> anyhow::Result<()> {
    let deny = installed(steps)?;
    let mut check = Command::new(deny);
    check.args(["--log-level", "error", "check", "bans", "licenses", "sources"]);
    steps.run("licences and sources", &mut check)
}

fn installed(steps: &mut Steps) -> anyhow::Result<PathBuf> {
    let on_path = Command::new("cargo-deny").arg("--version").stdout(Stdio::null()).status();
    if on_path.is_ok_and(|status| status.success()) {
        return Ok("cargo-deny".into());
    }
    let tools = target().join("tools");
    let deny = tools.join("bin").join("cargo-deny");
    if !deny.is_file() {
        let mut install = cargo(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]);
        install.arg(&tools).env("CARGO_TARGET_DIR", tools.join("build"));
        steps.run("install cargo-deny under target/tools", &mut install)?;
        // A gigabyte that nobody needs again.
        drop(std::fs::remove_dir_all(tools.join("build")));
    }
    Ok(deny)
}

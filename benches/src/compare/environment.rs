//! On what machine and with what versions the figures came about.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::tools::Tools;

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub struct Environment {
    /// As one would type it.
    pub command: String,
    /// When it was over.
    pub finished_at: String,
    /// Of this repository.
    pub git_commit: Option<String>,
    /// Whether files differed from that commit.
    pub git_has_changes: bool,
    /// As the kernel names it.
    pub cpu_model: Option<String>,
    /// Shared by all servers and the load generator.
    pub cores: usize,
    /// In all.
    pub memory_bytes: Option<u64>,
    /// Name and release.
    pub kernel: Option<String>,
    /// The distribution.
    pub system: Option<String>,
    /// Of the last minute, before anything was started: others at work make figures worse.
    pub load_before: Option<f64>,
    /// Of each program and library that answers or asks.
    pub versions: Vec<Version>,
}

/// Of one program or library.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    /// `nginx`.
    pub name: &'static str,
    /// As it says itself.
    pub version: String,
}

const PROGRAMS: [(&str, &str); 4] =
    [("nginx", "-v"), ("varnishd", "-V"), ("redis-server", "--version"), ("wrk", "--version")];
const LIBRARIES: [&str; 6] = ["hyper", "tokio", "axum", "redis", "serde_json", "mimalloc"];

impl Environment {
    /// Looks around. `command` is what was typed.
    #[must_use]
    pub fn found(tools: &Tools, workspace: &Path, command: String) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let kernel = read("/proc/sys/kernel/osrelease");
        let load = read("/proc/loadavg");
        let changes = git(workspace, &["status", "--porcelain", "--untracked-files=no"]);
        Self {
            command,
            finished_at: String::new(),
            git_commit: git(workspace, &["rev-parse", "HEAD"]),
            git_has_changes: changes.is_some_and(|changes| !changes.is_empty()),
            cpu_model: field(&read("/proc/cpuinfo"), "model name", ':'),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_bytes: field(&read("/proc/meminfo"), "MemTotal", ':').and_then(|text| kib(&text)),
            kernel: (!kernel.is_empty()).then(|| format!("Linux {}", kernel.trim())),
            system: field(&read("/etc/os-release"), "PRETTY_NAME", '='),
            load_before: load.split(' ').next().and_then(|load| load.parse().ok()),
            versions: versions(
                tools,
                &std::fs::read_to_string(workspace.join("Cargo.lock")).unwrap_or_default(),
            ),
        }
    }

    /// Writes down when it was over.
    #[must_use]
    pub fn finished(mut self) -> Self {
        let now = jiff::Timestamp::now();
        self.finished_at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self
    }
}

fn versions(tools: &Tools, lock: &str) -> Vec<Version> {
    let programs = PROGRAMS
        .into_iter()
        .filter_map(|(name, flag)| Some(Version { name, version: tools.version(name, flag)? }));
    let libraries =
        LIBRARIES.into_iter().filter_map(|name| Some(Version { name, version: locked(lock, name)? }));
    programs.chain(libraries).collect()
}

/// The version of a package in `Cargo.lock`.
fn locked(lock: &str, name: &str) -> Option<String> {
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(after.split('"').next()?.to_owned())
}

/// The value behind a name in a file of lines.
fn field(text: &str, name: &str, separator: char) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(separator)?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn kib(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

fn git(workspace: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(workspace).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_lines_are_read_by_name() {
        let cpu = "processor\t: 0\nmodel name\t: A CPU @ 2 GHz: fast\n";
        assert_eq!(field(cpu, "model name", ':').as_deref(), Some("A CPU @ 2 GHz: fast"));
        assert_eq!(
            field("PRETTY_NAME=\"Some Linux 12\"\n", "PRETTY_NAME", '=').as_deref(),
            Some("Some Linux 12")
        );
        assert_eq!(field(cpu, "flags", ':'), None);
        assert_eq!(kib("24000 kB"), Some(24_576_000));
    }

    #[test]
    fn a_library_has_the_version_of_the_lock_file() {
        let lock = "[[package]]\nname = \"hyper-util\"\nversion = \"0.1\"\n\n[[package]]\nname = \"hyper\"\nversion = \"1.12.0\"\n";
        assert_eq!(locked(lock, "hyper").as_deref(), Some("1.12.0"));
        assert_eq!(locked(lock, "axum"), None);
    }
}

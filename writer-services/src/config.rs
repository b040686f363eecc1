//! What can be set; every bound has a value that suits a small machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use change_events::EventsAddress;
use serde::Deserialize;
use service_runtime::logs::LogFormat;

/// The keys of one writer's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where changes and reads are taken.
    pub listen: SocketAddr,
    /// Where `/readyz` and `/metrics` are.
    pub ops: SocketAddr,
    /// The SQLite file. Made, with its directory, when it is not there.
    pub database: PathBuf,
    /// How changes are announced: the directory of the embedded transport, or `sns-sqs://…`.
    pub events: EventsAddress,
    /// How log lines look.
    #[serde(default)]
    pub log_format: LogFormat,
    /// The database is raised to this epoch if it is below. To be set after every restore from a backup, one
    /// higher than any epoch that was ever seen outside: see `OPERATING.md`.
    #[serde(default = "epoch_at_least")]
    pub epoch_at_least: u32,
    /// The database grows no further than this; changes are then refused with `507`.
    #[serde(default = "database_bytes_max")]
    pub database_bytes_max: u64,
    /// Changes that share one commit. Bulks are not split: a commit may hold one bulk more.
    #[serde(default = "commit_changes_max")]
    pub commit_changes_max: usize,
    /// Requests that wait for their commit; more are refused with `503`.
    #[serde(default = "commits_waiting_max")]
    pub commits_waiting_max: usize,
    /// Bulks that are read at the same time; others wait before their body is read.
    #[serde(default = "bulks_in_flight_max")]
    pub bulks_in_flight_max: usize,
    /// Reads that run at the same time, each on a connection of its own.
    #[serde(default = "read_connections")]
    pub read_connections: usize,
    /// Clients connected at the same time; others wait to be accepted.
    #[serde(default = "connections_max")]
    pub connections_max: usize,
    /// Announcements kept while the transport is away. The oldest are given up first: changed-since makes good.
    #[serde(default = "outbox_rows_max")]
    pub outbox_rows_max: u64,
}

const fn epoch_at_least() -> u32 {
    1
}

const fn database_bytes_max() -> u64 {
    256 << 30
}

const fn commit_changes_max() -> usize {
    1_000
}

const fn commits_waiting_max() -> usize {
    1_024
}

const fn bulks_in_flight_max() -> usize {
    4
}

const fn read_connections() -> usize {
    4
}

const fn connections_max() -> usize {
    512
}

const fn outbox_rows_max() -> u64 {
    1_000_000
}

#[cfg(test)]
mod tests {
    /// Keys by their defaults, as they stand in this very file.
    #[test]
    fn every_key_is_explained_to_operators_with_its_default() {
        let operating = include_str!("../OPERATING.md");
        let code = include_str!("config.rs");
        let (code, _) = code.split_once("#[cfg(test)]").unwrap();
        let keys: Vec<&str> =
            code.lines().filter_map(|line| Some(line.strip_prefix("    pub ")?.split_once(':')?.0)).collect();
        assert_eq!(keys.len(), 13, "{keys:?}");
        for key in keys {
            let row = operating.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            let row = row.unwrap_or_else(|| panic!("`{key}` is not explained"));
            let function = code.split_once(&format!("const fn {key}()"));
            let default = function.map(|(_, body)| body.lines().nth(1).unwrap().trim().replace('_', ""));
            let said = row.split('|').nth(2).unwrap().trim();
            match default.as_deref() {
                Some("256 << 30") => assert_eq!(said, "256 GiB"),
                Some(default) => assert_eq!(said, default, "{key}"),
                None => assert!(matches!(said, "required" | "`text`"), "{key}: {said}"),
            }
        }
    }
}

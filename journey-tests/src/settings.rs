//! How a marketplace differs from the usual one -> its programs, configured.

use std::path::Path;
use std::time::Duration;

use shop_id::Writer;
use toml::Table;

use crate::Program;
use crate::backends::{Backends, Named};
use crate::ports::free_port;

/// See the module.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many query servers read the one store.
    pub query_servers: usize,
    /// How often changed-since is asked. Long, so that a test sees events at work; short, where it is about them.
    pub changed_since_interval: Duration,
    /// After how long without a sign of life a section counts as degraded.
    pub degraded_after: Duration,
    /// Where the invalidator asks a writer, instead of at the writer itself.
    pub ask_instead: Vec<(Writer, String)>,
    /// More keys of the query servers' configuration.
    pub query_server: Table,
    /// And of single ones, by their number.
    pub of_query_server: Vec<(usize, Table)>,
    /// More keys of the invalidator's configuration.
    pub invalidator: Table,
    /// Servers of this marketplace; `None`: those that the environment names.
    pub backends: Option<Named>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            query_servers: 1,
            changed_since_interval: Duration::from_secs(2),
            degraded_after: Duration::from_secs(600),
            ask_instead: Vec::new(),
            query_server: Table::new(),
            of_query_server: Vec::new(),
            invalidator: Table::new(),
            backends: None,
        }
    }
}

/// Where one program listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// What it is for.
    pub public: u16,
    /// `/readyz`, `/metrics`.
    pub ops: u16,
}

impl Ports {
    pub(crate) fn free() -> Self {
        Self { public: free_port(), ops: free_port() }
    }
}

fn text(value: impl std::fmt::Display) -> toml::Value {
    toml::Value::String(format!("{value}"))
}

fn address(port: u16) -> toml::Value {
    text(format!("127.0.0.1:{port}"))
}

fn milliseconds(duration: Duration) -> toml::Value {
    toml::Value::Integer(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

pub(crate) fn writer_program(
    at: &Path,
    backends: &Backends,
    writer: Writer,
    ports: Ports,
) -> anyhow::Result<Program> {
    let name = match writer {
        Writer::Shop => "shop-writer",
        Writer::Ads => "ads-writer",
        _ => "reviews-writer",
    };
    let mut settings = Table::new();
    settings.insert("listen".into(), address(ports.public));
    settings.insert("ops".into(), address(ports.ops));
    settings.insert("database".into(), text(at.join(format!("{writer}.sqlite")).display()));
    settings.insert("events".into(), text(&backends.events));
    Program::new(name, name, at, &settings)
}

/// Where the invalidator asks each writer.
pub(crate) fn asked_at(settings: &Settings, writers: &[Ports]) -> Table {
    let asked = Writer::OF_THE_DOCUMENT.into_iter().zip(writers).map(|(writer, ports)| {
        let instead = settings.ask_instead.iter().find(|(replaced, _)| *replaced == writer);
        let url =
            instead.map_or_else(|| format!("http://127.0.0.1:{}", ports.public), |(_, url)| url.clone());
        (writer.name().to_owned(), text(url))
    });
    asked.collect()
}

pub(crate) fn invalidator_program(
    at: &Path,
    label: &str,
    backends: &Backends,
    settings: &Settings,
    (asked, ops): (Table, u16),
) -> anyhow::Result<Program> {
    let mut table = settings.invalidator.clone();
    table.insert("ops".into(), address(ops));
    table.insert("store".into(), text(&backends.store));
    table.insert("events".into(), text(&backends.events));
    table.extend(backends.search.iter().map(|search| ("search".into(), text(search))));
    table.insert("changed_since_interval_ms".into(), milliseconds(settings.changed_since_interval));
    // Sparse files, but several marketplaces at once would still map a lot.
    table.entry("store_map_bytes").or_insert(toml::Value::Integer(1 << 28));
    table.insert("writers".into(), asked.into());
    Program::new("invalidator", label, at, &table)
}

pub(crate) fn query_server_program(
    at: &Path,
    backends: &Backends,
    settings: &Settings,
    number: usize,
    ports: Ports,
) -> anyhow::Result<Program> {
    let mut table = settings.query_server.clone();
    if Named::by_the_environment().store.is_some() {
        // A server that shares this machine with everything else may be slow for reasons of its own.
        table.entry("gather_wait_ms").or_insert(toml::Value::Integer(5_000));
    }
    table.insert("public".into(), address(ports.public));
    table.insert("ops".into(), address(ports.ops));
    table.insert("store".into(), text(&backends.store));
    table.extend(backends.search.iter().map(|search| ("search".into(), text(search))));
    table.insert("degraded_after_ms".into(), milliseconds(settings.degraded_after));
    let own = settings.of_query_server.iter().filter(|(of, _)| *of == number);
    table.extend(own.flat_map(|(_, own)| own.clone()));
    Program::new("query-server", &format!("query-server-{number}"), at, &table)
}

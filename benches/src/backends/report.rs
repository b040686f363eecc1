//! The same figures for people, for a page of the documentation and for programs.

use std::path::Path;

use anyhow::Context;

use super::{Backends, tables};
use crate::compare::report::table::Table;

/// Writes `backends.json` and `backends.md`.
///
/// # Errors
/// When they cannot be written.
pub fn keep(backends: &Backends, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let json = serde_json::to_string_pretty(backends)? + "\n";
    for (name, text) in [("backends.json", json), ("backends.md", markdown(backends))] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// All tables for a terminal.
#[must_use]
pub fn plain(backends: &Backends) -> String {
    let text = |chapter: &Chapter| {
        let tables: Vec<String> = chapter.tables.iter().map(Table::plain).collect();
        format!("{}\n{}", chapter.title, tables.join("\n"))
    };
    chapters(backends).iter().map(text).collect::<Vec<_>>().join("\n")
}

fn markdown(backends: &Backends) -> String {
    let environment = &backends.environment;
    let head = format!(
        "# What stores and transports cost, and how soon they tell\n\nWritten by `{}`; every figure with all rounds is in \
         [backends.json](backends.json). {}, {} cores shared by servers, programs and whoever asks; load before the start \
         {}. Commit {}, {}. {}.\n\nServers run on the same machine, so that the network costs nothing and everybody's CPU \
         time is short; LocalStack and DynamoDB Local stand in for AWS, and their times are their own. CPU time is what the \
         kernel counts: *here* is the process that asks, *servers* all processes of the store, replicas included. \
         Medians are of {} rounds in which stores take turns, unless said otherwise.\n",
        environment.command,
        environment.cpu_model.as_deref().unwrap_or("unknown processor"),
        environment.cores,
        environment.load_before.map_or("unknown".to_owned(), |load| format!("{load:.2}")),
        environment.git_commit.as_deref().map_or("unknown", |commit| &commit[..commit.len().min(12)]),
        environment.finished_at,
        if backends.servers.is_empty() { "No stores alone".to_owned() } else { backends.servers.join(", ") },
        backends.rounds,
    );
    let text = |chapter: &Chapter| {
        let tables: Vec<String> = chapter.tables.iter().map(Table::markdown).collect();
        format!(
            "\n## {}\n\n`cargo xtask backends --only {}`. {}\n\n{}",
            chapter.title,
            chapter.only,
            chapter.how,
            tables.join("\n")
        )
    };
    head + &chapters(backends).iter().map(text).collect::<String>()
}

/// One section with its tables.
struct Chapter {
    title: &'static str,
    only: &'static str,
    how: String,
    tables: Vec<Table>,
}

impl Chapter {
    fn new(title: &'static str, only: &'static str, how: &str, tables: impl Into<Vec<Table>>) -> Self {
        Self { title, only, how: how.to_owned(), tables: tables.into() }
    }
}

/// What was measured, in the order in which it was.
fn chapters(backends: &Backends) -> Vec<Chapter> {
    let mut chapters = of_stores(backends);
    chapters.extend(of_the_road(backends));
    chapters
}

fn of_stores(backends: &Backends) -> Vec<Chapter> {
    let shops: Vec<String> =
        backends.shops.iter().map(|(kind, shops)| format!("{} {shops}", kind.title())).collect();
    let shops = format!("Shops: {}.", shops.join(", "));
    let mut chapters = Vec::new();
    if !backends.gathers.is_empty() {
        let how = format!(
            "A list's 25 list parts, scattered over all shops; straight at the store's reader, and out of the near cache, \
             where a gather never leaves the process. {shops}"
        );
        chapters.push(Chapter::new("Gathers", "gathers", &how, [tables::gathers(&backends.gathers)]));
    }
    if !backends.late.is_empty() {
        let how = format!(
            "The query server's gather with nothing resident: five groups of five, one gather after another, \
             rounds with none late and with every tenth late in turns. Between store and server stands a relay that holds back \
             the question for two shops of one group, each time of another group; Redis answers in order, so that what is behind it on the same \
             connection is late as well. *All*: the whole connection stalls. Asked again over another connection \
             nothing is late. LMDB: the reader itself sleeps, and as a get is a read of memory, there is nothing to ask a second time. \
             A cluster's nodes name themselves and cannot be relayed. {shops}"
        );
        chapters.push(Chapter::new("Gathers with late gets", "late", &how, [tables::late(&backends.late)]));
    }
    if !backends.saves.is_empty() {
        let how = format!(
            "Documents of 1.4 kB list part and 9 kB detail, durable as the store has it (LMDB syncs, the others do not), 256 at once; \
             *first* of a shop that is not there, *again* of one that is. Woken: who waits for the change log to grow. {shops}"
        );
        chapters.push(Chapter::new("Saves", "saves", &how, [tables::saves(&backends.saves)]));
    }
    chapters
}

fn of_the_road(backends: &Backends) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    if let Some(freshness) = &backends.freshness {
        let how = "From the shop writer's answer to a change to list card and detail at the query server, documents in Redis; 25 \
                   changes a second are watched, looked for every 0.5 ms. Below it what each transport does with nothing but a publisher \
                   and a consumer of `change-events`: as fast as it goes, and one event every 10 ms.";
        chapters.push(Chapter::new("Freshness", "freshness", how, tables::freshness(freshness)));
    }
    if !backends.rebuild.is_empty() {
        let how = "Three writers hold real shops; from the start of an invalidator on an empty store until that is complete. Each shop is saved up \
                   to three times, once for each writer's section. One store after another, the middle round.";
        chapters.push(Chapter::new("Rebuild", "rebuild", how, [tables::rebuild(&backends.rebuild)]));
    }
    if !backends.staleness.is_empty() {
        let how = "Redis tells a query server of saves over a connection of its own. It is lost just before a save, in turns with \
                   saves while it is in place; gets go on over theirs.";
        chapters.push(Chapter::new(
            "A lost wake-up connection",
            "staleness",
            how,
            [tables::staleness(&backends.staleness)],
        ));
    }
    if let Some(failover) = &backends.failover {
        let how = format!(
            "Three masters with a replica each, `cluster-node-timeout` {} ms; kill -9 of one master while {} lists a second are read from one \
             query server with all cards resident, and shops of all shards are renamed at the writer. {} clusters, one after another.",
            failover.node_timeout_ms, failover.lists_per_second, failover.moved_on.count
        );
        chapters.push(Chapter::new("A master that dies", "failover", &how, tables::failover(failover)));
    }
    chapters
}

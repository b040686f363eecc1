//! `cargo xtask servers`: the real servers that backends are tested against, on this machine and without containers.
//!
//! In: names of servers. Out: servers on loopback that answered a question, and the variables by which tests find them.
//! Everything lies under `target/servers`: what was fetched (`tools`), what runs (`running.json`), and a folder for each
//! server with its data and its logs. Linux, since it tells processes apart by `/proc`.

mod tools; //         pinned names and sums      -> programs under `target/servers/tools`
mod ask; //           a question                 -> what a server answers
mod server; //        what each server brings    -> its installation, its start, its variables
mod redis; //         Redis and Valkey, alone and as master and replica
mod redis_cluster; // three masters, three replicas
mod dynamodb; //      DynamoDB Local
mod sns_sqs; //       LocalStack
mod elasticsearch; // assembled from its jars
mod opensearch; //    by its runner
mod process; //       a command                  -> a process that is told apart from any other
mod register; //      what was started           -> running.json, one writer at a time
mod up; //            names                      -> servers that answer

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;

use crate::steps::say;
use crate::target;
use register::{Register, Running};
use server::Server;

pub(crate) use up::{BroughtUp, up};

/// All there are, those that take longest to start first.
const ALL: [&dyn Server; 9] = [
    &redis::Single::REDIS,
    &redis::Single::VALKEY,
    &redis::Replicated,
    &redis_cluster::Cluster::REDIS,
    &redis_cluster::Cluster::VALKEY,
    &dynamodb::DynamoDb,
    &elasticsearch::Elasticsearch,
    &opensearch::OpenSearch,
    &sns_sqs::SnsSqs,
];

/// What can be asked of the servers.
#[derive(Debug, Subcommand)]
pub(crate) enum ServersCommand {
    /// Fetch, start and await these servers, or all; quick when they run
    Up {
        /// As `status` lists them
        names: Vec<String>,
    },
    /// Stop these servers, or all that run
    Down {
        /// As `status` lists them
        names: Vec<String>,
    },
    /// What runs, where, and what it costs
    Status,
    /// The variables by which tests find what runs, for `eval "$(cargo xtask servers env)"`
    Env,
}

/// Does it.
pub(crate) fn servers(command: &ServersCommand) -> anyhow::Result<ExitCode> {
    match command {
        ServersCommand::Up { names } => {
            let brought = up(&named(names)?)?;
            say(&format!("\n{}", status()?));
            brought.complaints().iter().for_each(|complaint| say(complaint));
            Ok(if brought.missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        ServersCommand::Down { names } => {
            let names: Vec<_> = named(names)?.iter().map(|server| server.name()).collect();
            down(&names)?;
            Ok(ExitCode::SUCCESS)
        }
        ServersCommand::Status => print(&status()?),
        ServersCommand::Env => {
            let line = |(name, value): (String, String)| format!("export {name}='{value}'\n");
            print(&variables()?.into_iter().map(line).collect::<String>())
        }
    }
}

/// The variables of all servers whose processes run.
pub(crate) fn variables() -> anyhow::Result<Vec<(String, String)>> {
    let running = Register::read(&folder())?;
    let alive = running.into_values().filter(Running::is_alive);
    Ok(alive.flat_map(|running| running.variables).collect())
}

/// Stops what runs of these.
pub(crate) fn down(names: &[&str]) -> anyhow::Result<()> {
    let mut register = Register::open(&folder())?;
    for name in names {
        if let Some(running) = register.get(name) {
            running.stop()?;
            register.forget(name)?;
            say(&format!("   {name}: stopped"));
        }
    }
    Ok(())
}

/// The servers of these names; all, if none is named.
pub(crate) fn named(names: &[String]) -> anyhow::Result<Vec<&'static dyn Server>> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let mut servers = Vec::new();
    for name in names {
        let Some(server) = ALL.into_iter().find(|server| server.name() == name) else {
            let known: Vec<_> = ALL.iter().map(|server| server.name()).collect();
            bail!("there is no server `{name}`; there are: {}", known.join(", "));
        };
        servers.push(server);
    }
    Ok(servers)
}

fn folder() -> PathBuf {
    target().join("servers")
}

fn status() -> anyhow::Result<String> {
    let running = Register::read(&folder())?;
    let mut table = format!(
        "{:<18} {:<8} {:>9} {:>8} {:>9}  {}\n",
        "server", "state", "install s", "start s", "memory MB", "address and processes"
    );
    for server in ALL {
        let name = server.name();
        let Some(held) = running.get(name) else {
            table += &format!("{name:<18} -\n");
            continue;
        };
        let state = if !held.is_alive() {
            "died"
        } else if server.ready(&held.ports).is_ok() {
            "answers"
        } else {
            "silent"
        };
        let (pids, memory) = (held.pids(), held.memory_bytes() / 1_000_000);
        table += &format!(
            "{name:<18} {state:<8} {:>9.1} {:>8.1} {memory:>9}  127.0.0.1:{} pid {pids}\n",
            held.install_seconds, held.start_seconds, held.ports[0],
        );
    }
    Ok(table)
}

/// To standard output, where `eval` and `less` look for it.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

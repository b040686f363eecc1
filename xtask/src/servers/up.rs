//! Names to servers that answer: fetched one after the other, started beside each other.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, bail};

use super::process::Process;
use super::register::{Register, Running};
use super::server::Server;
use super::tools::Tools;
use super::{ask, folder};
use crate::steps::say;

/// A port may be taken between looking for it and listening on it, hardly twice.
const STARTS_MAX: usize = 3;

/// How much of a log an error shows.
const LOG_LINES: usize = 20;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct BroughtUp {
    /// Those that did not run before.
    pub(crate) started: Vec<&'static str>,
    /// Those that this machine cannot have, and why.
    pub(crate) missing: Vec<(&'static str, anyhow::Error)>,
}

impl BroughtUp {
    /// One line, or more, for each that is missing.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.missing.iter().map(|(name, reason)| format!("{name} is missing: {reason:#}\n")).collect()
    }
}

/// Brings up what does not run; one that cannot be had does not stop the others.
pub(crate) fn up(servers: &[&'static dyn Server]) -> anyhow::Result<BroughtUp> {
    let tools = Tools::under(&folder())?;
    let work = Work { register: Mutex::new(Register::open(&folder())?), installing: Mutex::new(()), tools };
    let brought = Mutex::new(BroughtUp::default());
    std::thread::scope(|scope| {
        for server in servers {
            scope.spawn(|| {
                let outcome = work.bring_up(*server);
                let mut brought = brought.lock().unwrap_or_else(PoisonError::into_inner);
                match outcome {
                    Ok(Already::Ran) => {}
                    Ok(Already::Not) => brought.started.push(server.name()),
                    Err(reason) => brought.missing.push((server.name(), reason)),
                }
            });
        }
    });
    Ok(brought.into_inner().unwrap_or_else(PoisonError::into_inner))
}

enum Already {
    Ran,
    Not,
}

struct Work {
    register: Mutex<Register>,
    /// Held while one fetches: they share tools and caches that bear one user at a time.
    installing: Mutex<()>,
    tools: Tools,
}

impl Work {
    fn bring_up(&self, server: &dyn Server) -> anyhow::Result<Already> {
        let name = server.name();
        let held = self.register().get(name).cloned();
        if let Some(held) = &held {
            if held.is_alive() && server.ready(&held.ports).is_ok() {
                return Ok(Already::Ran);
            }
            say(&format!("   {name}: ran, but does not answer; started again"));
            held.stop()?;
        }
        let install_seconds = self.install(server)?;
        // Where it was before, so that variables that somebody exported stay true.
        let mut ports = held.map(|held| held.ports).unwrap_or_default();
        let mut starts = 1;
        loop {
            if ports.len() != server.ports() || !ports.iter().all(|port| ask::is_free(*port)) {
                ports = ask::free_ports(server.ports())?;
            }
            match self.start(server, &ports, install_seconds) {
                Ok(seconds) => {
                    say(&format!("   {name}: answers after {seconds:.1} s"));
                    return Ok(Already::Not);
                }
                Err(error) if starts == STARTS_MAX => return Err(error),
                Err(_) => (starts, ports) = (starts + 1, Vec::new()),
            }
        }
    }

    fn install(&self, server: &dyn Server) -> anyhow::Result<f64> {
        let _turn = self.installing.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        server.install(&self.tools)?;
        Ok(started.elapsed().as_secs_f64())
    }

    fn start(&self, server: &dyn Server, ports: &[u16], install_seconds: f64) -> anyhow::Result<f64> {
        let own = folder().join(server.name());
        if own.exists() {
            std::fs::remove_dir_all(&own).with_context(|| format!("cannot empty {}", own.display()))?;
        }
        std::fs::create_dir_all(&own)?;
        let started = Instant::now();
        let variables = server.variables(&self.tools, ports);
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut running = Running { ports: ports.to_vec(), variables, install_seconds, ..Running::default() };
        for (index, mut command) in server.commands(&self.tools, &own, ports)?.into_iter().enumerate() {
            running.processes.push(Process::start(&mut command, &own.join(format!("{index}.log")))?);
            self.register().record(server.name(), running.clone())?;
        }
        let answered = server.join(ports).and_then(|()| answers(server, &running, started));
        if let Err(error) = answered {
            running.stop()?;
            self.register().forget(server.name())?;
            return Err(error.context(format!("it did not start; its last words:\n{}", last_words(&own))));
        }
        running.start_seconds = started.elapsed().as_secs_f64();
        let seconds = running.start_seconds;
        self.register().record(server.name(), running)?;
        Ok(seconds)
    }

    fn register(&self) -> std::sync::MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answers(server: &dyn Server, running: &Running, started: Instant) -> anyhow::Result<()> {
    loop {
        let Err(error) = server.ready(&running.ports) else { return Ok(()) };
        if !running.is_alive() {
            bail!("it ended by itself");
        }
        if started.elapsed() > server.patience() {
            return Err(error.context(format!("no answer within {} s", server.patience().as_secs())));
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// The end of each of its logs.
fn last_words(own: &Path) -> String {
    let mut words = String::new();
    for index in 0.. {
        let path = own.join(format!("{index}.log"));
        let Ok(log) = std::fs::read(&path) else { break };
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        words += &format!("-- {}\n{last}\n", path.display());
    }
    words
}

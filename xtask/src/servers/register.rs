//! What was started: `running.json`, written by one command at a time and whole or not at all.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::process::Process;
use crate::steps::say;

/// One server that was started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) processes: Vec<Process>,
    pub(crate) ports: Vec<u16>,
    pub(crate) variables: BTreeMap<String, String>,
    /// What fetching it took when it was fetched, 0 if all was there.
    pub(crate) install_seconds: f64,
    /// From its start until it answered.
    pub(crate) start_seconds: f64,
}

impl Running {
    /// Whether all of its processes run.
    pub(crate) fn is_alive(&self) -> bool {
        !self.processes.is_empty() && self.processes.iter().all(Process::is_alive)
    }

    /// Ends all of its processes.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        self.processes.iter().try_for_each(Process::stop)
    }

    /// Of all its processes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.processes.iter().map(Process::memory_bytes).sum()
    }

    /// Of all its processes.
    pub(crate) fn pids(&self) -> String {
        self.processes.iter().map(|process| process.pid().to_string()).collect::<Vec<_>>().join(" ")
    }
}

type Servers = BTreeMap<String, Running>;

/// The right to start and stop servers, held by one command at a time.
pub(crate) struct Register {
    path: PathBuf,
    servers: Servers,
    /// Given up by the kernel when this command ends, however it ends.
    _lock: File,
}

impl Register {
    /// Waits until no other command starts or stops servers.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = File::create(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say("   waiting for another `cargo xtask servers` to finish");
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(Self { path: file(folder), servers: Self::read(folder)?, _lock: lock })
    }

    /// What is written there now, for whoever only looks.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Servers> {
        let path = file(folder);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is unreadable; stop the servers it names and remove it", path.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Servers::new()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Running> {
        self.servers.get(name)
    }

    /// Written before the server answers, so that it is stopped even if the command that started it is not there any more.
    pub(crate) fn record(&mut self, name: &str, running: Running) -> anyhow::Result<()> {
        self.servers.insert(name.to_owned(), running);
        self.write()
    }

    pub(crate) fn forget(&mut self, name: &str) -> anyhow::Result<()> {
        self.servers.remove(name);
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        let draft = self.path.with_extension("draft");
        std::fs::write(&draft, serde_json::to_vec_pretty(&self.servers)?)?;
        std::fs::rename(&draft, &self.path).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("running.json")
}

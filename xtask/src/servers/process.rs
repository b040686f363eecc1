//! Processes that outlive the command that started them, and are known again by when they began.
//!
//! A PID alone names whoever has it today. The kernel's start time beside it names one process for as long as the machine
//! runs, so that nobody else's process is ever stopped.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// How long a server may take to end when asked to.
const END_WAIT: Duration = Duration::from_secs(15);

/// One process of a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Process {
    pid: u32,
    /// In clock ticks since the machine started, as `/proc` says it.
    started_ticks: u64,
}

impl Process {
    /// Starts it in a group of its own, so that Ctrl-C here does not reach it; what it says goes to the file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child =
            command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let pid = child.id();
        // It is not reaped while this command runs, so its entry is there even if it ended at once.
        let started_ticks =
            stat(pid).map(|stat| stat.started_ticks).context("the process just started is gone")?;
        Ok(Self { pid, started_ticks })
    }

    /// Whether it runs; one that ended and that nobody waited for does not.
    pub(crate) fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started_ticks == self.started_ticks && !stat.ended)
    }

    /// By which others know it.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Memory that is its own and resident, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.unwrap_or_default() * 1024
    }

    /// Asks it to end, and ends it if it does not.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        for signal in [Signal::TERM, Signal::KILL] {
            self.send(signal)?;
            let asked = Instant::now();
            while self.is_alive() && asked.elapsed() < END_WAIT {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if self.is_alive() {
            bail!("process {} does not end, not even when killed", self.pid);
        }
        Ok(())
    }

    fn send(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("a process has no PID")?;
        if !self.is_alive() {
            return Ok(());
        }
        match kill_process(pid, signal) {
            // It ended by itself in between.
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot stop process {}", self.pid)),
        }
    }
}

struct Stat {
    ended: bool,
    started_ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parsed(&line)
}

/// The name in parentheses may itself hold spaces and parentheses, so fields are counted from its end.
fn parsed(line: &str) -> Option<Stat> {
    let (_, fields) = line.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ended = matches!(*fields.first()?, "Z" | "X");
    // Field 22 of the line; the state is field 3.
    let started_ticks = fields.get(19)?.parse().ok()?;
    Some(Stat { ended, started_ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_hides_no_start_time() {
        let numbers = (4..22).map(|field| field.to_string()).collect::<Vec<_>>().join(" ");
        let stat = parsed(&format!("7 (a (shop) ) Z {numbers} 4711 23")).unwrap();
        assert!(stat.ended);
        assert_eq!(stat.started_ticks, 4711);
    }

    #[test]
    fn a_process_is_known_again_until_it_is_stopped() {
        let log = std::env::temp_dir().join(format!("xtask-process-{}.log", std::process::id()));
        let process = Process::start(Command::new("sleep").arg("600"), &log).unwrap();
        assert!(process.is_alive());
        // The same PID, but of another process.
        let other = Process { started_ticks: process.started_ticks + 1, ..process };
        other.stop().unwrap();
        assert!(process.is_alive(), "a process of the same PID that is not ours was stopped");
        process.stop().unwrap();
        assert!(!process.is_alive());
        std::fs::remove_file(log).unwrap();
    }
}

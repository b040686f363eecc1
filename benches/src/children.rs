//! Servers as child processes: started, asked until they answer, stopped by their ID whatever happens.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};

use crate::cpu;

/// Who does not end within this after SIGTERM is killed.
const GRACE: Duration = Duration::from_secs(30);
/// Longest tail of a log in an error.
const LOG_BYTES_MAX: usize = 2_000;

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts a program; what it says goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log).with_context(|| log.display().to_string())?;
        let process = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // A Ctrl-C is for the comparison, which stops them in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name} (`{}`)", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), process, log: log.to_owned() })
    }

    /// Of the program and all that it started.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        cpu::with_children(self.process.id())
    }

    /// Asks until `answer` says something.
    ///
    /// # Errors
    /// When the program ended, or does not answer in time.
    pub async fn until<T>(
        &mut self,
        patience: Duration,
        pause: Duration,
        mut answer: impl AsyncFnMut() -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(answer) = answer().await {
                return Ok(answer);
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("{} ended with {status}: {}", self.name, self.log_tail());
            }
            if Instant::now() > deadline {
                bail!("{} does not answer after {} s: {}", self.name, patience.as_secs(), self.log_tail());
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Asks for a page until it comes with status 200.
    ///
    /// # Errors
    /// See [`Child::until`].
    pub async fn until_served(&mut self, client: &Client, url: &str) -> anyhow::Result<()> {
        let pause = Duration::from_millis(10);
        self.until(Duration::from_secs(60), pause, async || {
            let answer = client.get(url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await
    }

    /// Kill -9: no goodbye. It is gone when this returns.
    ///
    /// # Errors
    /// When it was gone already.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().with_context(|| self.name.clone())?;
        self.process.wait().with_context(|| self.name.clone())?;
        Ok(())
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let from = log.len().saturating_sub(LOG_BYTES_MAX);
        String::from_utf8_lossy(&log[from..]).trim().to_owned()
    }

    /// Tells it to end, and waits until it did.
    fn stop(&mut self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let (Ok(None), Some(pid)) = (self.process.try_wait(), pid) {
            // Gone meanwhile: then waiting returns at once.
            kill_process(pid, Signal::TERM).ok();
        }
        let deadline = Instant::now() + GRACE;
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                drop(self.process.kill());
                drop(self.process.wait());
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port of 127.0.0.1 on which nobody listens.
///
/// # Errors
/// When there is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The first of `count` ports in a row on which nobody listens.
///
/// # Errors
/// When there is none after many tries.
pub fn free_ports(count: u16) -> anyhow::Result<u16> {
    for _ in 0..200 {
        let first = free_address()?.port();
        let Some(end) = first.checked_add(count) else { continue };
        if (first..end).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return Ok(first);
        }
    }
    bail!("no {count} free ports in a row")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_ended_is_named_with_its_last_words() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo the port is taken; exit 3"]);
        let mut child = Child::start("shop-server", &mut command, &directory.path().join("log")).unwrap();
        let never = child.until(Duration::from_secs(60), Duration::from_millis(1), async || None::<()>).await;
        let error = never.unwrap_err().to_string();
        assert_eq!(error, "shop-server ended with exit status: 3: the port is taken");
    }

    #[test]
    fn a_killed_server_is_gone_at_once_even_if_it_would_not_listen() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        let deaf = "trap '' TERM; while true; do sleep 1; done";
        command.args(["-c", deaf]);
        let mut child = Child::start("deaf", &mut command, &directory.path().join("log")).unwrap();
        let id = child.process_ids()[0];
        child.kill().unwrap();
        assert!(!Path::new(&format!("/proc/{id}/stat")).exists());
    }

    #[test]
    fn a_server_is_stopped_when_nobody_needs_it_any_more() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        let child = Child::start("sleep", command.arg("600"), &directory.path().join("log")).unwrap();
        let id = child.process_ids()[0];
        assert!(Path::new(&format!("/proc/{id}/stat")).exists());
        drop(child);
        assert!(!Path::new(&format!("/proc/{id}/stat")).exists());
    }
}

//! A Redis or Valkey server of a journey's own, to be frozen, filled, flushed and killed.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::redis::{self, Answer};
use crate::{eventually, ports, program};

/// Whose binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `redis-server`
    Redis,
    /// `valkey-server`
    Valkey,
}

impl Kind {
    /// By which variable tests find it, and as `cargo xtask servers` calls it.
    const fn found_by(self) -> (&'static str, &'static str) {
        match self {
            Self::Redis => ("SHOPFRONT_TEST_REDIS_SERVER", "redis"),
            Self::Valkey => ("SHOPFRONT_TEST_VALKEY_SERVER", "valkey"),
        }
    }
}

/// One process in a directory of its own. Dropping it kills it.
#[derive(Debug)]
pub struct RedisServer {
    binary: String,
    arguments: Vec<String>,
    port: u16,
    child: Option<Child>,
    directory: TempDir,
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nothing can be done about a process that will not die.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl RedisServer {
    /// Starts one that evicts nothing and writes no file, unless the arguments say otherwise.
    ///
    /// # Errors
    /// When there is no such binary, or it does not answer.
    pub async fn start(kind: Kind, arguments: &[&str]) -> anyhow::Result<Self> {
        let (variable, name) = kind.found_by();
        let binary = std::env::var(variable).map_err(|_| {
            let run = format!("run `cargo xtask servers up {name}`, then `cargo xtask test`");
            anyhow::anyhow!("`{variable}` is not set: {run}")
        })?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (port, directory) = (ports::free_port(), TempDir::new()?);
        let mut server = Self { binary, arguments, port, child: None, directory };
        server.start_again().await?;
        Ok(server)
    }

    /// Starts the process (again), with the files it has, and waits until it answers.
    ///
    /// # Errors
    /// What it wrote instead.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.directory.path().join("log"))?;
        let child = Command::new(&self.binary)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--maxmemory-policy", "noeviction"])
            .args(&self.arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .with_context(|| format!("starting {}", self.binary))?;
        self.child = Some(child);
        let answers = eventually("the store's server answers", async || {
            match redis::say(&self.address(), "PING").await {
                Err(error) if format!("{error:#}").contains("NOAUTH") => Ok(Some(())),
                answered => answered.map(|_| Some(())),
            }
        });
        answers.await.with_context(|| self.log())
    }

    /// Started with this from now on, in place of what was given.
    pub fn arguments(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    }

    /// `127.0.0.1:port`
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// For [`crate::backends::Named`].
    #[must_use]
    pub fn store(&self, settings: &str) -> String {
        format!("redis://{}/shopfront?{settings}", self.address())
    }

    /// What an operator types.
    ///
    /// # Errors
    /// What it is refused with.
    pub async fn say(&self, line: &str) -> anyhow::Result<Answer> {
        redis::say(&self.address(), line).await
    }

    /// A line of `INFO`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn info(&self, name: &str) -> anyhow::Result<String> {
        let info = self.say("INFO").await?.text();
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|value| value.trim_end().to_owned()).with_context(|| format!("no `{name}` in {info}"))
    }

    /// As a power cut would.
    ///
    /// # Errors
    /// When it was not running.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the store's server is not running")?;
        kill_process(Pid::from_child(&child), Signal::KILL)?;
        child.wait()?;
        Ok(())
    }

    /// It accepts connections, and says nothing.
    ///
    /// # Errors
    /// When it is not running.
    pub fn freeze(&self) -> anyhow::Result<()> {
        let Some(child) = &self.child else { bail!("the store's server is not running") };
        program::freeze(child)
    }

    /// And goes on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn thaw(&self) -> anyhow::Result<()> {
        let Some(child) = &self.child else { bail!("the store's server is not running") };
        program::thaw(child)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

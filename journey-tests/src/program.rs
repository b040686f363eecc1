//! One program as a process that can be frozen and killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// A binary with its settings. Dropping it kills the process.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

/// The process stops in the middle of whatever it does. When this returns, all its threads stand.
pub(crate) fn freeze(child: &Child) -> anyhow::Result<()> {
    kill_process(Pid::from_child(child), Signal::STOP)?;
    // Looks only: its end, should it have ended instead, is `child`'s to hear.
    let stands = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), stands)?;
    Ok(())
}

/// And goes on.
pub(crate) fn thaw(child: &Child) -> anyhow::Result<()> {
    Ok(kill_process(Pid::from_child(child), Signal::CONT)?)
}

/// A program that takes what says where tests find their servers for settings of its own, and refuses them.
pub(crate) fn undisturbed(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SHOPFRONT_") {
            command.env_remove(name);
        }
    }
    command
}

impl Program {
    /// A program that is not running yet.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn new(
        name: &'static str,
        label: &str,
        directory: &Path,
        settings: &toml::Table,
    ) -> anyhow::Result<Self> {
        let config = directory.join(format!("{label}.toml"));
        std::fs::write(&config, settings.to_string())
            .with_context(|| format!("writing {}", config.display()))?;
        Ok(Self { name, config, log: directory.join(format!("{label}.log")), child: None })
    }

    /// Starts the process.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let binary = built(self.name)?;
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = undisturbed(&binary)
            .arg("--config")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Kill -9: no goodbye. The process is gone when this returns.
    ///
    /// # Errors
    /// When it was not running.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().with_context(|| format!("{} is not running", self.name))?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// The process stops in the middle of whatever it does; its sockets and locks stay. When this returns, all its
    /// threads stand: on a busy machine they go on for a moment after the signal.
    ///
    /// # Errors
    /// When it is not running.
    pub fn freeze(&self) -> anyhow::Result<()> {
        freeze(self.running()?).with_context(|| format!("freezing {}", self.name))
    }

    /// And goes on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn thaw(&self) -> anyhow::Result<()> {
        thaw(self.running()?).with_context(|| format!("thawing {}", self.name))
    }

    /// Asks for an orderly end and waits for it. The exit code is 0 or this is an error.
    ///
    /// # Errors
    /// When it did not end well.
    pub fn end(&mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(self.running()?), Signal::TERM)
            .with_context(|| format!("asking {} to end", self.name))?;
        let mut child = self.child.take().with_context(|| format!("{} is not running", self.name))?;
        let status = child.wait()?;
        if !status.success() {
            bail!("{} ended with {status}:\n{}", self.name, self.log_tail());
        }
        Ok(())
    }

    /// Whether the process is still there (not having been killed here or ended by itself).
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Waits until the process has ended by itself: with what exit code; `None`: by a signal.
    ///
    /// # Errors
    /// When it is still there after [`crate::PATIENCE`].
    pub async fn ended(&mut self) -> anyhow::Result<Option<i32>> {
        let begun = tokio::time::Instant::now();
        loop {
            let child = self.child.as_mut().with_context(|| format!("{} is not running", self.name))?;
            if let Some(status) = child.try_wait()? {
                self.child = None;
                return Ok(status.code());
            }
            anyhow::ensure!(
                begun.elapsed() < crate::PATIENCE,
                "{} does not end:\n{}",
                self.name,
                self.log_tail()
            );
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// The last lines it wrote, for messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// All that it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn running(&self) -> anyhow::Result<&Child> {
        self.child.as_ref().with_context(|| format!("{} is not running", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nothing can be done about a process that will not die.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The binary beside this test's own directory: `target/<profile>/<name>`.
pub(crate) fn built(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let profile =
        own.parent().and_then(Path::parent).context("a test binary stands in target/<profile>/deps")?;
    let binary = profile.join(name);
    if !binary.exists() {
        bail!("`{}` was not built; run `cargo build --workspace --bins` first", binary.display());
    }
    Ok(binary)
}

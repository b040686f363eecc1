//! The operator's command as a process: the demo, and commands that end by themselves.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::backends::{Backends, Named};
use crate::ports::free_ports_from;
use crate::program::{built, undisturbed};

/// A small demo in a directory of its own. Dropping it kills it, and with it all that it started.
#[derive(Debug)]
pub struct Demo {
    directory: TempDir,
    public: u16,
    ops: u16,
    writers: u16,
    named: Named,
    backends: Backends,
    child: Option<Child>,
}

impl Demo {
    /// A directory and ports; nothing runs.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn laid_out() -> anyhow::Result<Self> {
        Self::laid_out_over(Named::by_the_environment())
    }

    /// The same over what is named here.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn laid_out_over(named: Named) -> anyhow::Result<Self> {
        let writers = free_ports_from(14);
        let directory = TempDir::new()?;
        let backends = Backends::of(&named, &directory.path().join("data"));
        Ok(Self {
            directory,
            public: crate::ports::free_port(),
            ops: crate::ports::free_port(),
            writers,
            named,
            backends,
            child: None,
        })
    }

    /// Starts the demo with further arguments and waits until it says that all answers.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn start(&mut self, arguments: &[&str]) -> anyhow::Result<()> {
        let said = std::fs::File::create(self.said())?;
        let child = self.command(arguments)?.stdout(said.try_clone()?).stderr(said).spawn()?;
        self.child = Some(child);
        let begun = tokio::time::Instant::now();
        while !self.ready_file().exists() {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            ensure!(ended.is_none(), "the demo ended: {}", self.text());
            ensure!(begun.elapsed() < crate::PATIENCE, "the demo does not become ready: {}", self.text());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Runs a demo that is expected to end by itself.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = undisturbed(&built("shopfront")?);
        let local = |port: u16| format!("127.0.0.1:{port}");
        command
            .arg("demo")
            .args(["--public", &local(self.public), "--ops", &local(self.ops)])
            .args(["--writers-port", &self.writers.to_string()])
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--ready-file")
            .arg(self.ready_file())
            .args(arguments)
            .stdin(Stdio::null());
        // A newcomer names none of these, so what is embedded is left to the demo.
        if self.named.store.is_some() {
            command.args(["--store", &self.backends.store]);
        }
        if self.named.events.is_some() {
            command.args(["--events", &self.backends.events]);
        }
        if let Some(search) = &self.backends.search {
            command.args(["--search", search]);
        }
        Ok(command)
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Where its documents are.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.backends.store
    }

    /// What it prints.
    #[must_use]
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.said()).unwrap_or_default()
    }

    /// The process of a program, while it has one.
    ///
    /// # Errors
    /// When the demo is not ready.
    pub fn process_id(&self, program: &str) -> anyhow::Result<Option<i32>> {
        let ready: Value = serde_json::from_slice(&std::fs::read(self.ready_file())?)?;
        let id = ready["programs"][program]["pid"].as_i64();
        Ok(id.and_then(|id| i32::try_from(id).ok()))
    }

    /// Base URL of the app's requests.
    #[must_use]
    pub fn public(&self) -> String {
        format!("http://127.0.0.1:{}", self.public)
    }

    /// Base URL of the shop writer.
    #[must_use]
    pub fn shop_writer(&self) -> String {
        format!("http://127.0.0.1:{}", self.writers)
    }

    /// Ctrl-C; the exit code is 0 or this is an error.
    ///
    /// # Errors
    /// When it did not end well.
    pub fn interrupt(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the demo is not running")?;
        kill_process(Pid::from_child(&child), Signal::INT)?;
        let status = child.wait()?;
        ensure!(status.success(), "the demo ended with {status}: {}", self.text());
        Ok(())
    }

    /// Kill -9 of the demo itself.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the demo is not running")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    fn said(&self) -> PathBuf {
        self.directory.path().join("said.txt")
    }

    fn ready_file(&self) -> PathBuf {
        self.directory.path().join("ready.json")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nothing can be done about a process that will not die.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Runs a command of the operator that ends by itself, and gives what it printed.
///
/// # Errors
/// When it failed, with what it said.
pub fn shopfront(arguments: &[&str]) -> anyhow::Result<String> {
    let output = undisturbed(&built("shopfront")?).args(arguments).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "shopfront {arguments:?} ended with {}: {said}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a process lives.
#[must_use]
pub fn lives(process_id: i32) -> bool {
    Path::new("/proc").join(process_id.to_string()).join("cmdline").exists()
}

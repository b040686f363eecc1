//! Where the comparison reads and writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// Folders of one run.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where this very executable lies, and beside it all the others.
    pub programs: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// Configurations, logs, pages of this run.
    pub run: PathBuf,
    /// Of all runs with so many shops: databases, documents, Redis' file.
    pub data: PathBuf,
    /// The workspace.
    pub workspace: PathBuf,
}

impl Place {
    /// Makes the folders.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn made(shops: u64) -> anyhow::Result<Self> {
        let executable = std::env::current_exe().context("where this executable is")?;
        let programs = executable.parent().context("a folder of programs")?.to_owned();
        let target = programs.parent().context("a target folder")?.to_owned();
        let run = target.join("compare").join("run");
        let data = target.join("compare").join("data").join(format!("{shops}-shops"));
        std::fs::create_dir_all(&run)?;
        std::fs::create_dir_all(&data)?;
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a workspace")?.to_owned();
        Ok(Self { programs, target, run, data, workspace })
    }

    /// One of our programs.
    ///
    /// # Errors
    /// When it is not built.
    pub fn program(&self, name: &str) -> anyhow::Result<Command> {
        let path = self.programs.join(name);
        anyhow::ensure!(
            path.is_file(),
            "`{name}` is not built; `cargo xtask compare`, `scale` and `backends` build what they need"
        );
        Ok(Command::new(path))
    }

    /// Where a server's words go.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.log"))
    }

    /// A folder of its own for a server, empty.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn emptied(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.run.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The sampled pages.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.run.join("files")
    }
}

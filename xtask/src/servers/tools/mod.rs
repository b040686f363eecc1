//! Programs that servers need, fetched by the ecosystems' ordinary clients as the machine has them set up, pinned by version and sum.
//!
//! Each lies in a folder of its own under `target/servers/tools` beside the recipe it was made by. A folder whose recipe is
//! the one asked for is used as it is; any other, half-made ones included, is made anew.

mod debian; // a package of this Debian            -> its files, and those it needs
mod java; //   a Java that needs no installation   -> `java`, a compiler
mod maven; //  a pom and sums                      -> jars
mod python; // a lock file                         -> packages in a folder, or an environment with a newer Python

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::steps::say;

pub(crate) use debian::unpacked as unpacked_from_debian;
pub(crate) use java::jars_in;

/// How much an error shows of what a command said.
const ERROR_LINES: usize = 15;

/// How much an error shows of the command: class paths are long.
const COMMAND_CHARS: usize = 300;

/// Where fetched programs lie.
#[derive(Debug)]
pub(crate) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Under the servers' folder.
    pub(crate) fn under(servers: &Path) -> anyhow::Result<Self> {
        let folder = servers.join("tools");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Programs are started from elsewhere.
        Ok(Self { folder: folder.canonicalize()? })
    }

    /// Where this one lies, or will.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder that was made by this recipe; made now, if it was not.
    pub(crate) fn made(
        &self,
        name: &str,
        recipe: &str,
        make: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let folder = self.folder(name);
        let mark = folder.join(".recipe");
        if std::fs::read_to_string(&mark).is_ok_and(|made_by| made_by == recipe) {
            return Ok(folder);
        }
        say(&format!("   fetching {name}"));
        self.forget(name)?;
        std::fs::create_dir_all(&folder)?;
        make(&folder)?;
        // Last: without it the folder counts as half-made.
        std::fs::write(mark, recipe)?;
        Ok(folder)
    }

    /// So that it is made anew.
    pub(crate) fn forget(&self, name: &str) -> anyhow::Result<()> {
        let folder = self.folder(name);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", folder.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Runs a command that says something only if it fails; what it printed.
pub(crate) fn quiet(command: &mut Command) -> anyhow::Result<String> {
    let shown = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let all = said + &String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = all.lines().collect();
        let last = lines[lines.len().saturating_sub(ERROR_LINES)..].join("\n");
        let command: String = format!("{command:?}").chars().take(COMMAND_CHARS).collect();
        bail!("{command} failed ({}):\n{last}", output.status);
    }
    Ok(said)
}

/// Whether this command is there and succeeds; what it printed on both of its outputs.
fn answer(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

//! Programs of others: those of the system, and what it lacks from the distribution's packages, unpacked under
//! `target/tools` without being installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The packages with what the comparison needs of them.
const PACKAGES: [(&str, &str); 4] =
    [("nginx", "nginx"), ("wrk", "wrk"), ("redis-server", "redis-server"), ("varnish", "varnishd")];

/// Where programs are found.
#[derive(Clone, Debug)]
pub struct Tools {
    root: PathBuf,
    /// Why there is nothing under `root`.
    not_fetched: Option<String>,
}

impl Tools {
    /// Looks for all programs of the comparison, and fetches the packages of those that are neither here nor there.
    #[must_use]
    pub fn found(target: &Path) -> Self {
        Self::of(target, &PACKAGES)
    }

    /// The same for other packages with what is needed of them.
    #[must_use]
    pub fn of(target: &Path, packages: &[(&str, &str)]) -> Self {
        let tools = target.join("tools");
        let mut found = Self { root: tools.join("root"), not_fetched: None };
        let lacking: Vec<&str> = packages
            .iter()
            .filter(|(_, program)| found.path(program).is_none())
            .map(|(package, _)| *package)
            .collect();
        if !lacking.is_empty() {
            found.not_fetched = fetch(&tools, &found.root, &lacking).err().map(|error| format!("{error:#}"));
        }
        found
    }

    /// A command that runs a program with the libraries that came with it.
    ///
    /// # Errors
    /// When it is nowhere.
    pub fn command(&self, program: &str) -> anyhow::Result<Command> {
        let Some(path) = self.path(program) else {
            let why = self.not_fetched.as_deref().unwrap_or("no package has it");
            bail!("`{program}` is not installed and could not be fetched: {why}");
        };
        let mut command = Command::new(path);
        let libraries = self.root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
        let varnish = libraries.join("varnish");
        let paths = [libraries, varnish].into_iter().chain(
            std::env::var_os("LD_LIBRARY_PATH").iter().flat_map(std::env::split_paths).collect::<Vec<_>>(),
        );
        command.env("LD_LIBRARY_PATH", std::env::join_paths(paths)?);
        // Valgrind looks for its tools where its package would be installed.
        let valgrind = self.root.join("usr/libexec/valgrind");
        if valgrind.is_dir() {
            command.env("VALGRIND_LIB", valgrind);
        }
        Ok(command)
    }

    /// What a program says of its version.
    #[must_use]
    pub fn version(&self, program: &str, flag: &str) -> Option<String> {
        let output = self.command(program).ok()?.arg(flag).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        version_in(&String::from_utf8_lossy(&said))
    }

    fn path(&self, program: &str) -> Option<PathBuf> {
        let unpacked = ["usr/bin", "usr/sbin"].map(|folder| self.root.join(folder));
        let system = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect::<Vec<_>>();
        // Servers stand where a user's path does not lead.
        let servers = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")];
        let folders = unpacked.into_iter().chain(system).chain(servers);
        folders.map(|folder| folder.join(program)).find(|path| path.is_file())
    }
}

/// The first numbers with a point between them.
fn version_in(said: &str) -> Option<String> {
    let of_a_version = |letter: char| letter.is_ascii_digit() || letter == '.';
    let mut pieces = said.split(|letter: char| !of_a_version(letter)).map(|piece| piece.trim_matches('.'));
    pieces.find(|piece| piece.contains('.')).map(str::to_owned)
}

/// apt finds out what the system lacks of these packages and of what they need, and downloads just that.
fn fetch(tools: &Path, root: &Path, packages: &[&str]) -> anyhow::Result<()> {
    let archives = tools.join("archives");
    std::fs::create_dir_all(archives.join("partial"))?;
    std::fs::create_dir_all(root)?;
    let download = || {
        let mut apt = Command::new("apt-get");
        apt.args(["install", "--download-only", "--yes", "--no-install-recommends", "-qq"])
            // Nothing is installed, so nothing needs the system's lock or its administrator.
            .args([
                "-o",
                "Debug::NoLocking=true",
                "-o",
                &format!("Dir::Cache::archives={}", archives.display()),
            ])
            .args(packages);
        run(&mut apt)
    };
    if let Err(first) = download() {
        // Package lists may be older than the mirror, or not be there at all.
        run(Command::new("apt-get").args(["update", "-qq"])).map_err(|_| first)?;
        download()?;
    }
    for package in std::fs::read_dir(&archives)? {
        let package = package?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg").arg("-x").arg(&package).arg(root))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("`{name}` cannot be started"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} ended with {}: {}", output.status, said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_say_their_version_in_many_ways() {
        for (said, expected) in [
            ("nginx version: nginx/1.22.1\n", Some("1.22.1")),
            ("varnishd (varnish-7.1.1 revision 7cee1c58)", Some("7.1.1")),
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", Some("7.0.15")),
            ("wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012", Some("4.1.0")),
            ("usage: wrk <options>", None),
        ] {
            assert_eq!(version_in(said).as_deref(), expected, "{said}");
        }
    }

    #[test]
    fn a_program_that_is_nowhere_is_named_with_the_reason() {
        let tools =
            Tools { root: PathBuf::from("nowhere"), not_fetched: Some("`apt-get` cannot be started".into()) };
        let error = tools.command("no-such-program").unwrap_err().to_string();
        assert_eq!(
            error,
            "`no-such-program` is not installed and could not be fetched: `apt-get` cannot be started"
        );
    }
}

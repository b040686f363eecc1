//! Jars from Maven's repositories, with everything they need, held against sums.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{Tools, answer, debian, quiet};

/// Copies what a pom names, and what that needs.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

impl Tools {
    /// The folder with exactly the files that the sums name.
    pub(crate) fn jars(&self, name: &str, pom: &str, sums: &str) -> anyhow::Result<PathBuf> {
        let java_home = self.java_home()?;
        self.made(name, &format!("{pom}{sums}"), |folder| {
            let lib = folder.join("lib");
            std::fs::write(folder.join("pom.xml"), pom)?;
            let mut copy = maven()?;
            copy.arg("-f").arg(folder.join("pom.xml")).arg(COPY).arg("-DincludeScope=runtime");
            // Maven itself is content with any Java; the machine may have none.
            copy.arg(format!("-DoutputDirectory={}", lib.display())).env("JAVA_HOME", java_home);
            quiet(&mut copy)?;
            checked(&lib, sums).with_context(|| format!("{name} is not what it was when it was pinned"))
        })
        .map(|folder| folder.join("lib"))
    }
}

fn maven() -> anyhow::Result<Command> {
    if answer("mvn", &["--version"]).is_none() {
        debian::installed(&["maven"]).context("Maven is needed")?;
    }
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "--no-transfer-progress"]);
    Ok(maven)
}

/// Every file that the sums name, as they say, and none beside.
fn checked(lib: &Path, sums: &str) -> anyhow::Result<()> {
    let named: BTreeSet<&str> =
        sums.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name).collect();
    for entry in std::fs::read_dir(lib)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(named.contains(name.as_str()), "`{name}` has no sum");
    }
    let list = lib.with_extension("sha256");
    std::fs::write(&list, sums)?;
    quiet(Command::new("sha256sum").args(["--check", "--strict", "--quiet"]).arg(&list).current_dir(lib))
        .map(drop)
}

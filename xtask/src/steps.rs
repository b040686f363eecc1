//! One command after another, each with its name and how long it took; the first that fails ends it all.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::root;

/// With this a command says that it lacks what it needs.
const UNTESTED: i32 = 77;

/// Of a command that may lack what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It succeeded.
    Done,
    /// It could not be tried.
    Untested,
}

/// What was done so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs a command in the workspace's folder; its output goes where ours goes.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        match self.run_if_possible(name, command)? {
            Outcome::Done => Ok(()),
            Outcome::Untested => bail!("{name} lacks what it needs; again by itself: {}", shown(command)),
        }
    }

    /// The same for a command that may lack what it needs, which is no failure yet.
    pub(crate) fn run_if_possible(&mut self, name: &str, command: &mut Command) -> anyhow::Result<Outcome> {
        say(&format!("── {name}"));
        let started = Instant::now();
        let status = command.current_dir(root()).status().with_context(|| format!("{name}: {command:?}"))?;
        self.took(name, started);
        match status.code() {
            Some(0) => Ok(Outcome::Done),
            Some(UNTESTED) => Ok(Outcome::Untested),
            _ => bail!("{name} failed ({status}); again by itself: {}", shown(command)),
        }
    }

    /// The same while somebody listens to what it says, line by line; whether it succeeded, since it is the listener who judges.
    pub(crate) fn run_heard(
        &mut self,
        name: &str,
        command: &mut Command,
        mut hear: impl FnMut(&str),
    ) -> anyhow::Result<bool> {
        say(&format!("── {name}"));
        let started = Instant::now();
        // One pipe for both, so that lines stand in the order in which they were said.
        let (said, both) = std::io::pipe()?;
        command.current_dir(root()).stdout(both.try_clone()?).stderr(both);
        let mut child = command.spawn().with_context(|| format!("{name}: {command:?}"))?;
        // Ours would keep the pipe open for ever.
        command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        for_each_line(said, |line| {
            say(line);
            hear(line);
        })?;
        let succeeded = child.wait()?.success();
        self.took(name, started);
        Ok(succeeded)
    }

    /// What a command prints on standard output; what it says on the other goes where ours goes.
    pub(crate) fn output(&mut self, name: &str, command: &mut Command) -> anyhow::Result<String> {
        let started = Instant::now();
        command.current_dir(root()).stderr(Stdio::inherit());
        let output = command.output().with_context(|| format!("{name}: {command:?}"))?;
        self.took(name, started);
        ensure!(
            output.status.success(),
            "{name} failed ({}); again by itself: {}",
            output.status,
            shown(command)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Something that is no command.
    pub(crate) fn took(&mut self, name: &str, started: Instant) {
        self.done.push((name.to_owned(), started.elapsed()));
    }

    /// One line per step.
    pub(crate) fn summary(&self) -> String {
        let line = |(name, took): &(String, Duration)| format!("{:>7.1} s  {name}\n", took.as_secs_f64());
        self.done.iter().map(line).collect()
    }
}

fn for_each_line(said: impl Read, mut hear: impl FnMut(&str)) -> std::io::Result<()> {
    for line in BufReader::new(said).split(b'\n') {
        hear(&String::from_utf8_lossy(&line?));
    }
    Ok(())
}

/// The cargo that runs this.
pub(crate) fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments);
    cargo
}

/// As one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let program = words[0].rsplit('/').next().unwrap_or_default().to_owned();
    std::iter::once(program).chain(words.into_iter().skip(1)).collect::<Vec<_>>().join(" ")
}

/// To standard error, beside what cargo says.
pub(crate) fn say(text: &str) {
    // A reader that went away is no error.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

//! What a directory was seeded with, so that a second start goes on where the first one was.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// Written after a complete seeding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Of the choice and the generator.
    pub(super) seed: u64,
    /// How many shops are there.
    pub(super) shops: u64,
}

/// Shops to seed: the numbers `from..to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Plan {
    pub(super) const fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("demo.toml")
}

impl Memory {
    /// Nothing was seeded completely: no shops.
    pub(super) fn read(data_dir: &Path) -> anyhow::Result<Self> {
        let file = file(data_dir);
        match std::fs::read_to_string(&file) {
            Ok(text) => toml::from_str(&text).with_context(|| file.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| file.display().to_string()),
        }
    }

    pub(super) fn write(self, data_dir: &Path) -> anyhow::Result<()> {
        Ok(super::replace(&file(data_dir), toml::to_string(&self)?.as_bytes())?)
    }

    /// More shops are added to those that are there; another seed would be another set of shops.
    pub(super) fn plan(self, data_dir: &Path, seed: u64, shops: u64) -> anyhow::Result<Plan> {
        anyhow::ensure!(
            self.shops == 0 || self.seed == seed,
            "`{}` was seeded with `--seed {}`, given `--seed {seed}`: delete it, or choose another `--data-dir`",
            data_dir.display(),
            self.seed,
        );
        Ok(Plan { from: self.shops, to: shops.max(self.shops) })
    }
}

/// Keeps a second demo away from this directory for as long as the file is held.
pub(super) fn hold(data_dir: &Path) -> anyhow::Result<File> {
    let file = File::create(data_dir.join("demo.lock"))?;
    file.try_lock().map_err(|_| {
        anyhow::anyhow!("another demo runs in `{}`: stop it, or choose another directory", data_dir.display())
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_adds_what_is_missing_and_refuses_another_seed() {
        let directory = Path::new("demo-data");
        let held = Memory { seed: 1, shops: 100 };
        assert_eq!(Memory::default().plan(directory, 7, 50).unwrap(), Plan { from: 0, to: 50 });
        assert_eq!(held.plan(directory, 1, 150).unwrap(), Plan { from: 100, to: 150 });
        assert!(held.plan(directory, 1, 20).unwrap().is_empty());
        let refused = held.plan(directory, 2, 100).unwrap_err().to_string();
        assert!(refused.contains("`--seed 1`, given `--seed 2`"), "{refused}");
    }

    #[test]
    fn two_demos_do_not_share_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let first = hold(directory.path()).unwrap();
        assert!(hold(directory.path()).unwrap_err().to_string().contains("another demo runs"));
        drop(first);
        hold(directory.path()).unwrap();
    }

    #[test]
    fn what_was_seeded_is_remembered() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Memory::read(directory.path()).unwrap(), Memory::default());
        let held = Memory { seed: 3, shops: 9 };
        held.write(directory.path()).unwrap();
        assert_eq!(Memory::read(directory.path()).unwrap(), held);
    }
}

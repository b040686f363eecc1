//! A bell file: rung after each commit, watched by readers, so that waiting costs no polling.
//!
//! LMDB writes its data file through a memory map and `pwrite`, of which the kernel tells watchers nothing
//! reliable; a file of its own that is written after the commit is. A look-around bounds the wait should a ring
//! get lost.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;

/// How long a lost ring can go unnoticed.
pub(super) const LOOK_AROUND: Duration = Duration::from_millis(250);

fn bell_file(directory: &Path) -> PathBuf {
    directory.join("changed.bell")
}

/// The ringing side.
#[derive(Debug)]
pub(super) struct Bell(std::fs::File);

impl Bell {
    pub(super) fn open(directory: &Path) -> std::io::Result<Self> {
        let file =
            std::fs::File::options().create(true).write(true).truncate(true).open(bell_file(directory))?;
        Ok(Self(file))
    }

    pub(super) fn ring(&mut self) {
        use std::io::{Seek, SeekFrom};
        // A ring that fails costs readers one look-around.
        drop(self.0.seek(SeekFrom::Start(0)));
        drop(self.0.write_all(b"!"));
    }
}

/// The listening side; several may wait at once.
#[derive(Debug)]
pub(super) struct Listener {
    rung: watch::Receiver<u64>,
    // Watches for as long as it lives; `None` where the system cannot watch files.
    _watcher: Option<RecommendedWatcher>,
}

impl Listener {
    pub(super) fn at(directory: &Path) -> Self {
        let (sender, rung) = watch::channel(0_u64);
        let watcher = notify::recommended_watcher(move |_| sender.send_modify(|count| *count += 1));
        let watcher = watcher.and_then(|mut watcher| {
            let file = bell_file(directory);
            let watched = if file.exists() { file } else { directory.to_owned() };
            watcher.watch(&watched, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "cannot watch the store's bell; looking around instead");
        }
        Self { rung, _watcher: watcher.ok() }
    }

    /// A receiver that sees every ring from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        let mut rung = self.rung.clone();
        rung.mark_unchanged();
        rung
    }
}

/// Until a ring, at most one look-around.
pub(super) async fn rung(receiver: &mut watch::Receiver<u64>) {
    match tokio::time::timeout(LOOK_AROUND, receiver.changed()).await {
        Ok(Ok(())) | Err(_) => {}
        // No watcher: the look-around is all there is.
        Ok(Err(_)) => tokio::time::sleep(LOOK_AROUND).await,
    }
}

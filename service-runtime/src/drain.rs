//! The orderly end: accept no more, finish what runs, give up after a grace period.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Told to everybody when the end has begun. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    begun: CancellationToken,
    running: TaskTracker,
}

impl Drain {
    /// Nothing has begun to end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the end. Twice is the same as once.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whether the end has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits until the end has begun.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Runs a task that the end waits for.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.running.spawn(task);
    }

    /// Waits for all tasks, at most for the grace period. `false`: some were still running.
    pub async fn finished(&self, grace: Duration) -> bool {
        self.running.close();
        tokio::time::timeout(grace, self.running.wait()).await.is_ok()
    }

    /// Begins the end on SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the process may not listen to signals.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let drain = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            drain.begin();
        });
        Ok(())
    }
}

//! Reads, each on a connection of its own and a thread on which it may block; a bounded number at a time.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shop_id::Writer;
use tokio::sync::Semaphore;

use crate::database::{DatabaseError, ReadOnly};

/// A read that has not even begun after this long is refused rather than left hanging.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a read has no answer. Transient.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// All connections are busy.
    #[error("no connection became free within {} s; try again", WAIT_MAX.as_secs())]
    Busy,
    /// The disk, or a lock that somebody else holds.
    #[error("the database did not answer: {0}")]
    Failed(#[from] rusqlite::Error),
    /// The writer is on its way out.
    #[error("the writer is stopping; try again")]
    Stopping,
}

/// Connections that only read.
#[derive(Debug)]
pub(crate) struct Reads {
    idle: Mutex<Vec<ReadOnly>>,
    free: Semaphore,
}

impl Reads {
    pub(crate) fn open(path: &Path, writer: Writer, connections: usize) -> Result<Self, DatabaseError> {
        let connections = connections.max(1);
        let idle = (0..connections).map(|_| ReadOnly::open(path, writer)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), free: Semaphore::new(connections) })
    }

    /// Runs one read where it may block.
    pub(crate) async fn read<T, F>(self: &std::sync::Arc<Self>, read: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&ReadOnly) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit =
            tokio::time::timeout(WAIT_MAX, self.free.acquire()).await.map_err(|_| ReadError::Busy)?;
        permit.map_err(|_| ReadError::Stopping)?.forget();
        let reads = std::sync::Arc::clone(self);
        // The permit comes back on the thread that reads: whoever asked may go away meanwhile, the read does not.
        let done = tokio::task::spawn_blocking(move || {
            let answer = reads.on_idle(read);
            reads.free.add_permits(1);
            answer
        });
        Ok(done.await.map_err(|_| ReadError::Stopping)??)
    }

    /// Runs one read here and now: while the writer starts.
    pub(crate) fn now<T>(&self, read: impl FnOnce(&ReadOnly) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.on_idle(read)
    }

    fn on_idle<T>(&self, read: impl FnOnce(&ReadOnly) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Never empty: there are as many permits as connections.
        let connection = lock().pop().ok_or(rusqlite::Error::InvalidQuery)?;
        let answer = read(&connection);
        lock().push(connection);
        answer
    }
}

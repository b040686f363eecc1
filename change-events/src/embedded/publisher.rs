//! Events into every queue of their writer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use shop_id::Writer;

use super::queue::{Queue, unavailable};
use crate::{ChangeEvent, EventError, EventPublisher};

/// What one writer is given.
#[derive(Clone, Debug)]
pub struct EmbeddedPublisher {
    directory: PathBuf,
    open: Arc<Mutex<BTreeMap<PathBuf, Queue>>>,
}

impl EmbeddedPublisher {
    /// Publishes into `<directory>/<writer>/`. Nothing needs to be there yet.
    #[must_use]
    pub fn open(directory: &Path, writer: Writer) -> Self {
        Self { directory: directory.join(writer.name()), open: Arc::default() }
    }

    fn push(&self, bodies: &[String]) -> Result<(), EventError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, queue| queue.is_there());
        let (mut failure, mut taken) = (None, false);
        for path in queues(&self.directory)? {
            match Self::push_into(&mut open, &path, bodies) {
                Ok(()) => taken = true,
                Err(error) => {
                    // The others get theirs all the same.
                    open.remove(&path);
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(EventError::Unavailable { queue, reason }) if taken => {
                Err(EventError::OneQueue { queue, reason })
            }
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn push_into(
        open: &mut BTreeMap<PathBuf, Queue>,
        path: &Path,
        bodies: &[String],
    ) -> Result<(), EventError> {
        let queue = match open.entry(path.to_owned()) {
            std::collections::btree_map::Entry::Occupied(queue) => queue.into_mut(),
            std::collections::btree_map::Entry::Vacant(vacant) => vacant.insert(Queue::open(path)?),
        };
        queue.push(bodies, Timestamp::now().as_millisecond())?;
        ring(path).map_err(|error| unavailable(path, &error))
    }
}

/// Tells the consumer that there is something.
fn ring(queue: &Path) -> std::io::Result<()> {
    std::fs::write(queue.with_extension("bell"), b"!")
}

/// The queues that subscribers made. No directory: no subscribers yet.
fn queues(directory: &Path) -> Result<Vec<PathBuf>, EventError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unavailable(directory, &error)),
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "sqlite")).collect())
}

impl EventPublisher for EmbeddedPublisher {
    async fn publish(&self, events: &[ChangeEvent]) -> Result<(), EventError> {
        let bodies: Vec<String> = events.iter().map(ChangeEvent::to_json).collect();
        let publisher = self.clone();
        let pushed = tokio::task::spawn_blocking(move || publisher.push(&bodies)).await;
        pushed.unwrap_or_else(|error| Err(unavailable(&self.directory, &error)))
    }
}

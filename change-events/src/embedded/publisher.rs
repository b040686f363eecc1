//! Events into every queue of their writer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use shop_id::Writer;
use tokio::time::Instant;

use super::queue::{Queue, unavailable};
use crate::{ChangeEvent, EventError, EventPublisher};

/// A queue that failed is left alone for so long: waiting for its lock costs the others' events a quarter of a second.
const REST: Duration = Duration::from_secs(1);

/// What one writer is given.
#[derive(Clone, Debug)]
pub struct EmbeddedPublisher {
    directory: PathBuf,
    queues: Arc<Mutex<Queues>>,
}

#[derive(Debug, Default)]
struct Queues {
    open: BTreeMap<PathBuf, Queue>,
    resting: BTreeMap<PathBuf, Rest>,
}

/// Why a queue is left alone, and until when.
#[derive(Debug)]
struct Rest {
    until: Instant,
    reason: String,
}

impl EmbeddedPublisher {
    /// Publishes into `<directory>/<writer>/`. Nothing needs to be there yet.
    #[must_use]
    pub fn open(directory: &Path, writer: Writer) -> Self {
        Self { directory: directory.join(writer.name()), queues: Arc::default() }
    }

    fn push(&self, bodies: &[String]) -> Result<(), EventError> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.open.retain(|_, queue| queue.is_there());
        let mut paths = queue_files(&self.directory)?;
        queues.resting.retain(|path, _| paths.contains(path));
        // The healthy ones first: they do not wait for another's lock.
        paths.sort_by_key(|path| queues.resting.contains_key(path));
        let (mut failure, mut taken) = (None, false);
        for path in paths {
            match queues.push_into(&path, bodies) {
                Ok(()) => taken = true,
                // The others get theirs all the same.
                Err(error) => failure = Some(error),
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
}

impl Queues {
    fn push_into(&mut self, path: &Path, bodies: &[String]) -> Result<(), EventError> {
        if let Some(rest) = self.resting.get(path)
            && Instant::now() < rest.until
        {
            return Err(unavailable(path, &rest.reason));
        }
        let pushed = self.opened(path).and_then(|queue| {
            queue.push(bodies, Timestamp::now().as_millisecond())?;
            queue.ring()
        });
        self.resting.remove(path);
        let Err(error) = pushed else { return Ok(()) };
        self.open.remove(path);
        if !path.exists() {
            // Its subscriber deleted it in this moment.
            return Ok(());
        }
        let reason = match &error {
            EventError::Unavailable { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        self.resting.insert(path.to_owned(), Rest { until: Instant::now() + REST, reason });
        Err(error)
    }

    fn opened(&mut self, path: &Path) -> Result<&mut Queue, EventError> {
        Ok(match self.open.entry(path.to_owned()) {
            Entry::Occupied(queue) => queue.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(Queue::open(path)?),
        })
    }
}

/// The queues that subscribers made. No directory: no subscribers yet.
fn queue_files(directory: &Path) -> Result<Vec<PathBuf>, EventError> {
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

//! A queue into deliveries.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use shop_id::Writer;
use tokio::sync::watch;

use super::queue::{Queue, unavailable};
use crate::{Delivery, EventConsumer, EventError, Receipt};

/// How a queue behaves.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedOptions {
    /// How long a received message stays invisible to others.
    pub visibility_timeout: Duration,
    /// How long a lost ring of the bell, or a deleted file, can go unnoticed.
    pub look_around: Duration,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { visibility_timeout: Duration::from_secs(30), look_around: Duration::from_millis(500) }
    }
}

/// One subscriber's queue of one writer.
#[derive(Clone, Debug)]
pub struct EmbeddedConsumer {
    writer: Writer,
    path: PathBuf,
    options: EmbeddedOptions,
    queue: Arc<Mutex<Option<Queue>>>,
    rung: watch::Sender<u64>,
    watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
}

impl EmbeddedConsumer {
    /// Subscribes: from now on what the writer publishes arrives here. A directory that cannot be written is an error of
    /// `receive`, not of this call: a subscriber starts before what it needs.
    #[must_use]
    pub fn open(directory: &Path, writer: Writer, subscriber: &str, options: EmbeddedOptions) -> Self {
        let path = directory.join(writer.name()).join(format!("{subscriber}.sqlite"));
        let consumer = Self {
            writer,
            path,
            options,
            queue: Arc::default(),
            rung: watch::Sender::new(0),
            watcher: Arc::default(),
        };
        // Subscribed from this moment if that is possible now.
        drop(consumer.with_queue(|_| Ok(())));
        consumer
    }

    /// What was dead-lettered, with the reasons.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn dead_letters(&self) -> Result<Vec<(String, String)>, EventError> {
        self.blocking(|queue| queue.dead_letters()).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Queue) -> Result<T, EventError> + Send + 'static,
    ) -> Result<T, EventError> {
        let consumer = self.clone();
        let done = tokio::task::spawn_blocking(move || consumer.with_queue(work)).await;
        done.unwrap_or_else(|error| Err(unavailable(&self.path, &error)))
    }

    fn with_queue<T>(&self, work: impl FnOnce(&mut Queue) -> Result<T, EventError>) -> Result<T, EventError> {
        let mut held = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let was_there = held.as_ref().is_some_and(Queue::is_there);
        let queue = match held.take() {
            Some(queue) => held.insert(queue),
            None => held.insert(Queue::open(&self.path)?),
        };
        let done = queue.reopened().and_then(work);
        if done.is_err() {
            *held = None;
        }
        drop(held);
        if !was_there {
            self.watch_bell();
        }
        done
    }

    /// Watches the directory of the queue: the bell file comes with the first ring.
    fn watch_bell(&self) {
        let (rung, bell) = (self.rung.clone(), self.path.with_extension("bell"));
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| event.paths.contains(&bell)) {
                rung.send_modify(|count| *count += 1);
            }
        });
        let watched = watcher.and_then(|mut watcher| {
            let directory = self.path.parent().unwrap_or(Path::new("."));
            watcher.watch(directory, RecursiveMode::NonRecursive).map(|()| watcher)
        });
        if let Err(error) = &watched {
            tracing::warn!(%error, queue = %self.path.display(), "cannot watch the queue's bell; looking around instead");
        }
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = watched.ok();
    }
}

impl EventConsumer for EmbeddedConsumer {
    fn writer(&self) -> Writer {
        self.writer
    }

    async fn receive(&self, messages_max: usize) -> Result<Vec<Delivery>, EventError> {
        let mut rung = self.rung.subscribe();
        loop {
            rung.mark_unchanged();
            let invisible_ms = milliseconds(self.options.visibility_timeout);
            let (taken, next) = self
                .blocking(move |queue| {
                    let now = Timestamp::now().as_millisecond();
                    let taken = queue.take(messages_max, now, now.saturating_add(invisible_ms))?;
                    let next = if taken.is_empty() { queue.next_visible_ms()? } else { None };
                    Ok((taken, next))
                })
                .await?;
            if !taken.is_empty() {
                return Ok(taken);
            }
            let until_next = next.map(|at| at.saturating_sub(Timestamp::now().as_millisecond()).max(0));
            let until_next =
                until_next.and_then(|wait_ms| u64::try_from(wait_ms).ok()).map(Duration::from_millis);
            let wait = until_next.unwrap_or(Duration::MAX).min(self.options.look_around);
            drop(tokio::time::timeout(wait, rung.changed()).await);
        }
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<(), EventError> {
        self.blocking(move |queue| queue.delete(&receipts)).await
    }

    async fn retry_after(&self, receipt: &Receipt, delay: Duration) -> Result<(), EventError> {
        let (receipt, delay_ms) = (Receipt(receipt.0.clone()), milliseconds(delay));
        self.blocking(move |queue| queue.show_at(&receipt, Timestamp::now().as_millisecond() + delay_ms))
            .await
    }

    async fn dead_letter(&self, receipt: Receipt, reason: &str) -> Result<(), EventError> {
        let reason = reason.to_owned();
        self.blocking(move |queue| queue.bury(&receipt, &reason, Timestamp::now().as_millisecond())).await
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

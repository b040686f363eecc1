//! A queue into deliveries.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use shop_id::Writer;
use tokio::sync::watch;

use super::queue::{Queue, bell_of, unavailable};
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
        let mut queue = match held.take() {
            Some(queue) if queue.is_there() => queue,
            before => {
                if before.is_some() {
                    tracing::warn!(queue = %self.path.display(), "the queue's file was deleted; beginning a new one");
                }
                drop(before);
                self.create()?
            }
        };
        let done = work(&mut queue);
        match &done {
            Ok(_) => *held = Some(queue),
            Err(_) if queue.is_damaged() => {
                queue.set_aside();
                // At once: publishers find subscribers by their files.
                *held = self.create().ok();
            }
            Err(_) => {}
        }
        done
    }

    /// The bell is watched before the first look into the queue, so that no ring is missed.
    fn create(&self) -> Result<Queue, EventError> {
        let queue = Queue::create(&self.path)?;
        self.watch_bell();
        Ok(queue)
    }

    fn watch_bell(&self) {
        let rung = self.rung.clone();
        let watcher = notify::recommended_watcher(move |_| rung.send_modify(|count| *count += 1));
        let watched = watcher.and_then(|mut watcher| {
            watcher.watch(&bell_of(&self.path), RecursiveMode::NonRecursive).map(|()| watcher)
        });
        if let Err(error) = &watched {
            tracing::warn!(%error, queue = %self.path.display(), "cannot watch the queue's bell; looking around instead");
        }
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = watched.ok();
    }
}

/// What was taken on behalf of a receiver, until it has it.
struct Taken {
    deliveries: Vec<Delivery>,
    consumer: EmbeddedConsumer,
}

impl Drop for Taken {
    /// The receiver gave up meanwhile: others must not wait for what nobody has.
    fn drop(&mut self) {
        if self.deliveries.is_empty() {
            return;
        }
        let receipts: Vec<Receipt> = self.deliveries.drain(..).map(|delivery| delivery.receipt).collect();
        let consumer = self.consumer.clone();
        let give_back = move || {
            // What fails here comes back by itself when its visibility runs out.
            let now_ms = Timestamp::now().as_millisecond();
            drop(consumer.with_queue(|queue| queue.give_back(&receipts, now_ms)));
            consumer.rung.send_modify(|count| *count += 1);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(give_back)),
            Err(_) => give_back(),
        }
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
            let consumer = self.clone();
            let (mut taken, next) = self
                .blocking(move |queue| {
                    let now = Timestamp::now().as_millisecond();
                    let deliveries = queue.take(messages_max, now, now.saturating_add(invisible_ms))?;
                    let next = if deliveries.is_empty() { queue.next_visible_ms()? } else { None };
                    Ok((Taken { deliveries, consumer }, next))
                })
                .await?;
            if !taken.deliveries.is_empty() {
                return Ok(std::mem::take(&mut taken.deliveries));
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
        let at_ms = Timestamp::now().as_millisecond().saturating_add(delay_ms);
        self.blocking(move |queue| queue.show_at(&receipt, at_ms)).await?;
        // Whoever waits already must not oversleep it.
        self.rung.send_modify(|count| *count += 1);
        Ok(())
    }

    async fn dead_letter(&self, receipt: Receipt, reason: &str) -> Result<(), EventError> {
        let reason = reason.to_owned();
        self.blocking(move |queue| queue.bury(&receipt, &reason, Timestamp::now().as_millisecond())).await
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

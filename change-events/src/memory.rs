//! A transport in memory, for tests of those who publish or subscribe. Its clock is tokio's, so it can be paused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shop_id::Writer;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{ChangeEvent, Delivery, EventConsumer, EventError, EventPublisher, Receipt};

/// By writer and subscriber.
type Queues = BTreeMap<(Writer, String), Arc<Queue>>;

/// Publishers and consumers made from one transport meet in it. Cloning shares it.
#[derive(Clone, Debug)]
pub struct MemoryTransport {
    visibility_timeout: Duration,
    queues: Arc<Mutex<Queues>>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: Mutex<Vec<Message>>,
    /// Never given twice: a receipt of one message must not fit another.
    numbers: AtomicU64,
    dead: Mutex<Vec<(String, String)>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Message {
    number: u64,
    body: String,
    visible_at: Instant,
    receive_count: u32,
}

/// One subscriber's queue of one writer.
#[derive(Clone, Debug)]
pub struct MemoryConsumer {
    writer: Writer,
    visibility_timeout: Duration,
    queue: Arc<Queue>,
}

impl MemoryTransport {
    /// Without queues.
    #[must_use]
    pub fn new(visibility_timeout: Duration) -> Self {
        Self { visibility_timeout, queues: Arc::default() }
    }

    /// For those who subscribe from now on.
    pub const fn set_visibility_timeout(&mut self, visibility_timeout: Duration) {
        self.visibility_timeout = visibility_timeout;
    }

    /// Subscribes; what is published from now on arrives.
    #[must_use]
    pub fn subscribe(&self, writer: Writer, subscriber: &str) -> MemoryConsumer {
        let key = (writer, subscriber.to_owned());
        let queue = Arc::clone(lock(&self.queues).entry(key).or_default());
        MemoryConsumer { writer, visibility_timeout: self.visibility_timeout, queue }
    }

    /// Hands a message that is no event to every queue of a writer.
    pub fn publish_text(&self, writer: Writer, text: &str) {
        for ((of, _), queue) in lock(&self.queues).iter() {
            if *of == writer {
                queue.push(text.to_owned());
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    fn push(&self, body: String) {
        let mut messages = lock(&self.messages);
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        messages.push(Message { number, body, visible_at: Instant::now(), receive_count: 0 });
        drop(messages);
        self.arrived.notify_waiters();
        self.arrived.notify_one();
    }
}

impl EventPublisher for MemoryTransport {
    async fn publish(&self, events: &[ChangeEvent]) -> Result<(), EventError> {
        for event in events {
            self.publish_text(event.source, &event.to_json());
        }
        Ok(())
    }
}

impl MemoryConsumer {
    /// What was dead-lettered, with the reasons.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<(String, String)> {
        lock(&self.queue.dead).clone()
    }

    /// Messages that were not acknowledged yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.queue.messages).len()
    }

    fn take_visible(&self, messages_max: usize) -> Vec<Delivery> {
        let now = Instant::now();
        let mut messages = lock(&self.queue.messages);
        let visible = messages.iter_mut().filter(|message| message.visible_at <= now).take(messages_max);
        visible
            .map(|message| {
                message.visible_at = now + self.visibility_timeout;
                message.receive_count += 1;
                Delivery {
                    event: ChangeEvent::from_json(&message.body),
                    receipt: Receipt(format!("{}:{}", message.number, message.receive_count)),
                    receive_count: message.receive_count,
                }
            })
            .collect()
    }

    fn next_visible(&self) -> Option<Instant> {
        lock(&self.queue.messages).iter().map(|message| message.visible_at).min()
    }

    fn remove(&self, receipt: &Receipt) -> Option<Message> {
        let mut messages = lock(&self.queue.messages);
        let found = messages.iter().position(|message| is_of(message, receipt));
        found.map(|place| messages.remove(place))
    }
}

fn is_of(message: &Message, receipt: &Receipt) -> bool {
    receipt.0 == format!("{}:{}", message.number, message.receive_count)
}

impl EventConsumer for MemoryConsumer {
    fn writer(&self) -> Writer {
        self.writer
    }

    async fn receive(&self, messages_max: usize) -> Result<Vec<Delivery>, EventError> {
        loop {
            let arrived = self.queue.arrived.notified();
            let taken = self.take_visible(messages_max);
            if !taken.is_empty() {
                return Ok(taken);
            }
            match self.next_visible() {
                Some(at) => drop(tokio::time::timeout_at(at, arrived).await),
                None => arrived.await,
            }
        }
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<(), EventError> {
        for receipt in &receipts {
            self.remove(receipt);
        }
        Ok(())
    }

    async fn retry_after(&self, receipt: &Receipt, delay: Duration) -> Result<(), EventError> {
        let mut messages = lock(&self.queue.messages);
        if let Some(message) = messages.iter_mut().find(|message| is_of(message, receipt)) {
            message.visible_at = Instant::now() + delay;
        }
        drop(messages);
        self.queue.arrived.notify_one();
        Ok(())
    }

    async fn dead_letter(&self, receipt: Receipt, reason: &str) -> Result<(), EventError> {
        if let Some(message) = self.remove(&receipt) {
            lock(&self.queue.dead).push((message.body, reason.to_owned()));
        }
        Ok(())
    }
}

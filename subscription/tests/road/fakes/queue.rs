//! A queue in memory that notices when something is acknowledged before it is saved.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use change_events::memory::MemoryConsumer;
use change_events::{Delivery, EventConsumer, EventError, Receipt};
use shop_id::{Revision, ShopId, Writer};
use tokio::sync::watch;

use super::MemoryFollower;

#[derive(Clone, Debug)]
pub(crate) struct WatchedQueue {
    queue: MemoryConsumer,
    follower: MemoryFollower,
    handed_out: Arc<Mutex<HashMap<String, (ShopId, Revision)>>>,
    is_cut_off: watch::Sender<bool>,
}

impl WatchedQueue {
    pub(crate) fn new(queue: MemoryConsumer, follower: MemoryFollower) -> Self {
        Self { queue, follower, handed_out: Arc::default(), is_cut_off: watch::Sender::new(false) }
    }

    /// From now on nobody can ask it (`true`), those included who wait for messages.
    pub(crate) fn cut_off(&self, is_cut_off: bool) {
        self.is_cut_off.send_replace(is_cut_off);
    }

    /// Messages handed out so far, each time counted.
    pub(crate) fn handed_out(&self) -> usize {
        self.handed_out.lock().unwrap().len()
    }

    /// Messages that are not acknowledged.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    pub(crate) fn dead_letters(&self) -> Vec<(String, String)> {
        self.queue.dead_letters()
    }
}

impl EventConsumer for WatchedQueue {
    fn writer(&self) -> Writer {
        self.queue.writer()
    }

    async fn receive(&self, messages_max: usize) -> Result<Vec<Delivery>, EventError> {
        let mut is_cut_off = self.is_cut_off.subscribe();
        let deliveries = tokio::select! {
            biased;
            _ = is_cut_off.wait_for(|is_cut_off| *is_cut_off) => {
                let (queue, reason) = ("shop/test".to_owned(), "nobody answers".to_owned());
                return Err(EventError::Unavailable { queue, reason });
            }
            deliveries = self.queue.receive(messages_max) => deliveries?,
        };
        let mut handed_out = self.handed_out.lock().unwrap();
        for delivery in &deliveries {
            if let Ok(event) = &delivery.event {
                handed_out.insert(delivery.receipt.0.clone(), (event.subject, event.sequence));
            }
        }
        drop(handed_out);
        Ok(deliveries)
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<(), EventError> {
        for receipt in &receipts {
            let (shop_id, sequence) = self.handed_out.lock().unwrap()[&receipt.0];
            if !self.follower.covers(shop_id, sequence) {
                let broken = format!("shop {shop_id} at {sequence} was acknowledged before it was saved");
                self.follower.store().broken.push(broken);
            }
        }
        self.queue.acknowledge(receipts).await
    }

    async fn retry_after(&self, receipt: &Receipt, delay: Duration) -> Result<(), EventError> {
        self.queue.retry_after(receipt, delay).await
    }

    async fn dead_letter(&self, receipt: Receipt, reason: &str) -> Result<(), EventError> {
        self.queue.dead_letter(receipt, reason).await
    }
}

//! Writer, queue and store around one subscription that can be started, drained and killed.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use change_events::memory::MemoryTransport;
use change_events::{ChangeEvent, EventError, EventPublisher};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use service_runtime::{Clock, Drain};
use shop_id::{ShopId, Writer};
use subscription::{Jitter, Requests, Settings, Subscription, SubscriptionMetrics};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{MemoryFollower, ScriptedWriter, WatchedQueue};

pub(crate) const VISIBILITY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) writer: ScriptedWriter,
    pub(crate) follower: MemoryFollower,
    pub(crate) transport: MemoryTransport,
    pub(crate) queue: WatchedQueue,
    pub(crate) settings: Settings,
    /// While `false` the queue cannot be opened.
    pub(crate) transport_is_there: Arc<Mutex<bool>>,
    registry: Registry,
    metrics: SubscriptionMetrics,
    running: Option<(JoinHandle<()>, Drain, Requests)>,
}

impl Stage {
    /// Nothing runs yet. Changed-since is so rare that what arrives has come through events.
    pub(crate) fn set() -> Self {
        let settings = Settings {
            changed_since_interval: Duration::from_secs(100_000),
            visibility_timeout: VISIBILITY,
            jitter: Jitter::None,
            ..Settings::default()
        };
        let writer = ScriptedWriter::new();
        let follower = MemoryFollower::of(&writer);
        let transport = MemoryTransport::new(VISIBILITY);
        let queue = WatchedQueue::new(transport.subscribe(Writer::Shop, "test"), follower.clone());
        let mut registry = Registry::default();
        let metrics = SubscriptionMetrics::register(&mut registry);
        let transport_is_there = Arc::new(Mutex::new(true));
        Self {
            writer,
            follower,
            transport,
            queue,
            settings,
            transport_is_there,
            registry,
            metrics,
            running: None,
        }
    }

    /// Set, started, and through its first full resync of these shops.
    pub(crate) async fn ready(shop_count: u64, adapt: impl FnOnce(&mut Settings)) -> Self {
        let mut stage = Self::set();
        adapt(&mut stage.settings);
        (1..=shop_count).for_each(|number| drop(stage.writer.commit(shop(number))));
        stage.start();
        eventually("the first full resync is complete", || {
            stage.follower.store().cursor.is_some() || shop_count == 0
        })
        .await;
        assert!(stage.follower.holds_all());
        stage.writer.script().asked.clear();
        stage.follower.store().saves.clear();
        stage
    }

    pub(crate) fn start(&mut self) {
        let (reads, follower) = (self.writer.clone(), Arc::new(self.follower.clone()));
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let subscription = Subscription::new(reads, follower, self.settings.clone(), clock, &self.metrics);
        let (requests, drain) = (subscription.requests(), Drain::new());
        let (queue, is_there) = (self.queue.clone(), Arc::clone(&self.transport_is_there));
        let open = move || {
            let opened = if *is_there.lock().unwrap() {
                Ok(queue.clone())
            } else {
                let (queue, reason) = ("shop/test".to_owned(), "not a directory".to_owned());
                Err(EventError::Unavailable { queue, reason })
            };
            ready(opened)
        };
        let following = tokio::spawn(subscription.follow(open, drain.clone()));
        self.running = Some((following, drain, requests));
    }

    pub(crate) fn requests(&self) -> Requests {
        self.running.as_ref().unwrap().2.clone()
    }

    /// As kill -9 would: nothing that runs is awaited.
    pub(crate) async fn kill(&mut self) {
        if let Some((following, ..)) = self.running.take() {
            following.abort();
            assert!(following.await.unwrap_err().is_cancelled());
        }
    }

    /// In good order; how long it took.
    pub(crate) async fn drain(&mut self) -> Duration {
        let (following, drain, _) = self.running.take().unwrap();
        let began = Instant::now();
        drain.begin();
        following.await.unwrap();
        began.elapsed()
    }

    pub(crate) async fn tell(&self, event: &ChangeEvent) {
        self.transport.publish(std::slice::from_ref(event)).await.unwrap();
    }

    /// Commits a change and announces it.
    pub(crate) async fn change(&self, number: u64) {
        self.tell(&self.writer.commit(shop(number))).await;
    }

    pub(crate) async fn all_is_acknowledged(&self) {
        eventually("all events are acknowledged", || self.queue.waiting() == 0).await;
        self.no_promise_was_broken();
    }

    pub(crate) fn no_promise_was_broken(&self) {
        assert_eq!(self.follower.store().broken, Vec::<String>::new());
    }

    /// The value of a metric, 0 when it was never touched.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = format!("shopfront_subscription_{line} ");
        let value = text.lines().find_map(|found| found.strip_prefix(&line));
        value.map_or(0.0, |value| value.parse().unwrap())
    }
}

pub(crate) fn shop(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

pub(crate) fn shops(numbers: impl IntoIterator<Item = u64>) -> Vec<ShopId> {
    numbers.into_iter().map(shop).collect()
}

/// Waits, in paused time, until it holds; how long that took.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(600), "never came true: {what}");
        let look_again = if began.elapsed() < Duration::from_secs(1) { 1 } else { 10 };
        tokio::time::sleep(Duration::from_millis(look_again)).await;
    }
    began.elapsed()
}

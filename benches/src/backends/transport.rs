//! What carries events by itself: a publisher and a consumer of `change-events` and nothing else.
//!
//! The figures of a stand-in on this machine are its own: whatever travels through it cannot be sooner or more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use change_events::{
    ChangeEvent, EventConsumer as _, EventPublisher as _, EventsAddress, SelectedConsumer, SelectedPublisher,
};
use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::Serialize;
use shop_id::{Revision, Writer};

use super::meter::{self, Waits};
use crate::{documents, median};

/// A writer's outbox hands over up to so many at once.
const PUBLISHED_AT_ONCE: u64 = 100;
/// As many as a subscription asks for.
const RECEIVED_AT_ONCE: usize = 100;
/// Longer than any round.
const VISIBILITY: Duration = Duration::from_secs(300);
/// When nothing more arrives.
const QUIET: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Carried {
    /// `SNS and SQS (LocalStack)`, `files`.
    pub transport: &'static str,
    /// Events a second that went in while they also came out, the middle one of the rounds.
    pub published_per_second: f64,
    /// Events a second that came out and were acknowledged, until none was left; the middle one.
    pub carried_per_second: f64,
    /// From its publishing to its arrival, of events that are published one after another at [`Carried::paced_per_second`].
    pub paced: Waits,
    /// So many a second.
    pub paced_per_second: u64,
}

/// How much is published.
#[derive(Clone, Copy, Debug)]
pub struct Publishing {
    /// Rounds as fast as it goes.
    pub rounds: u64,
    /// Events of such a round.
    pub events: u64,
    /// And then so many a second.
    pub paced_per_second: u64,
    /// For so long.
    pub seconds: u64,
}

/// As fast as it goes, then at a steady rate.
///
/// # Errors
/// When the transport does not take or give events.
pub async fn measured(
    transport: &'static str,
    address: &str,
    publishing: Publishing,
) -> anyhow::Result<Carried> {
    let address = EventsAddress::try_from(address.to_owned()).map_err(anyhow::Error::msg)?;
    // Subscribed first: what is announced before is for nobody.
    let consumer = SelectedConsumer::open(&address, Writer::Shop, "backends", VISIBILITY).await?;
    let publisher = SelectedPublisher::open(&address, Writer::Shop);
    let (mut published, mut carried) = (Vec::new(), Vec::new());
    for _ in 0..publishing.rounds {
        let began = Instant::now();
        let (put, got) = tokio::join!(
            publish(&publisher, publishing.events, began),
            receive(&consumer, publishing.events, began)
        );
        published.push(put?);
        carried.push(got?);
    }
    let paced = paced(Arc::new(publisher), Arc::new(consumer), publishing).await?;
    Ok(Carried {
        transport,
        published_per_second: median(&published),
        carried_per_second: median(&carried),
        paced,
        paced_per_second: publishing.paced_per_second,
    })
}

fn event(number: u64) -> ChangeEvent {
    ChangeEvent {
        id: format!("backends-{number}"),
        source: Writer::Shop,
        subject: documents::shop_id(1 + number % 10_000),
        time: Timestamp::now(),
        sequence: Revision::new(1, 1 + number),
    }
}

#[allow(clippy::cast_precision_loss)]
fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

async fn publish(publisher: &SelectedPublisher, events: u64, began: Instant) -> anyhow::Result<f64> {
    let mut number = 0;
    while number < events {
        let until = events.min(number + PUBLISHED_AT_ONCE);
        let some: Vec<ChangeEvent> = (number..until).map(event).collect();
        publisher.publish(&some).await?;
        number = until;
    }
    Ok(rate(events, began.elapsed()))
}

async fn receive(consumer: &SelectedConsumer, events: u64, began: Instant) -> anyhow::Result<f64> {
    let (mut count, mut last) = (0, Instant::now());
    while count < events {
        let some = tokio::time::timeout(QUIET, consumer.receive(RECEIVED_AT_ONCE)).await;
        // What a transport loses is made good elsewhere; here it only must not hang.
        let Ok(some) = some else { break };
        let receipts: Vec<_> = some?.into_iter().map(|delivery| delivery.receipt).collect();
        let received = receipts.len() as u64;
        consumer.acknowledge(receipts).await?;
        count += received;
        last = Instant::now();
    }
    Ok(rate(count, last - began))
}

/// One after another, each when it is due.
async fn paced(
    publisher: Arc<SelectedPublisher>,
    consumer: Arc<SelectedConsumer>,
    publishing: Publishing,
) -> anyhow::Result<Waits> {
    let total = publishing.paced_per_second * publishing.seconds;
    let (received, is_over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let receiving = {
        let (received, is_over) = (Arc::clone(&received), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut waits = Histogram::<u64>::new(3)?;
            while received.load(Ordering::Relaxed) < total {
                let some = tokio::time::timeout(QUIET, consumer.receive(RECEIVED_AT_ONCE)).await;
                let Ok(some) = some else {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    continue;
                };
                let mut receipts = Vec::new();
                for delivery in some? {
                    if let Ok(event) = &delivery.event {
                        let took = Timestamp::now().duration_since(event.time);
                        meter::note(&mut waits, took.unsigned_abs())?;
                    }
                    receipts.push(delivery.receipt);
                }
                received.fetch_add(receipts.len() as u64, Ordering::Relaxed);
                consumer.acknowledge(receipts).await?;
            }
            anyhow::Ok(waits)
        })
    };
    let mut tick =
        tokio::time::interval(Duration::from_micros(1_000_000 / publishing.paced_per_second.max(1)));
    let mut publications = tokio::task::JoinSet::new();
    for number in 0..total {
        tick.tick().await;
        let publisher = Arc::clone(&publisher);
        publications.spawn(async move { publisher.publish(&[event(number)]).await });
    }
    while let Some(published) = publications.join_next().await {
        published.context("a publication crashed")??;
    }
    is_over.store(true, Ordering::Relaxed);
    let waits = receiving.await.context("receiving crashed")??;
    Ok(Waits::of(&waits))
}

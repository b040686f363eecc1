//! One event to three subscribers and out again: SQLite files that are never synced.
#![allow(missing_docs, clippy::unwrap_used)]

use change_events::embedded::{EmbeddedConsumer, EmbeddedOptions, EmbeddedPublisher};
use change_events::{ChangeEvent, EventConsumer, EventPublisher};
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use shop_id::{Revision, ShopId, Writer};
use tempfile::TempDir;

fn events_of(count: u64) -> Vec<ChangeEvent> {
    let event = |number: u64| ChangeEvent {
        id: format!("shop-1-{number}"),
        source: Writer::Shop,
        subject: ShopId::new(number).unwrap(),
        time: Timestamp::UNIX_EPOCH,
        sequence: Revision::new(1, number),
    };
    (1..=count).map(event).collect()
}

async fn drained(consumers: &[EmbeddedConsumer], count: usize) {
    for consumer in consumers {
        let mut seen = 0;
        while seen < count {
            let receipts: Vec<_> =
                consumer.receive(1_000).await.unwrap().into_iter().map(|delivery| delivery.receipt).collect();
            seen += receipts.len();
            consumer.acknowledge(receipts).await.unwrap();
        }
    }
}

fn events(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("events to 3 subscribers and out again");
    for count in [1, 500] {
        group.bench_function(format!("{count} at once"), |bencher| {
            let directory = TempDir::new().unwrap();
            let _entered = runtime.enter();
            let open = |name| {
                EmbeddedConsumer::open(directory.path(), Writer::Shop, name, EmbeddedOptions::default())
            };
            let consumers = ["invalidator", "orders", "statistics"].map(open);
            let publisher = EmbeddedPublisher::open(directory.path(), Writer::Shop);
            let events = events_of(count);
            bencher.iter(|| {
                runtime.block_on(async {
                    publisher.publish(&events).await.unwrap();
                    drained(&consumers, events.len()).await;
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);

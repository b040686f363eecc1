//! Every transport, one suite; and what only files can do wrong.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use change_events::conformance::{self, Transport};
use change_events::embedded::{EmbeddedConsumer, EmbeddedOptions, EmbeddedPublisher};
use change_events::memory::{MemoryConsumer, MemoryTransport};
use change_events::{ChangeEvent, EventConsumer, EventPublisher};
use shop_id::{Revision, ShopId, Writer};
use tempfile::TempDir;

struct Memory(MemoryTransport);

impl Transport for Memory {
    type Publisher = MemoryTransport;
    type Consumer = MemoryConsumer;

    async fn publisher(&self, _: Writer) -> MemoryTransport {
        self.0.clone()
    }
    async fn subscribe(
        &self,
        writer: Writer,
        subscriber: &str,
        visibility_timeout: Duration,
    ) -> MemoryConsumer {
        let mut transport = self.0.clone();
        transport.set_visibility_timeout(visibility_timeout);
        transport.subscribe(writer, subscriber)
    }
    async fn publish_text(&self, writer: Writer, text: &str) {
        self.0.publish_text(writer, text);
    }
    async fn dead_letters(&self, consumer: &MemoryConsumer) -> Vec<(String, String)> {
        consumer.dead_letters()
    }
}

struct Embedded(TempDir);

fn options(visibility_timeout: Duration) -> EmbeddedOptions {
    // Long: whatever should wake somebody up must do so.
    EmbeddedOptions { visibility_timeout, look_around: Duration::from_secs(60) }
}

impl Transport for Embedded {
    type Publisher = EmbeddedPublisher;
    type Consumer = EmbeddedConsumer;

    async fn publisher(&self, writer: Writer) -> EmbeddedPublisher {
        EmbeddedPublisher::open(self.0.path(), writer)
    }
    async fn subscribe(
        &self,
        writer: Writer,
        subscriber: &str,
        visibility_timeout: Duration,
    ) -> EmbeddedConsumer {
        EmbeddedConsumer::open(self.0.path(), writer, subscriber, options(visibility_timeout))
    }
    async fn publish_text(&self, writer: Writer, text: &str) {
        for file in std::fs::read_dir(self.0.path().join(writer.name())).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sqlite") {
                let connection = rusqlite::Connection::open(&path).unwrap();
                let insert = "INSERT INTO messages (body, visible_at_ms) VALUES (?1, 0)";
                connection.execute(insert, [text]).unwrap();
                std::fs::write(path.with_extension("bell"), "!").unwrap();
            }
        }
    }
    async fn dead_letters(&self, consumer: &EmbeddedConsumer) -> Vec<(String, String)> {
        consumer.dead_letters().await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_promises() {
    conformance::all(|| Memory(MemoryTransport::new(Duration::from_secs(30)))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_keep_the_promises() {
    conformance::all(|| Embedded(TempDir::new().unwrap())).await;
}

fn event(number: u64) -> ChangeEvent {
    ChangeEvent {
        id: number.to_string(),
        source: Writer::Shop,
        subject: ShopId::new(number).unwrap(),
        time: "2026-11-23T17:00:00Z".parse().unwrap(),
        sequence: Revision::new(1, number),
    }
}

async fn numbers(consumer: &EmbeddedConsumer) -> Vec<u64> {
    let received =
        tokio::time::timeout(Duration::from_secs(30), consumer.receive(10)).await.unwrap().unwrap();
    received.iter().map(|delivery| delivery.event.as_ref().unwrap().subject.get()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_was_killed_finds_its_messages_again() {
    let directory = TempDir::new().unwrap();
    let open =
        || EmbeddedConsumer::open(directory.path(), Writer::Shop, "one", options(Duration::from_millis(50)));
    let first = open();
    EmbeddedPublisher::open(directory.path(), Writer::Shop).publish(&[event(7)]).await.unwrap();
    assert_eq!(numbers(&first).await, [7]);
    drop(first);
    assert_eq!(numbers(&open()).await, [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_noticed_on_both_sides() {
    let directory = TempDir::new().unwrap();
    let options = EmbeddedOptions { look_around: Duration::from_millis(50), ..EmbeddedOptions::default() };
    let consumer = EmbeddedConsumer::open(directory.path(), Writer::Shop, "one", options);
    let publisher = EmbeddedPublisher::open(directory.path(), Writer::Shop);
    publisher.publish(&[event(1)]).await.unwrap();
    assert_eq!(numbers(&consumer).await, [1]);
    std::fs::remove_dir_all(directory.path().join("shop")).unwrap();
    publisher.publish(&[event(2)]).await.unwrap();
    assert!(!directory.path().join("shop").exists(), "a publisher makes no queues");
    let (received, ()) = tokio::join!(numbers(&consumer), async {
        // The consumer looks around, makes its queue anew, and from then on events arrive.
        for number in 2.. {
            publisher.publish(&[event(number)]).await.unwrap();
            if directory.path().join("shop/one.sqlite").exists() {
                publisher.publish(&[event(number)]).await.unwrap();
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(received[0] >= 2, "{received:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_somebody_locks_holds_up_nobody_else() {
    let directory = TempDir::new().unwrap();
    let stuck =
        EmbeddedConsumer::open(directory.path(), Writer::Shop, "a-stuck", options(Duration::from_secs(60)));
    let other =
        EmbeddedConsumer::open(directory.path(), Writer::Shop, "other", options(Duration::from_secs(60)));
    let locking = rusqlite::Connection::open(directory.path().join("shop/a-stuck.sqlite")).unwrap();
    locking.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let publisher = EmbeddedPublisher::open(directory.path(), Writer::Shop);
    let refused = publisher.publish(&[event(1)]).await.unwrap_err();
    assert!(refused.is_transient() && refused.to_string().contains("a-stuck"), "{refused}");
    assert_eq!(numbers(&other).await, [1]);
    drop((locking, stuck));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_file_beside_the_others_or_a_deleted_bell_is_made_anew() {
    for deleted in ["shop/one.sqlite", "shop/one.bell"] {
        let directory = TempDir::new().unwrap();
        let options =
            EmbeddedOptions { look_around: Duration::from_millis(50), ..EmbeddedOptions::default() };
        let consumer = EmbeddedConsumer::open(directory.path(), Writer::Shop, "one", options);
        let publisher = EmbeddedPublisher::open(directory.path(), Writer::Shop);
        publisher.publish(&[event(1)]).await.unwrap();
        assert_eq!(numbers(&consumer).await, [1]);
        std::fs::remove_file(directory.path().join(deleted)).unwrap();
        let (received, ()) = tokio::join!(numbers(&consumer), async {
            while !directory.path().join(deleted).exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            publisher.publish(&[event(2)]).await.unwrap();
        });
        assert_eq!(received, [2], "{deleted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_a_power_loss_damaged_is_begun_anew() {
    let directory = TempDir::new().unwrap();
    let open = || EmbeddedConsumer::open(directory.path(), Writer::Shop, "one", EmbeddedOptions::default());
    let publisher = EmbeddedPublisher::open(directory.path(), Writer::Shop);
    let file = directory.path().join("shop/one.sqlite");
    let damaged = directory.path().join("shop/one.sqlite.damaged");
    // No database at all; one whose pages are gone; one that is damaged while it is open.
    drop(open());
    std::fs::write(&file, vec![7; 20_000]).unwrap();
    let consumer = open();
    assert!(damaged.exists());
    publisher.publish(&[event(1)]).await.unwrap();
    assert_eq!(numbers(&consumer).await, [1]);
    let damage = |from: usize| {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[from..].fill(0xff);
        std::fs::write(&file, bytes).unwrap();
    };
    let checkpoint = || {
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    };
    checkpoint();
    drop((consumer, publisher));
    damage(4_096);
    let (consumer, publisher) = (open(), EmbeddedPublisher::open(directory.path(), Writer::Shop));
    let mut received = Err(());
    for _ in 0..3 {
        // The first look finds the damage, the next one a new file.
        drop(publisher.publish(&[event(2)]).await);
        received = tokio::time::timeout(Duration::from_secs(30), consumer.receive(10))
            .await
            .unwrap()
            .map_err(|error| assert!(error.is_transient(), "{error}"));
        if received.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1_050)).await;
    }
    assert_eq!(received.unwrap()[0].event.as_ref().unwrap().subject, ShopId::new(2).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_text_stands_in_nobodys_way() {
    let directory = TempDir::new().unwrap();
    let consumer = EmbeddedConsumer::open(directory.path(), Writer::Shop, "one", EmbeddedOptions::default());
    let connection = rusqlite::Connection::open(directory.path().join("shop/one.sqlite")).unwrap();
    let insert = "INSERT INTO messages (body, visible_at_ms) VALUES (?1, 0)";
    connection.execute(insert, [vec![0xff_u8, 0xfe, 0x00]]).unwrap();
    connection
        .execute("INSERT INTO messages (body, visible_at_ms) VALUES (CAST(x'ff' AS TEXT), 0)", [])
        .unwrap();
    connection.execute(insert, [17]).unwrap();
    EmbeddedPublisher::open(directory.path(), Writer::Shop).publish(&[event(7)]).await.unwrap();
    let received = consumer.receive(10).await.unwrap();
    let usable: Vec<bool> = received.iter().map(|delivery| delivery.event.is_ok()).collect();
    assert_eq!(usable, [false, false, false, true]);
    for delivery in received.into_iter().take(3) {
        consumer.dead_letter(delivery.receipt, "no text").await.unwrap();
    }
    assert_eq!(consumer.dead_letters().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_queue_is_tried_again_after_a_rest() {
    let directory = TempDir::new().unwrap();
    let open =
        |name| EmbeddedConsumer::open(directory.path(), Writer::Shop, name, EmbeddedOptions::default());
    let (stuck, other) = (open("a-stuck"), open("other"));
    let locking = rusqlite::Connection::open(directory.path().join("shop/a-stuck.sqlite")).unwrap();
    locking.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let publisher = EmbeddedPublisher::open(directory.path(), Writer::Shop);
    assert!(publisher.publish(&[event(1)]).await.is_err());
    locking.execute_batch("ROLLBACK").unwrap();
    let resting = publisher.publish(&[event(2)]).await.unwrap_err();
    assert!(resting.to_string().contains("a-stuck"), "not waited for again at once: {resting}");
    tokio::time::advance(Duration::from_secs(2)).await;
    publisher.publish(&[event(3)]).await.unwrap();
    assert_eq!(numbers(&stuck).await, [3]);
    assert_eq!(numbers(&other).await, [1, 2, 3]);
}

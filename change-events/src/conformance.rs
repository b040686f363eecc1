//! What every transport is held to. A backend's tests call [`all`] with a way to make an empty transport; the suite
//! panics with a sentence where a promise is broken.
#![allow(clippy::missing_panics_doc)]

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use shop_id::{Revision, ShopId, Writer};

use crate::{ChangeEvent, Delivery, EventConsumer, EventPublisher};

/// A transport under test.
pub trait Transport: Send + Sync {
    /// Of one writer.
    type Publisher: EventPublisher;
    /// Of one writer and subscriber.
    type Consumer: EventConsumer;

    /// Whether a receipt of an earlier handing-out may delete too. Harmless: whoever acknowledges has saved that very event.
    const STALE_RECEIPTS_DELETE: bool = false;

    /// Who announces.
    fn publisher(&self, writer: Writer) -> impl Future<Output = Self::Publisher> + Send;
    /// Who listens; messages come back after `visibility_timeout`.
    fn subscribe(
        &self,
        writer: Writer,
        subscriber: &str,
        visibility_timeout: Duration,
    ) -> impl Future<Output = Self::Consumer> + Send;
    /// Puts a text that is no event into the queues of a writer.
    fn publish_text(&self, writer: Writer, text: &str) -> impl Future<Output = ()> + Send;
    /// What a subscriber dead-lettered: text and reason.
    fn dead_letters(&self, consumer: &Self::Consumer) -> impl Future<Output = Vec<(String, String)>> + Send;
}

const LONG: Duration = Duration::from_secs(600);

/// The whole suite, each promise on an empty transport.
pub async fn all<T: Transport>(empty: impl Fn() -> T) {
    every_subscriber_gets_every_event(&empty()).await;
    a_new_subscriber_needs_no_change_at_the_publisher(&empty()).await;
    writers_do_not_mix(&empty()).await;
    what_is_not_acknowledged_comes_back(&empty()).await;
    a_stale_receipt_deletes_nothing(&empty()).await;
    a_retry_comes_back_after_its_delay(&empty()).await;
    a_retry_wakes_whoever_waits_already(&empty()).await;
    an_unusable_message_is_dead_lettered_and_the_rest_goes_on(&empty()).await;
    a_receive_that_was_dropped_holds_nothing_back(&empty()).await;
    a_receive_waits_for_the_first_event(&empty()).await;
    many_events_arrive_in_batches(&empty()).await;
}

fn event(number: u64) -> ChangeEvent {
    event_of(Writer::Ads, number)
}

fn event_of(source: Writer, number: u64) -> ChangeEvent {
    let subject = ShopId::new(number).unwrap_or_else(|| panic!("shop zero"));
    let sequence = Revision::new(1, number);
    ChangeEvent { id: format!("{source}-{number}"), source, subject, time: Timestamp::UNIX_EPOCH, sequence }
}

async fn publish(publisher: &impl EventPublisher, numbers: std::ops::RangeInclusive<u64>) {
    let events: Vec<ChangeEvent> = numbers.map(event).collect();
    publisher.publish(&events).await.unwrap_or_else(|error| panic!("publishing: {error}"));
}

async fn receive(consumer: &impl EventConsumer, messages_max: usize) -> Vec<Delivery> {
    let received = tokio::time::timeout(Duration::from_secs(30), consumer.receive(messages_max)).await;
    let received = received.unwrap_or_else(|_| panic!("nothing arrived"));
    received.unwrap_or_else(|error| panic!("receiving: {error}"))
}

async fn receive_all(consumer: &impl EventConsumer, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let deliveries = receive(consumer, 10).await;
        assert!(deliveries.len() <= 10, "not more than asked for");
        let mut receipts = Vec::new();
        for delivery in deliveries {
            numbers.push(number(&delivery));
            receipts.push(delivery.receipt);
        }
        consumer.acknowledge(receipts).await.unwrap_or_else(|error| panic!("acknowledging: {error}"));
    }
    numbers.sort_unstable();
    numbers
}

fn number(delivery: &Delivery) -> u64 {
    delivery.event.as_ref().map_or_else(|error| panic!("unusable: {error}"), |event| event.subject.get())
}

async fn nothing_more(consumer: &impl EventConsumer) {
    let more = tokio::time::timeout(Duration::from_millis(60), consumer.receive(10)).await;
    assert!(more.is_err(), "something came although nothing was left: {more:?}");
}

async fn every_subscriber_gets_every_event<T: Transport>(transport: &T) {
    let first = transport.subscribe(Writer::Ads, "first", LONG).await;
    let second = transport.subscribe(Writer::Ads, "second", LONG).await;
    publish(&transport.publisher(Writer::Ads).await, 1..=3).await;
    // The second one sleeps; the first does not notice.
    assert_eq!(receive_all(&first, 3).await, [1, 2, 3]);
    nothing_more(&first).await;
    assert_eq!(receive_all(&second, 3).await, [1, 2, 3]);
}

async fn a_new_subscriber_needs_no_change_at_the_publisher<T: Transport>(transport: &T) {
    let publisher = transport.publisher(Writer::Ads).await;
    publish(&publisher, 1..=1).await;
    let new = transport.subscribe(Writer::Ads, "new", LONG).await;
    publish(&publisher, 2..=2).await;
    assert_eq!(receive_all(&new, 1).await, [2]);
}

async fn writers_do_not_mix<T: Transport>(transport: &T) {
    let reviews = transport.subscribe(Writer::Reviews, "one", LONG).await;
    let ads = transport.subscribe(Writer::Ads, "one", LONG).await;
    publish(&transport.publisher(Writer::Ads).await, 1..=1).await;
    let published = transport.publisher(Writer::Reviews).await.publish(&[event_of(Writer::Reviews, 2)]).await;
    assert!(published.is_ok());
    assert_eq!((ads.writer(), reviews.writer()), (Writer::Ads, Writer::Reviews));
    assert_eq!(receive_all(&ads, 1).await, [1]);
    assert_eq!(receive_all(&reviews, 1).await, [2]);
}

async fn what_is_not_acknowledged_comes_back<T: Transport>(transport: &T) {
    let consumer = transport.subscribe(Writer::Ads, "one", Duration::from_millis(80)).await;
    publish(&transport.publisher(Writer::Ads).await, 1..=1).await;
    for count in 1..=3 {
        let again = receive(&consumer, 10).await;
        assert_eq!((again.len(), again[0].receive_count, number(&again[0])), (1, count, 1));
    }
}

async fn a_stale_receipt_deletes_nothing<T: Transport>(transport: &T) {
    let consumer = transport.subscribe(Writer::Ads, "one", Duration::from_millis(80)).await;
    publish(&transport.publisher(Writer::Ads).await, 1..=1).await;
    let stale = receive(&consumer, 1).await.remove(0).receipt;
    let current = receive(&consumer, 1).await.remove(0).receipt;
    assert!(consumer.acknowledge(vec![stale]).await.is_ok());
    if T::STALE_RECEIPTS_DELETE {
        assert!(consumer.acknowledge(vec![current]).await.is_ok());
    } else {
        let still_there = receive(&consumer, 1).await;
        assert_eq!(still_there[0].receive_count, 3, "the stale receipt deleted nothing");
        assert!(consumer.acknowledge(vec![current]).await.is_ok());
        let newest = still_there.into_iter().map(|delivery| delivery.receipt).collect();
        assert!(consumer.acknowledge(newest).await.is_ok());
    }
    publish(&transport.publisher(Writer::Ads).await, 2..=2).await;
    let first = receive(&consumer, 1).await.remove(0);
    assert_eq!((number(&first), first.receive_count), (2, 1), "a receipt of one message never fits another");
}

async fn a_retry_wakes_whoever_waits_already<T: Transport>(transport: &T) {
    let consumer = transport.subscribe(Writer::Ads, "one", LONG).await;
    publish(&transport.publisher(Writer::Ads).await, 1..=1).await;
    let delivery = receive(&consumer, 1).await.remove(0);
    let later = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(consumer.retry_after(&delivery.receipt, Duration::from_millis(1)).await.is_ok());
    };
    let (again, ()) = futures_util::future::join(receive(&consumer, 1), later).await;
    assert_eq!((number(&again[0]), again[0].receive_count), (1, 2));
}

async fn a_retry_comes_back_after_its_delay<T: Transport>(transport: &T) {
    let consumer = transport.subscribe(Writer::Ads, "one", LONG).await;
    publish(&transport.publisher(Writer::Ads).await, 1..=1).await;
    let delivery = receive(&consumer, 1).await.remove(0);
    assert!(consumer.retry_after(&delivery.receipt, Duration::from_millis(20)).await.is_ok());
    let again = receive(&consumer, 1).await.remove(0);
    assert_eq!((number(&again), again.receive_count), (1, 2));
}

async fn an_unusable_message_is_dead_lettered_and_the_rest_goes_on<T: Transport>(transport: &T) {
    let consumer = transport.subscribe(Writer::Ads, "one", LONG).await;
    transport.publish_text(Writer::Ads, "{\"subject\":\"seven\"}").await;
    // An event, but not of this writer: the subscriber sees that.
    transport.publish_text(Writer::Ads, &event_of(Writer::Reviews, 9).to_json()).await;
    publish(&transport.publisher(Writer::Ads).await, 1..=1).await;
    let (mut good, mut bad) = (Vec::new(), 0);
    while good.is_empty() || bad < 2 {
        for delivery in receive(&consumer, 10).await {
            match &delivery.event {
                Ok(event) if event.source != Writer::Ads => {
                    bad += 1;
                    assert!(consumer.dead_letter(delivery.receipt, "another writer's").await.is_ok());
                }
                Ok(event) => good.push(event.subject.get()),
                Err(unusable) => {
                    bad += 1;
                    let reason = unusable.reason.clone();
                    assert!(consumer.dead_letter(delivery.receipt, &reason).await.is_ok());
                }
            }
        }
    }
    assert_eq!((good, bad), (vec![1], 2));
    let mut dead = transport.dead_letters(&consumer).await;
    dead.sort_by_key(|(_, reason)| reason != "another writer's");
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(dead[0].0.contains("/writers/reviews"), "{dead:?}");
    assert!(dead[1].0.contains("seven") && !dead[1].1.is_empty(), "{dead:?}");
}

async fn a_receive_that_was_dropped_holds_nothing_back<T: Transport>(transport: &T) {
    let consumer = transport.subscribe(Writer::Ads, "one", LONG).await;
    nothing_more(&consumer).await;
    let publisher = transport.publisher(Writer::Ads).await;
    // Dropped before, while and after the message is taken; it would stay invisible for ten minutes.
    for micros in (1..=40).map(|step| step * 25) {
        publish(&publisher, 1..=1).await;
        let dropped = tokio::time::timeout(Duration::from_micros(micros), consumer.receive(10)).await;
        match dropped {
            Ok(received) => assert!(received.is_ok_and(|received| received[0].receive_count == 1)),
            Err(_) => {
                let received = receive(&consumer, 10).await;
                assert_eq!((received.len(), received[0].receive_count), (1, 1));
            }
        }
    }
}

async fn a_receive_waits_for_the_first_event<T: Transport>(transport: &T) {
    let consumer = transport.subscribe(Writer::Ads, "one", LONG).await;
    let publisher = transport.publisher(Writer::Ads).await;
    let later = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        publish(&publisher, 5..=5).await;
    };
    let (received, ()) = futures_util::future::join(receive_all(&consumer, 1), later).await;
    assert_eq!(received, [5]);
}

async fn many_events_arrive_in_batches<T: Transport>(transport: &T) {
    let consumer = transport.subscribe(Writer::Ads, "one", LONG).await;
    publish(&transport.publisher(Writer::Ads).await, 1..=95).await;
    let expected: Vec<u64> = (1..=95).collect();
    assert_eq!(receive_all(&consumer, 95).await, expected);
    nothing_more(&consumer).await;
}

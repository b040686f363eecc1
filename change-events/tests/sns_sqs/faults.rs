//! The server is gone, slow, throttling, forgetful: nothing is lost, and nobody has to do anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use change_events::sns_sqs::{SnsSqsConsumer, SnsSqsPublisher};
use change_events::{EventConsumer as _, EventError, EventPublisher as _};
use shop_id::Writer;

use crate::between::{Between, Road};
use crate::server::{Own, all_arrive, events};

const LONG: Duration = Duration::from_secs(600);
/// In tests that lose answers: what was handed out then comes back after it.
const SHORT: Duration = Duration::from_secs(2);

async fn roads() -> (Own, Between, SnsSqsConsumer, SnsSqsPublisher) {
    let (own, between) = (Own::new().await, Between::start().await);
    let through = own.through(&between.endpoint);
    let consumer = through.listening(SHORT).await;
    let publisher = through.announcing();
    (own, between, consumer, publisher)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_cut_off_in_the_middle_loses_nothing() {
    let (own, between, consumer, publisher) = roads().await;
    publisher.publish(&events(1..=40)).await.unwrap();
    let cutting = async {
        // Long polls and deletes are under way when it happens, three times.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            between.becomes(Road::Cut);
            let refused = publisher.publish(&events(41..=41)).await.unwrap_err();
            assert!(refused.is_transient() && refused.to_string().contains("no answer; check"), "{refused}");
            between.becomes(Road::Open);
        }
        publisher.publish(&events(41..=80)).await.unwrap();
    };
    tokio::join!(all_arrive(&consumer, 1..=80), cutting);
    assert_eq!(consumer.dead_letters(10).await.unwrap(), []);
    drop(own);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_get_lost_cost_doubles_and_no_event() {
    let (_own, between, consumer, publisher) = roads().await;
    between.becomes(Road::LoseAnswers);
    let refused = publisher.publish(&events(1..=10)).await.unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    let refused = consumer.receive(10).await.unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    between.becomes(Road::Open);
    publisher.publish(&events(1..=10)).await.unwrap();
    let deliveries = all_arrive(&consumer, 1..=10).await;
    assert!(deliveries >= 10, "{deliveries}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_is_waited_for_and_nothing_is_lost() {
    let (_own, between, consumer, publisher) = roads().await;
    between.becomes(Road::Slow(Duration::from_millis(300)));
    publisher.publish(&events(1..=25)).await.unwrap();
    all_arrive(&consumer, 1..=25).await;
}

/// Throws some entries of each batch back, as often as told, and says how often which was tried.
fn throwing_back(times: usize, code: &'static str) -> (Arc<AtomicUsize>, crate::between::Answerer) {
    let thrown = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&thrown);
    let answer = move |_: &str| {
        (counted.fetch_add(1, Ordering::Relaxed) < times).then(|| {
            let failed: Vec<String> = (0..10)
                .map(|id| {
                    format!(r#"{{"Id":"{id}","Code":"{code}","Message":"said so","SenderFault":false}}"#)
                })
                .collect();
            (200, format!(r#"{{"Successful":[],"Failed":[{}]}}"#, failed.join(",")))
        })
    };
    (thrown, Arc::new(answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_that_failed_in_part_only_the_rest_is_repeated() {
    let (own, between, consumer, publisher) = roads().await;
    // SNS takes nothing but the first entry, once.
    let once = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&once);
    let sizes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    between.becomes(Road::Answer(
        "Action=PublishBatch",
        Arc::new(move |body: &str| {
            let entries = body.matches(".Id=").count();
            seen.lock().unwrap().push(entries);
            (counted.fetch_add(1, Ordering::Relaxed) == 0).then(|| {
                let failed: String = (1..entries)
                    .map(|id| format!("<member><Id>{id}</Id><Code>Throttled</Code><Message>slow</Message><SenderFault>false</SenderFault></member>"))
                    .collect();
                (200, format!(
                    r#"<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful><member><Id>0</Id><MessageId>m</MessageId></member></Successful><Failed>{failed}</Failed></PublishBatchResult></PublishBatchResponse>"#
                ))
            })
        }),
    ));
    publisher.publish(&events(1..=10)).await.unwrap();
    assert_eq!(*sizes.lock().unwrap(), [10, 9], "the one that was taken is not told twice");
    // The server never saw the first one.
    let receive = async {
        // On a busy machine one may come twice before all came once.
        let mut received = std::collections::BTreeMap::new();
        while received.len() < 9 {
            let deliveries = consumer.receive(10).await.unwrap().into_iter();
            received.extend(deliveries.map(|delivery| (delivery.event.unwrap().subject, delivery.receipt)));
        }
        received
    };
    let receipts = receive.await.into_values().collect();
    let (thrown, answerer) = throwing_back(2, "InternalError");
    between.becomes(Road::Answer("DeleteMessageBatch", answerer));
    consumer.acknowledge(receipts).await.unwrap();
    assert_eq!(thrown.load(Ordering::Relaxed), 3);
    // All of them are deleted: nothing comes again after the visibility timeout.
    let again = own.listening(SHORT).await;
    let nothing = tokio::time::timeout(SHORT * 2, again.receive(10)).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_thrown_back_for_ever_is_given_up_and_said() {
    let (_own, between, consumer, publisher) = roads().await;
    publisher.publish(&events(1..=3)).await.unwrap();
    let receipts = consumer.receive(10).await.unwrap().into_iter().map(|delivery| delivery.receipt).collect();
    let (thrown, answerer) = throwing_back(usize::MAX, "InternalError");
    between.becomes(Road::Answer("DeleteMessageBatch", answerer));
    let refused = consumer.acknowledge(receipts).await.unwrap_err();
    assert!(refused.is_transient() && refused.to_string().contains("`sqs:DeleteMessage`"), "{refused}");
    assert_eq!(thrown.load(Ordering::Relaxed), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_aws_refuses_is_said_with_what_to_do() {
    let (_own, between, consumer, publisher) = roads().await;
    for (code, status, is_transient, expected) in [
        ("RequestThrottled", 400, true, "AWS throttles; it is tried again"),
        ("InternalFailure", 500, true, "AWS has a problem"),
        ("AccessDeniedException", 403, false, "the role may not; allow it as `deploy/aws/roles.yaml` does"),
        ("QueueDoesNotExist", 400, false, "it is not there; create its stack"),
        ("InvalidClientTokenId", 403, false, "there are no usable credentials"),
        ("ExpiredToken", 403, true, "the credentials have expired"),
    ] {
        let body = format!(r#"{{"__type":"com.amazonaws.sqs#{code}","message":"said so"}}"#);
        between
            .becomes(Road::Answer("ReceiveMessage", Arc::new(move |_: &str| Some((status, body.clone())))));
        let refused = consumer.receive(10).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{code}: {refused}");
        assert!(refused.to_string().contains("`sqs:ReceiveMessage`"), "{code}: {refused}");
        assert_eq!(refused.is_transient(), is_transient, "{code}");
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>said so</Message></Error></ErrorResponse>"
        );
        between
            .becomes(Road::Answer("Action=Publish", Arc::new(move |_: &str| Some((status, body.clone())))));
        let refused = publisher.publish(&events(1..=1)).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{code}: {refused}");
        assert_eq!(refused.is_transient(), is_transient, "{code}");
    }
    between.becomes(Road::Open);
    publisher.publish(&events(2..=2)).await.unwrap();
    all_arrive(&consumer, 2..=2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_there_is_permanent_and_nobody_there_is_transient() {
    let missing = Own::at(&crate::server::endpoint(), "");
    let refused = SnsSqsConsumer::open(&missing.0, Writer::Ads, "one", LONG).await.unwrap_err();
    assert!(matches!(refused, EventError::Unusable { .. }), "{refused}");
    assert!(
        refused.to_string().contains("`sqs:GetQueueUrl`: it is not there; create its stack"),
        "{refused}"
    );
    let refused = missing.announcing().publish(&events(1..=1)).await.unwrap_err();
    assert!(refused.to_string().contains("`sns:Publish`: it is not there; create its stack"), "{refused}");
    assert!(!refused.is_transient());
    let nobody = Own::at("http://127.0.0.1:9", "");
    for refused in [
        SnsSqsConsumer::open(&nobody.0, Writer::Ads, "one", LONG).await.unwrap_err(),
        nobody.announcing().publish(&events(1..=1)).await.unwrap_err(),
    ] {
        assert!(
            refused.is_transient() && refused.to_string().contains("no answer; check region"),
            "{refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_that_was_begun_anew_is_filled_again() {
    let own = Own::new().await;
    let (consumer, publisher) = (own.listening(SHORT).await, own.announcing());
    publisher.publish(&events(1..=1)).await.unwrap();
    all_arrive(&consumer, 1..=1).await;
    let (sns, sqs) = own.sdk().await;
    sns.delete_topic().topic_arn(own.topic_arn(Writer::Ads)).send().await.unwrap();
    sqs.delete_queue().queue_url(own.queue_url().await).send().await.unwrap();
    let coming = async {
        while publisher.publish(&events(2..=2)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The consumer has to be there first: its queue is made by its next receive.
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            publisher.publish(&events(2..=2)).await.unwrap();
        }
    };
    tokio::select! {
        _ = all_arrive(&consumer, 2..=2) => {}
        () = coming => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_prompt_and_gives_back_what_still_arrives() {
    let own = Own::new().await;
    let first = own.listening(LONG).await;
    let begun = Instant::now();
    let dropped = tokio::time::timeout(Duration::from_millis(50), first.receive(10)).await;
    assert!(dropped.is_err());
    drop(first);
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for the long poll");
    // The first one's poll still waits at the server, and may be handed this: it gives it back.
    own.announcing().publish(&events(7..=7)).await.unwrap();
    all_arrive(&own.listening(LONG).await, 7..=7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_are_fetched_at_once_and_no_more_than_asked_for() {
    let (_own, between, consumer, publisher) = roads().await;
    publisher.publish(&events(1..=200)).await.unwrap();
    let before = between.requests();
    let received = consumer.receive(150).await.unwrap();
    assert!(received.len() > 10 && received.len() <= 150, "{}", received.len());
    assert!(between.requests() - before <= 15, "{}", between.requests() - before);
    let receipts = received.into_iter().map(|delivery| delivery.receipt).collect();
    consumer.acknowledge(receipts).await.unwrap();
}

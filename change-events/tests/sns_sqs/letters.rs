//! Messages that are not ours, dead letters, redrive.

use std::time::Duration;

use aws_sdk_sns::primitives::Blob;
use aws_sdk_sns::types::MessageAttributeValue;
use change_events::conformance::Transport as _;
use change_events::{EventConsumer as _, EventPublisher as _};
use shop_id::Writer;

use crate::server::{Own, all_arrive, events};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_dead_lettered_with_the_reason_and_the_rest_goes_on() {
    let own = Own::new().await;
    let consumer = own.listening(LONG).await;
    let (sns, sqs) = own.sdk().await;
    let large = "x".repeat(200_000);
    let wrapped = r#"{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:eu-west-1:000000000000:t","Message":"{}"}"#;
    for text in [r#"{"order":7}"#, &large, "no json"] {
        own.publish_text(Writer::Ads, text).await;
    }
    // Not through the topic: what another subscription without raw delivery would bring.
    sqs.send_message().queue_url(own.queue_url().await).message_body(wrapped).send().await.unwrap();
    let binary = MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 255]));
    let binary = sns.publish().message_attributes("payload", binary.build().unwrap()).message("AP8=");
    binary.topic_arn(own.topic_arn(Writer::Ads)).send().await.unwrap();
    own.announcing().publish(&events(1..=3)).await.unwrap();
    let (mut usable, mut unusable) = (Vec::new(), 0);
    while usable.len() < 3 || unusable < 5 {
        for delivery in consumer.receive(10).await.unwrap() {
            match delivery.event {
                Ok(event) => usable.push(event.subject.get()),
                Err(refused) => {
                    unusable += 1;
                    consumer.dead_letter(delivery.receipt, &refused.reason).await.unwrap();
                }
            }
        }
    }
    usable.sort_unstable();
    assert_eq!(usable, [1, 2, 3]);
    let mut letters = consumer.dead_letters(100).await.unwrap();
    letters.sort_by_key(|letter| letter.body.len());
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    for (reason, expected) in reasons.iter().zip([
        "not a CloudEvent: expected value",
        "not a CloudEvent: expected ident",
        "not a CloudEvent: missing field `specversion`",
        "wrapped by SNS, expected raw delivery; set `RawMessageDelivery`",
        "a message of 200000 bytes, expected an envelope of at most 16384",
    ]) {
        assert!(reason.starts_with(expected), "{reasons:?}");
    }
    assert_eq!(reasons.len(), 5);
    assert_eq!(letters[4].body.len(), 64 << 10, "what nobody reads whole is not kept whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_brings_dead_letters_back() {
    let own = Own::new().await;
    let consumer = own.listening(LONG).await;
    own.announcing().publish(&events(1..=3)).await.unwrap();
    own.publish_text(Writer::Ads, "no json").await;
    // An older version that understood nothing: it dead-lettered everything.
    let mut buried = 0;
    while buried < 1 {
        for delivery in consumer.receive(10).await.unwrap() {
            if let Err(refused) = &delivery.event {
                consumer.dead_letter(delivery.receipt, &refused.reason).await.unwrap();
                buried += 1;
            } else {
                consumer.acknowledge(vec![delivery.receipt]).await.unwrap();
            }
        }
    }
    let (_, sqs) = own.sdk().await;
    let dead = own.queue_url().await + "-dead";
    let body = events(9..=9)[0].to_json();
    sqs.send_message().queue_url(&dead).message_body(body).send().await.unwrap();
    assert_eq!(consumer.dead_letters(100).await.unwrap().len(), 2);
    let redriven = consumer.redrive(Duration::from_secs(30)).await.unwrap();
    assert!(redriven.is_complete && redriven.messages == 2, "{redriven:?}");
    let mut came = Vec::new();
    while came.len() < 2 {
        came.extend(consumer.receive(10).await.unwrap().into_iter().map(|delivery| delivery.event.is_ok()));
    }
    came.sort_unstable();
    assert_eq!(came, [false, true]);
    assert_eq!(consumer.dead_letters(100).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waits_is_never_dead_lettered_by_its_receive_count() {
    let own = Own::new().await;
    let consumer = own.listening(LONG).await;
    own.announcing().publish(&events(7..=7)).await.unwrap();
    for receive_count in 1..=15 {
        let delivery = consumer.receive(1).await.unwrap().remove(0);
        assert_eq!(delivery.receive_count, receive_count);
        consumer.retry_after(&delivery.receipt, Duration::ZERO).await.unwrap();
    }
    assert_eq!(consumer.dead_letters(10).await.unwrap(), []);
    assert_eq!(all_arrive(&consumer, 7..=7).await, 1);
}

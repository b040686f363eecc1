//! For development (`create=true`): topics, queues and subscriptions, the same ones that `deploy/aws/topic.yaml` and `queue.yaml` make.
//!
//! All of it may be there already; whatever was made differently is refused by AWS, by name.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use shop_id::Writer;

use super::client::Clients;
use super::failure::Failure;
use super::patience::RECEIVES_MAX;
use super::{SnsSqsAddress, names};
use crate::EventError;

/// For so long a message waits; changed-since does not need it after that.
pub(super) const KEPT: Duration = Duration::from_secs(4 * 24 * 3_600);
/// A dead letter: the most that SQS allows, since the time in the queue before counts too.
const DEAD_LETTERS_KEPT: Duration = Duration::from_secs(14 * 24 * 3_600);

/// The topic of a writer.
pub(super) async fn topic(clients: &Clients, name: &str) -> Result<(), EventError> {
    let made = clients.sns.create_topic().name(name).send().await;
    made.map(drop).map_err(|error| Failure::of(&error).about(name, "sns:CreateTopic"))
}

/// Topic, queue, dead-letter queue, and the subscription that joins them.
pub(super) async fn queues(
    clients: &Clients,
    address: &SnsSqsAddress,
    writer: Writer,
    queue: &str,
) -> Result<(), EventError> {
    let topic_name = names::topic(address, writer);
    topic(clients, &topic_name).await?;
    let topic_arn = names::arn(address, "sns", &topic_name);
    let dead_letter_queue = names::dead_letter_queue(queue);
    let dead_letter_arn = names::arn(address, "sqs", &dead_letter_queue);
    one_queue(clients, &dead_letter_queue, [kept(DEAD_LETTERS_KEPT)].into()).await?;
    let queue_arn = names::arn(address, "sqs", queue);
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }],
    });
    let redrive =
        json!({"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": RECEIVES_MAX.to_string()});
    let attributes = vec![
        kept(KEPT),
        (QueueAttributeName::Policy, policy.to_string()),
        (QueueAttributeName::RedrivePolicy, redrive.to_string()),
    ];
    one_queue(clients, queue, attributes).await?;
    let subscribed = clients.sns.subscribe().topic_arn(&topic_arn).protocol("sqs").endpoint(&queue_arn);
    let subscribed = subscribed.attributes("RawMessageDelivery", "true").send().await;
    subscribed.map(drop).map_err(|error| Failure::of(&error).about(queue, "sns:Subscribe"))
}

fn kept(how_long: Duration) -> (QueueAttributeName, String) {
    (QueueAttributeName::MessageRetentionPeriod, how_long.as_secs().to_string())
}

async fn one_queue(
    clients: &Clients,
    name: &str,
    attributes: Vec<(QueueAttributeName, String)>,
) -> Result<(), EventError> {
    let made =
        clients.sqs.create_queue().queue_name(name).set_attributes(Some(attributes.into_iter().collect()));
    made.send().await.map(drop).map_err(|error| Failure::of(&error).about(name, "sqs:CreateQueue"))
}

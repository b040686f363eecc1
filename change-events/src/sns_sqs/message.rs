//! An SQS message -> a delivery, or why there is none.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde::Deserialize;

use crate::{ChangeEvent, Delivery, Receipt, UnusableEvent};

/// An envelope has some 200 bytes; whatever is larger than this is none, and is not even parsed.
pub(super) const BODY_BYTES_MAX: usize = 16 << 10;

/// One message that SQS handed out.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) delivery: Delivery,
    /// For the dead-letter queue, should it be of no use.
    pub(super) body: String,
}

/// `None`: a message without receipt can neither be acknowledged nor dead-lettered. SQS has none of these.
pub(super) fn taken(message: Message) -> Option<Taken> {
    let receive_count = receive_count(&message);
    let receipt = receipt(receive_count, &message.receipt_handle?);
    let body = message.body.unwrap_or_default();
    let event = read(&body);
    Some(Taken { delivery: Delivery { event, receipt, receive_count }, body })
}

fn receive_count(message: &Message) -> u32 {
    let attributes = message.attributes.as_ref();
    let count = attributes.and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// The count travels with the receipt, since it decides for how long a message is hidden.
fn receipt(receive_count: u32, handle: &str) -> Receipt {
    Receipt(format!("{receive_count}:{handle}"))
}

/// Receive count and receipt handle.
pub(super) fn parts(receipt: &Receipt) -> (u32, &str) {
    let parts = receipt.0.split_once(':');
    parts.and_then(|(count, handle)| Some((count.parse().ok()?, handle))).unwrap_or((1, &receipt.0))
}

/// What SNS puts around a message when delivery is not raw.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsEnvelope {
    #[serde(rename = "Type")]
    kind: String,
    topic_arn: String,
}

fn read(body: &str) -> Result<ChangeEvent, UnusableEvent> {
    if body.len() > BODY_BYTES_MAX {
        let reason =
            format!("a message of {} bytes, expected an envelope of at most {BODY_BYTES_MAX}", body.len());
        return Err(UnusableEvent { reason });
    }
    ChangeEvent::from_json(body).map_err(|unusable| match serde_json::from_str::<SnsEnvelope>(body) {
        Ok(envelope) if envelope.kind == "Notification" => {
            let topic: String = envelope.topic_arn.chars().take(200).collect();
            let reason = format!(
                "wrapped by SNS, expected raw delivery; set `RawMessageDelivery` of this queue's subscription to `{topic}`"
            );
            UnusableEvent { reason }
        }
        _ => unusable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(body: &str) -> String {
        let message = Message::builder().receipt_handle("handle").body(body).build();
        let taken = taken(message).unwrap();
        assert_eq!(taken.body, body);
        taken.delivery.event.unwrap_err().reason
    }

    #[test]
    fn what_is_no_event_says_why() {
        let wrapped = r#"{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:eu-west-1:1:t","Message":"{}"}"#;
        for (body, expected) in [
            (
                wrapped,
                "wrapped by SNS, expected raw delivery; set `RawMessageDelivery` of this queue's subscription to `arn:aws:sns:eu-west-1:1:t`",
            ),
            ("", "not a CloudEvent: EOF"),
            ("\u{fffd}\u{1}", "not a CloudEvent: expected value"),
            ("[1,2]", "not a CloudEvent: invalid"),
            (r#"{"order":7}"#, "not a CloudEvent: missing field `specversion`"),
            (
                &"x".repeat(BODY_BYTES_MAX + 1),
                "a message of 16385 bytes, expected an envelope of at most 16384",
            ),
        ] {
            let reason = reason(body);
            assert!(reason.starts_with(expected), "{reason}");
        }
    }

    #[test]
    fn receipts_carry_the_receive_count() {
        let message = Message::builder()
            .receipt_handle("AQEB:x==")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "17")
            .build();
        let delivery = taken(message).unwrap().delivery;
        assert_eq!((delivery.receive_count, parts(&delivery.receipt)), (17, (17, "AQEB:x==")));
        assert_eq!(parts(&Receipt("another's".into())), (1, "another's"));
        assert!(taken(Message::builder().build()).is_none());
    }
}

//! The stand-in for AWS, and a prefix of our own on it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use change_events::conformance::Transport;
use change_events::sns_sqs::{SnsSqsAddress, SnsSqsConsumer, SnsSqsPublisher};
use change_events::{ChangeEvent, EventConsumer};
use shop_id::{Revision, ShopId, Writer};
use tokio::sync::OnceCell;

/// Receives last no longer than they may, and no test longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Nobody else's topics and queues.
pub(crate) struct Own(pub(crate) SnsSqsAddress);

pub(crate) fn endpoint() -> String {
    std::env::var("SHOPFRONT_TEST_SNS_SQS").unwrap_or_else(|_| {
        panic!("`SHOPFRONT_TEST_SNS_SQS` names no server; start one with `cargo xtask servers up sns-sqs`")
    })
}

impl Own {
    pub(crate) async fn new() -> Self {
        // A stand-in that was just started loads each service when it is first asked for.
        static IS_AWAKE: OnceCell<()> = OnceCell::const_new();
        let own = Self::at(&endpoint(), "&create=true");
        let waking =
            async { while SnsSqsConsumer::open(&own.0, Writer::Ads, "first", PATIENCE).await.is_err() {} };
        IS_AWAKE.get_or_init(|| async { tokio::time::timeout(PATIENCE, waking).await.unwrap() }).await;
        own
    }

    pub(crate) fn at(endpoint: &str, more: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() % 1_000_000_000;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let text = format!("eu-west-1/000000000000/t{now}-{number}?endpoint={endpoint}{more}");
        Self(text.parse().unwrap())
    }

    /// The same topics and queues by another road.
    pub(crate) fn through(&self, endpoint: &str) -> Self {
        Self(SnsSqsAddress { endpoint: Some(endpoint.to_owned()), ..self.0.clone() })
    }

    pub(crate) fn announcing(&self) -> SnsSqsPublisher {
        SnsSqsPublisher::open(&self.0, Writer::Ads)
    }

    pub(crate) async fn listening(&self, visibility_timeout: Duration) -> SnsSqsConsumer {
        SnsSqsConsumer::open(&self.0, Writer::Ads, "one", visibility_timeout).await.unwrap()
    }

    pub(crate) async fn sdk(&self) -> (aws_sdk_sns::Client, aws_sdk_sqs::Client) {
        let any = aws_sdk_sqs::config::Credentials::new("000000000000", "local", None, None, "test");
        let loader = aws_config::defaults(aws_config::BehaviorVersion::latest()).credentials_provider(any);
        let loader = loader.http_client(aws_smithy_http_client::Builder::new().build_http());
        let loader = loader.region("eu-west-1").endpoint_url(endpoint());
        let shared = loader.load().await;
        (aws_sdk_sns::Client::new(&shared), aws_sdk_sqs::Client::new(&shared))
    }

    pub(crate) fn topic_arn(&self, writer: Writer) -> String {
        format!("arn:aws:sns:eu-west-1:000000000000:{}-{writer}", self.0.prefix)
    }

    pub(crate) async fn queue_url(&self) -> String {
        let name = format!("{}-ads-one", self.0.prefix);
        let found = self.sdk().await.1.get_queue_url().queue_name(name).send().await.unwrap();
        found.queue_url.unwrap()
    }
}

impl Transport for Own {
    type Publisher = SnsSqsPublisher;
    type Consumer = SnsSqsConsumer;

    // An older receipt deletes as well as the newest: here always, at AWS sometimes.
    const STALE_RECEIPTS_DELETE: bool = true;

    async fn publisher(&self, writer: Writer) -> SnsSqsPublisher {
        SnsSqsPublisher::open(&self.0, writer)
    }
    async fn subscribe(
        &self,
        writer: Writer,
        subscriber: &str,
        visibility_timeout: Duration,
    ) -> SnsSqsConsumer {
        SnsSqsConsumer::open(&self.0, writer, subscriber, visibility_timeout).await.unwrap()
    }
    async fn publish_text(&self, writer: Writer, text: &str) {
        let publish = self.sdk().await.0.publish().topic_arn(self.topic_arn(writer)).message(text);
        publish.send().await.unwrap();
    }
    async fn dead_letters(&self, consumer: &SnsSqsConsumer) -> Vec<(String, String)> {
        let letters = consumer.dead_letters(100).await.unwrap();
        letters.into_iter().map(|letter| (letter.body, letter.reason)).collect()
    }
}

pub(crate) fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<ChangeEvent> {
    let event = |number| ChangeEvent {
        id: format!("ads-{number}"),
        source: Writer::Ads,
        subject: ShopId::new(number).unwrap(),
        time: "2026-11-23T17:00:00Z".parse().unwrap(),
        sequence: Revision::new(1, number),
    };
    numbers.map(event).collect()
}

/// Receives and acknowledges until all of these shops were named, as often as it takes.
pub(crate) async fn all_arrive(
    consumer: &impl EventConsumer,
    numbers: std::ops::RangeInclusive<u64>,
) -> usize {
    let mut missing: std::collections::BTreeSet<u64> = numbers.collect();
    let mut deliveries = 0;
    let arriving = async {
        while !missing.is_empty() {
            let Ok(received) = consumer.receive(100).await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            deliveries += received.len();
            let mut receipts = Vec::new();
            for delivery in received {
                missing.remove(&delivery.event.unwrap().subject.get());
                receipts.push(delivery.receipt);
            }
            drop(consumer.acknowledge(receipts).await);
        }
    };
    if tokio::time::timeout(PATIENCE, arriving).await.is_err() {
        panic!("these shops never arrived: {missing:?}");
    }
    deliveries
}

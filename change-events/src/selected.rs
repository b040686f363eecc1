//! The transport that a configuration names, for programs that do not care which one it is.

use std::time::Duration;

use shop_id::Writer;

use crate::embedded::{EmbeddedConsumer, EmbeddedOptions, EmbeddedPublisher};
#[cfg(feature = "sns-sqs")]
use crate::sns_sqs::{SnsSqsConsumer, SnsSqsPublisher};
use crate::{ChangeEvent, Delivery, EventConsumer, EventError, EventPublisher, EventsAddress, Receipt};

/// What one writer is given.
#[derive(Clone, Debug)]
pub enum SelectedPublisher {
    /// Files.
    Embedded(EmbeddedPublisher),
    /// An SNS topic.
    #[cfg(feature = "sns-sqs")]
    SnsSqs(SnsSqsPublisher),
}

impl SelectedPublisher {
    /// Asks nobody anything yet: a writer starts before its transport.
    #[must_use]
    pub fn open(address: &EventsAddress, writer: Writer) -> Self {
        match address {
            EventsAddress::Directory(directory) => Self::Embedded(EmbeddedPublisher::open(directory, writer)),
            #[cfg(feature = "sns-sqs")]
            EventsAddress::SnsSqs(address) => Self::SnsSqs(SnsSqsPublisher::open(address, writer)),
        }
    }
}

impl EventPublisher for SelectedPublisher {
    async fn publish(&self, events: &[ChangeEvent]) -> Result<(), EventError> {
        match self {
            Self::Embedded(publisher) => publisher.publish(events).await,
            #[cfg(feature = "sns-sqs")]
            Self::SnsSqs(publisher) => publisher.publish(events).await,
        }
    }
}

/// One subscriber's queue of one writer.
#[derive(Debug)]
pub enum SelectedConsumer {
    /// A file.
    Embedded(EmbeddedConsumer),
    /// An SQS queue.
    #[cfg(feature = "sns-sqs")]
    SnsSqs(Box<SnsSqsConsumer>),
}

impl SelectedConsumer {
    /// Opens the queue of `subscriber`; what is received stays invisible to others for `visibility_timeout`.
    ///
    /// # Errors
    /// When a remote queue cannot be asked for, or is not there. A directory that cannot be written is an error of `receive`.
    pub async fn open(
        address: &EventsAddress,
        writer: Writer,
        subscriber: &str,
        visibility_timeout: Duration,
    ) -> Result<Self, EventError> {
        match address {
            EventsAddress::Directory(directory) => {
                let options = EmbeddedOptions { visibility_timeout, ..EmbeddedOptions::default() };
                let (directory, name) = (directory.clone(), subscriber.to_owned());
                let opening = move || EmbeddedConsumer::open(&directory, writer, &name, options);
                let opened = tokio::task::spawn_blocking(opening).await;
                let failed = |error: tokio::task::JoinError| EventError::Unavailable {
                    queue: format!("{writer}/{subscriber}"),
                    reason: error.to_string(),
                };
                opened.map(Self::Embedded).map_err(failed)
            }
            #[cfg(feature = "sns-sqs")]
            EventsAddress::SnsSqs(address) => {
                let opened = SnsSqsConsumer::open(address, writer, subscriber, visibility_timeout).await;
                opened.map(|consumer| Self::SnsSqs(Box::new(consumer)))
            }
        }
    }
}

impl EventConsumer for SelectedConsumer {
    fn writer(&self) -> Writer {
        match self {
            Self::Embedded(consumer) => consumer.writer(),
            #[cfg(feature = "sns-sqs")]
            Self::SnsSqs(consumer) => consumer.writer(),
        }
    }

    async fn receive(&self, messages_max: usize) -> Result<Vec<Delivery>, EventError> {
        match self {
            Self::Embedded(consumer) => consumer.receive(messages_max).await,
            #[cfg(feature = "sns-sqs")]
            Self::SnsSqs(consumer) => consumer.receive(messages_max).await,
        }
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<(), EventError> {
        match self {
            Self::Embedded(consumer) => consumer.acknowledge(receipts).await,
            #[cfg(feature = "sns-sqs")]
            Self::SnsSqs(consumer) => consumer.acknowledge(receipts).await,
        }
    }

    async fn retry_after(&self, receipt: &Receipt, delay: Duration) -> Result<(), EventError> {
        match self {
            Self::Embedded(consumer) => consumer.retry_after(receipt, delay).await,
            #[cfg(feature = "sns-sqs")]
            Self::SnsSqs(consumer) => consumer.retry_after(receipt, delay).await,
        }
    }

    async fn dead_letter(&self, receipt: Receipt, reason: &str) -> Result<(), EventError> {
        match self {
            Self::Embedded(consumer) => consumer.dead_letter(receipt, reason).await,
            #[cfg(feature = "sns-sqs")]
            Self::SnsSqs(consumer) => consumer.dead_letter(receipt, reason).await,
        }
    }
}

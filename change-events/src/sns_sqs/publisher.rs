//! Events -> the writer's topic, ten at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_sns::types::PublishBatchRequestEntry;
use shop_id::Writer;
use tokio::sync::OnceCell;

use super::batch::{self, Failed};
use super::client::Clients;
use super::failure::{Failure, Kind};
use super::{SnsSqsAddress, create, names};
use crate::{ChangeEvent, EventError, EventPublisher};

/// What one writer is given. Cloning shares connections and credentials.
#[derive(Clone, Debug)]
pub struct SnsSqsPublisher {
    address: SnsSqsAddress,
    topic: String,
    clients: Arc<OnceCell<Clients>>,
    is_created: Arc<AtomicBool>,
}

impl SnsSqsPublisher {
    /// Asks nobody anything yet: a writer starts before its transport.
    #[must_use]
    pub fn open(address: &SnsSqsAddress, writer: Writer) -> Self {
        let topic = names::topic(address, writer);
        // Where nothing may be created, everything is taken for created.
        let is_created = Arc::new(AtomicBool::new(!address.create));
        Self { address: address.clone(), topic, clients: Arc::default(), is_created }
    }

    async fn send(&self, clients: &Clients, bodies: Vec<String>) -> Result<(), Failure> {
        let topic_arn = names::arn(&self.address, "sns", &self.topic);
        let groups = batch::groups(bodies, String::len);
        batch::all(groups, |group| publish_batch(clients, &topic_arn, group)).await
    }

    async fn create(&self, clients: &Clients) -> Result<(), EventError> {
        if !self.is_created.load(Ordering::Acquire) {
            create::topic(clients, &self.topic).await?;
            self.is_created.store(true, Ordering::Release);
        }
        Ok(())
    }
}

/// One call. Entries are known by their place.
async fn publish_batch(
    clients: &Clients,
    topic_arn: &str,
    group: Vec<String>,
) -> Result<Vec<Failed<String>>, Failure> {
    let entries: Result<Vec<_>, _> = group
        .iter()
        .enumerate()
        .map(|(place, body)| PublishBatchRequestEntry::builder().id(place.to_string()).message(body).build())
        .collect();
    let entries = entries.map_err(|error| Failure::invented(Kind::Refused, error.to_string()))?;
    let answer = clients.sns.publish_batch().topic_arn(topic_arn);
    let answer = answer.set_publish_batch_request_entries(Some(entries)).send().await;
    let answer = answer.map_err(|error| Failure::of(&error))?;
    let mut bodies: Vec<Option<String>> = group.into_iter().map(Some).collect();
    let failed = answer.failed().iter().filter_map(|entry| {
        let body = bodies.get_mut(entry.id().parse::<usize>().ok()?)?.take()?;
        Some((body, Failure::said(entry.code(), entry.message().unwrap_or_default(), entry.sender_fault())))
    });
    Ok(failed.collect())
}

impl EventPublisher for SnsSqsPublisher {
    async fn publish(&self, events: &[ChangeEvent]) -> Result<(), EventError> {
        let clients = self.clients.get_or_init(|| Clients::load(&self.address)).await;
        self.create(clients).await?;
        let sent = self.send(clients, events.iter().map(ChangeEvent::to_json).collect()).await;
        sent.map_err(|failure| {
            if failure.kind == Kind::Missing {
                // A stand-in was begun anew: the next attempt makes the topic.
                self.is_created.store(!self.address.create, Ordering::Release);
            }
            failure.about(&self.topic, "sns:Publish")
        })
    }
}

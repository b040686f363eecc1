//! All of a subscriber's side of one writer.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use shop_id::Writer;
use tokio::sync::Mutex;

use super::batch::{self, Failed};
use super::client::Clients;
use super::dead_letters::DeadLetters;
use super::failure::{Failure, Kind};
use super::message::parts;
use super::patience::hidden_at_least;
use super::poll::{Polls, Queue, batch_failures, handle_of};
use super::{SnsSqsAddress, create, names};
use crate::{Delivery, EventConsumer, EventError, Receipt};

/// One subscriber's queue of one writer.
#[derive(Debug)]
pub struct SnsSqsConsumer {
    address: SnsSqsAddress,
    writer: Writer,
    name: String,
    queue: Arc<Queue>,
    polls: Mutex<Polls>,
    dead_letters: DeadLetters,
}

impl SnsSqsConsumer {
    /// Subscribes with `create=true`; otherwise looks for the queue of a subscription that is there. What is received stays
    /// invisible to others for `visibility_timeout`, in whole seconds, rounded up.
    ///
    /// # Errors
    /// When AWS cannot be asked, or the queues are not there.
    pub async fn open(
        address: &SnsSqsAddress,
        writer: Writer,
        subscriber: &str,
        visibility_timeout: Duration,
    ) -> Result<Self, EventError> {
        let clients = Clients::load(address).await;
        let name = names::queue(address, writer, subscriber);
        if address.create {
            create::queues(&clients, address, writer, &name).await?;
        }
        let url = url_of(&clients, address, &name).await?;
        let dead_letter_queue = names::dead_letter_queue(&name);
        let dead_letters = DeadLetters {
            url: url_of(&clients, address, &dead_letter_queue).await?,
            arn: names::arn(address, "sqs", &dead_letter_queue),
            queue_arn: names::arn(address, "sqs", &name),
            name: dead_letter_queue,
            bodies: std::sync::Mutex::default(),
        };
        let queue = Arc::new(Queue { clients, url, visibility_timeout });
        let polls = Mutex::new(Polls::new(Arc::clone(&queue)));
        Ok(Self { address: address.clone(), writer, name, queue, polls, dead_letters })
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) const fn dead(&self) -> &DeadLetters {
        &self.dead_letters
    }

    async fn delete(&self, handles: Vec<String>) -> Result<(), Failure> {
        let groups = batch::groups(handles, String::len);
        batch::all(groups, |group| delete_batch(&self.queue, group)).await
    }
}

async fn url_of(clients: &Clients, address: &SnsSqsAddress, name: &str) -> Result<String, EventError> {
    let found = clients.sqs.get_queue_url().queue_name(name).queue_owner_aws_account_id(&address.account);
    let found = found.send().await.map_err(|error| Failure::of(&error).about(name, "sqs:GetQueueUrl"))?;
    let nothing = || Failure::invented(Kind::Broken, "no URL in the answer").about(name, "sqs:GetQueueUrl");
    found.queue_url.ok_or_else(nothing)
}

/// One call. Entries are known by their place.
async fn delete_batch(queue: &Queue, group: Vec<String>) -> Result<Vec<Failed<String>>, Failure> {
    let entries: Result<Vec<_>, _> = group
        .iter()
        .enumerate()
        .map(|(place, handle)| {
            DeleteMessageBatchRequestEntry::builder().id(place.to_string()).receipt_handle(handle).build()
        })
        .collect();
    let entries = entries.map_err(|error| Failure::invented(Kind::Refused, error.to_string()))?;
    let answer = queue.clients.sqs.delete_message_batch().queue_url(&queue.url);
    let answer = answer.set_entries(Some(entries)).send().await.map_err(|error| Failure::of(&error))?;
    Ok(batch_failures(group, answer.failed()))
}

impl EventConsumer for SnsSqsConsumer {
    fn writer(&self) -> Writer {
        self.writer
    }

    async fn receive(&self, messages_max: usize) -> Result<Vec<Delivery>, EventError> {
        let received = self.polls.lock().await.next(messages_max).await;
        let taken = match received {
            Ok(taken) => taken,
            Err(failure) => {
                if failure.kind == Kind::Missing && self.address.create {
                    // A stand-in was begun anew: the next receive finds its queue again.
                    create::queues(&self.queue.clients, &self.address, self.writer, &self.name).await?;
                }
                return Err(failure.about(&self.name, "sqs:ReceiveMessage"));
            }
        };
        let deliveries = taken.into_iter().map(|taken| {
            // An event of another writer is of no use here either.
            if taken.delivery.event.as_ref().map_or(true, |event| event.source != self.writer) {
                self.dead_letters.remember(parts(&taken.delivery.receipt).1, taken.body);
            }
            taken.delivery
        });
        Ok(deliveries.collect())
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<(), EventError> {
        let deleted = self.delete(receipts.iter().map(handle_of).collect()).await;
        deleted.map_err(|failure| failure.about(&self.name, "sqs:DeleteMessage"))
    }

    async fn retry_after(&self, receipt: &Receipt, delay: Duration) -> Result<(), EventError> {
        let (receive_count, handle) = parts(receipt);
        let after = delay.max(hidden_at_least(receive_count));
        let shown = self.queue.show_after(vec![(handle.to_owned(), after)]).await;
        shown.map_err(|failure| failure.about(&self.name, "sqs:ChangeMessageVisibility"))
    }

    async fn dead_letter(&self, receipt: Receipt, reason: &str) -> Result<(), EventError> {
        let handle = parts(&receipt).1;
        // Sent first: killed in between, it is sent twice.
        if self.dead_letters.bury(&self.queue.clients, handle, reason).await? {
            return self.acknowledge(vec![receipt]).await;
        }
        let (queue, reason) =
            (self.name.clone(), "the message was forgotten meanwhile, and comes again".to_owned());
        Err(EventError::Unavailable { queue, reason })
    }
}

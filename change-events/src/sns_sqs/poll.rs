//! The queue -> messages, losing none when whoever waits gives up.
//!
//! SQS counts a message as handed out once it has answered. So each long poll runs in a task of its own, and what it
//! brings is kept for the next receive; when there will be none, it is given back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, MessageSystemAttributeName};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch::{self, ENTRIES_MAX, Failed};
use super::client::{Clients, LONG_POLL, receiving};
use super::failure::{Failure, Kind};
use super::message::{Taken, parts, taken};
use super::patience::hidden_at_least;
use crate::Receipt;

/// Receives in flight, once one came back full.
const POLLS_MAX: usize = 16;
/// SQS hides a message for no longer.
const HIDDEN_MAX_S: u64 = 12 * 3_600;

/// One queue, as it is asked.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) clients: Clients,
    pub(super) url: String,
    pub(super) visibility_timeout: Duration,
}

type Answer = Result<Vec<Taken>, Failure>;

/// What was asked and what has come. One receiver at a time.
#[derive(Debug)]
pub(super) struct Polls {
    queue: Arc<Queue>,
    in_flight: FuturesUnordered<oneshot::Receiver<Answer>>,
    /// With the moment after which others may have them before we are done.
    ready: VecDeque<(Instant, Taken)>,
}

impl Polls {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self { queue, in_flight: FuturesUnordered::new(), ready: VecDeque::new() }
    }

    /// At least one. May be dropped at any moment.
    pub(super) async fn next(&mut self, messages_max: usize) -> Answer {
        let messages_max = messages_max.max(1);
        loop {
            self.forget_the_late();
            if !self.ready.is_empty() {
                break;
            }
            if self.in_flight.is_empty() {
                self.ask(messages_max, LONG_POLL);
            }
            self.take_one_answer().await?;
        }
        // There is more: as much as may be held is fetched at once, not ten by ten.
        if self.ready.len() >= ENTRIES_MAX && self.in_flight.is_empty() {
            let missing = messages_max.saturating_sub(self.ready.len());
            for _ in 0..missing.div_ceil(ENTRIES_MAX).min(POLLS_MAX) {
                self.ask(ENTRIES_MAX, Duration::ZERO);
            }
            while !self.in_flight.is_empty() {
                // What failed here fails again, and is told, when nothing else is there.
                drop(self.take_one_answer().await);
            }
        }
        let handed_out = self.ready.drain(..messages_max.min(self.ready.len()));
        Ok(handed_out.map(|(_, taken)| taken).collect())
    }

    fn ask(&self, messages_max: usize, wait: Duration) {
        let (answer, answered) = oneshot::channel();
        let queue = Arc::clone(&self.queue);
        tokio::spawn(async move {
            if let Err(Ok(unclaimed)) = answer.send(queue.receive(messages_max, wait).await) {
                queue.give_back(unclaimed).await;
            }
        });
        self.in_flight.push(answered);
    }

    async fn take_one_answer(&mut self) -> Result<(), Failure> {
        let lost = || Failure::invented(Kind::Broken, "the receiving task ended without an answer");
        let Some(answer) = self.in_flight.next().await else { return Ok(()) };
        let taken = answer.map_err(|_| lost()).flatten()?;
        // Whoever gets them may take them for fresh.
        let good_until = Instant::now() + self.queue.visibility_timeout / 4;
        self.ready.extend(taken.into_iter().map(|taken| (good_until, taken)));
        Ok(())
    }

    /// Nobody asked for so long that their visibility may run out in other hands: they come again.
    fn forget_the_late(&mut self) {
        let now = Instant::now();
        self.ready.retain(|(good_until, _)| now < *good_until);
    }
}

impl Drop for Polls {
    fn drop(&mut self) {
        let mut unclaimed: Vec<Taken> = self.ready.drain(..).map(|(_, taken)| taken).collect();
        for answered in self.in_flight.iter_mut() {
            answered.close();
            if let Ok(Ok(taken)) = answered.try_recv() {
                unclaimed.extend(taken);
            }
        }
        // Without a runtime they come back when their visibility runs out.
        if !unclaimed.is_empty()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let queue = Arc::clone(&self.queue);
            runtime.spawn(async move { queue.give_back(unclaimed).await });
        }
    }
}

impl Queue {
    async fn receive(&self, messages_max: usize, wait: Duration) -> Answer {
        let request = self.clients.sqs.receive_message().queue_url(&self.url);
        let request = request
            .max_number_of_messages(i32::try_from(messages_max.min(ENTRIES_MAX)).unwrap_or(1))
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(0))
            .visibility_timeout(seconds(self.visibility_timeout))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = request.customize().config_override(receiving(wait)).send().await;
        let answer = answer.map_err(|error| Failure::of(&error))?;
        let taken: Vec<Taken> = answer.messages.unwrap_or_default().into_iter().filter_map(taken).collect();
        self.hide_the_worn(&taken).await;
        Ok(taken)
    }

    /// Those that were received very often come less often, should we be killed with them.
    async fn hide_the_worn(&self, taken: &[Taken]) {
        let worn = taken
            .iter()
            .filter(|taken| hidden_at_least(taken.delivery.receive_count) > self.visibility_timeout);
        let worn: Vec<_> =
            worn.map(|taken| (handle(taken), hidden_at_least(taken.delivery.receive_count))).collect();
        if let Err(failure) = self.show_after(worn).await {
            tracing::debug!(?failure, "cannot hide messages that were received often");
        }
    }

    async fn give_back(&self, unclaimed: Vec<Taken>) {
        let all = unclaimed.iter().map(|taken| (handle(taken), Duration::ZERO)).collect();
        if let Err(failure) = self.show_after(all).await {
            tracing::debug!(?failure, "cannot give messages back; they come again by themselves");
        }
    }

    /// Makes messages visible after so long.
    pub(super) async fn show_after(&self, messages: Vec<(String, Duration)>) -> Result<(), Failure> {
        let groups = batch::groups(messages, |(handle, _)| handle.len());
        batch::all(groups, |group| self.change_visibility(group)).await
    }

    async fn change_visibility(
        &self,
        group: Vec<(String, Duration)>,
    ) -> Result<Vec<Failed<(String, Duration)>>, Failure> {
        let entries: Result<Vec<_>, _> = group
            .iter()
            .enumerate()
            .map(|(place, (handle, after))| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(place.to_string());
                entry.receipt_handle(handle).visibility_timeout(seconds(*after)).build()
            })
            .collect();
        let entries = entries.map_err(|error| Failure::invented(Kind::Refused, error.to_string()))?;
        let answer = self.clients.sqs.change_message_visibility_batch().queue_url(&self.url);
        let answer = answer.set_entries(Some(entries)).send().await.map_err(|error| Failure::of(&error))?;
        Ok(batch_failures(group, answer.failed()))
    }
}

/// Which entries were not done.
pub(super) fn batch_failures<T>(
    group: Vec<T>,
    failed: &[aws_sdk_sqs::types::BatchResultErrorEntry],
) -> Vec<Failed<T>> {
    let mut group: Vec<Option<T>> = group.into_iter().map(Some).collect();
    let failed = failed.iter().filter_map(|entry| {
        let of = group.get_mut(entry.id().parse::<usize>().ok()?)?.take()?;
        Some((of, Failure::said(entry.code(), entry.message().unwrap_or_default(), entry.sender_fault())))
    });
    failed.collect()
}

fn handle(taken: &Taken) -> String {
    handle_of(&taken.delivery.receipt)
}

pub(super) fn handle_of(receipt: &Receipt) -> String {
    parts(receipt).1.to_owned()
}

/// SQS knows whole seconds: never earlier than asked for.
fn seconds(duration: Duration) -> i32 {
    let whole = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    i32::try_from(whole.min(HIDDEN_MAX_S)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_never_early_and_at_most_twelve_hours() {
        for (given, expected) in [
            (Duration::ZERO, 0),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(30), 30),
            (Duration::from_millis(30_001), 31),
            (Duration::from_secs(100_000), 43_200),
            (Duration::MAX, 43_200),
        ] {
            assert_eq!(seconds(given), expected, "{given:?}");
        }
    }
}

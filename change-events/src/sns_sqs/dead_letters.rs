//! What is unusable -> out of the way, with the reason; seen by operators; moved back.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use tokio::time::Instant;

use super::batch::ENTRIES_MAX;
use super::client::Clients;
use super::failure::{Failure, Kind};
use super::message::BODY_BYTES_MAX;
use super::poll::Queue;
use super::{SnsSqsConsumer, patience};
use crate::EventError;

/// The message attribute that says why.
const REASON: &str = "reason";
/// As long as it may be.
const REASON_CHARS_MAX: usize = 1_000;
/// Of one dead letter: what nobody can read whole need not be kept whole.
const LETTER_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;
/// Of unusable messages in our hands. The oldest are forgotten, and come again.
const REMEMBERED_BYTES_MAX: usize = 8 << 20;
/// While they are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// Between two questions how far a move has come.
const MOVE_PAUSE: Duration = Duration::from_millis(250);

/// The dead-letter queue of one queue.
#[derive(Debug)]
pub(super) struct DeadLetters {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) arn: String,
    pub(super) queue_arn: String,
    /// By receipt handle, the oldest first.
    pub(super) bodies: Mutex<VecDeque<(String, String)>>,
}

/// One message that is out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its text, cut at 64 kB.
    pub body: String,
    /// Why it is there.
    pub reason: String,
}

/// What a redrive moved back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redriven {
    /// Messages that are in the queue again, about.
    pub messages: u64,
    /// Whether there is nothing left to move. AWS goes on moving otherwise.
    pub is_complete: bool,
}

impl DeadLetters {
    /// A receipt is all that comes back with the reason: the text is kept until then.
    pub(super) fn remember(&self, handle: &str, mut body: String) {
        if body.len() > LETTER_BYTES_MAX {
            let end = (0..=LETTER_BYTES_MAX).rev().find(|end| body.is_char_boundary(*end));
            body.truncate(end.unwrap_or(0));
        }
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.push_back((handle.to_owned(), body));
        let mut held: usize = bodies.iter().map(|(_, body)| body.len()).sum();
        while held > REMEMBERED_BYTES_MAX
            && let Some((_, forgotten)) = bodies.pop_front()
        {
            held -= forgotten.len();
        }
    }

    fn recall(&self, handle: &str) -> Option<String> {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let place = bodies.iter().position(|(of, _)| of == handle)?;
        bodies.remove(place).map(|(_, body)| body)
    }

    /// `false`: the text was forgotten, the message comes again.
    pub(super) async fn bury(
        &self,
        clients: &Clients,
        handle: &str,
        reason: &str,
    ) -> Result<bool, EventError> {
        let Some(body) = self.recall(handle) else { return Ok(false) };
        let failed = |failure: Failure| failure.about(&self.name, "sqs:SendMessage");
        let reason = MessageAttributeValue::builder().data_type("String").string_value(attribute(reason));
        let reason =
            reason.build().map_err(|error| failed(Failure::invented(Kind::Refused, error.to_string())))?;
        // SQS takes no empty text, though it could hand one out only if another system put it there.
        let body = if body.is_empty() { "(empty)".to_owned() } else { body };
        let sent = clients.sqs.send_message().queue_url(&self.url).message_body(body);
        let sent = sent.message_attributes(REASON, reason).send().await;
        sent.map(|_| true).map_err(|error| failed(Failure::of(&error)))
    }
}

/// What an attribute may hold: some text, of the characters that XML knows.
fn attribute(text: &str) -> String {
    let legal = |letter: char| match letter {
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => letter,
        _ => '\u{fffd}',
    };
    let text: String = text.chars().take(REASON_CHARS_MAX).map(legal).collect();
    if text.is_empty() { "no reason given".to_owned() } else { text }
}

fn letter(message: &Message) -> DeadLetter {
    let attributes = message.message_attributes.as_ref();
    let reason = attributes.and_then(|all| all.get(REASON)).and_then(MessageAttributeValue::string_value);
    let by_sqs = || format!("received {} times and never saved; moved by SQS", patience::RECEIVES_MAX);
    DeadLetter {
        body: message.body().unwrap_or_default().to_owned(),
        reason: reason.map_or_else(by_sqs, str::to_owned),
    }
}

impl SnsSqsConsumer {
    /// Dead letters, at most so many, in no order. They stay where they are; others do not see them for a moment.
    ///
    /// # Errors
    /// When the dead-letter queue cannot be read.
    pub async fn dead_letters(&self, letters_max: usize) -> Result<Vec<DeadLetter>, EventError> {
        let dead = self.dead();
        let queue =
            Queue { clients: self.queue().clients.clone(), url: dead.url.clone(), visibility_timeout: LOOK };
        let (mut letters, mut seen) = (Vec::new(), Vec::new());
        let mut failure = None;
        while letters.len() < letters_max {
            let count = (letters_max - letters.len()).min(ENTRIES_MAX);
            let request =
                queue.clients.sqs.receive_message().queue_url(&dead.url).message_attribute_names(REASON);
            let request = request.max_number_of_messages(i32::try_from(count).unwrap_or(1));
            // A short wait asks all of the servers that hold a part of the queue.
            let answer = request.wait_time_seconds(1).visibility_timeout(10).send().await;
            match answer {
                Ok(answer) if answer.messages().is_empty() => break,
                Ok(answer) => {
                    letters.extend(answer.messages().iter().map(letter));
                    let handles = answer.messages().iter().filter_map(Message::receipt_handle);
                    seen.extend(handles.map(|handle| (handle.to_owned(), Duration::ZERO)));
                }
                Err(error) => {
                    failure = Some(Failure::of(&error));
                    break;
                }
            }
        }
        let shown = queue.show_after(seen).await;
        let failure = failure.map_or(shown, Err);
        failure.map(|()| letters).map_err(|failure| failure.about(&dead.name, "sqs:ReceiveMessage"))
    }

    /// Has AWS move all dead letters back into the queue, and waits for it no longer than `patience`. What is still unusable
    /// comes back with its reason.
    ///
    /// # Errors
    /// When AWS refuses, or does not say how far it has come.
    pub async fn redrive(&self, patience: Duration) -> Result<Redriven, EventError> {
        let (dead, sqs) = (self.dead(), &self.queue().clients.sqs);
        let deadline = Instant::now() + patience;
        let started = sqs.start_message_move_task().source_arn(&dead.arn);
        let started = started.destination_arn(&dead.queue_arn).send().await;
        started.map_err(|error| Failure::of(&error).about(&dead.name, "sqs:StartMessageMoveTask"))?;
        loop {
            let newest = sqs.list_message_move_tasks().source_arn(&dead.arn).max_results(1).send().await;
            let newest =
                newest.map_err(|error| Failure::of(&error).about(&dead.name, "sqs:ListMessageMoveTasks"))?;
            let Some(task) = newest.results().first() else {
                return Ok(Redriven { messages: 0, is_complete: true });
            };
            let messages = u64::try_from(task.approximate_number_of_messages_moved()).unwrap_or(0);
            match task.status() {
                Some("COMPLETED") => return Ok(Redriven { messages, is_complete: true }),
                Some("RUNNING") if Instant::now() < deadline => tokio::time::sleep(MOVE_PAUSE).await,
                Some("RUNNING") => return Ok(Redriven { messages, is_complete: false }),
                _ => {
                    let said = task.failure_reason().unwrap_or("cancelled");
                    let failure = Failure::invented(Kind::Refused, said);
                    return Err(failure.about(&dead.name, "sqs:StartMessageMoveTask"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead_letters() -> DeadLetters {
        let text = String::new;
        DeadLetters { name: text(), url: text(), arn: text(), queue_arn: text(), bodies: Mutex::default() }
    }

    #[test]
    fn unusable_messages_do_not_fill_the_memory() {
        let dead = dead_letters();
        for number in 0..1_000_u32 {
            dead.remember(&number.to_string(), "€".repeat(LETTER_BYTES_MAX));
        }
        assert_eq!(dead.recall("0"), None, "the oldest are forgotten");
        let kept = dead.recall("999").unwrap();
        assert!(kept.len() <= LETTER_BYTES_MAX && kept.len() > LETTER_BYTES_MAX - 4, "{}", kept.len());
        assert_eq!(dead.recall("999"), None, "once");
        let held: usize = dead.bodies.lock().unwrap().iter().map(|(_, body)| body.len()).sum();
        assert!(held <= REMEMBERED_BYTES_MAX);
    }

    #[test]
    fn a_reason_is_text_that_an_attribute_may_hold() {
        assert_eq!(
            attribute("attribute `subject` is `\u{0}\u{ffff}é`"),
            "attribute `subject` is `\u{fffd}\u{fffd}é`"
        );
        assert_eq!(attribute(""), "no reason given");
        assert_eq!(attribute(&"x".repeat(5_000)).len(), REASON_CHARS_MAX);
    }
}

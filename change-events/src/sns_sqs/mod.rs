//! AWS: an SNS topic per writer, an SQS queue and a dead-letter queue per subscriber and writer.
//!
//! A new subscriber subscribes its queue to the topic, which costs the publisher nothing. Delivery is raw, so that a
//! message is the envelope and nothing around it; queues are standard ones, since order does not matter. In production
//! CloudFormation makes all of it (`deploy/aws/`), and programs may only use it; with `create=true` they make
//! it themselves.
//!
//! **Waiting is not failing.** Only the consumer dead-letters, and only what can never be an event, with the reason as a
//! message attribute. SQS, however, moves messages back (`StartMessageMoveTask`) only from a queue that some redrive policy
//! names, so there has to be one: it stands at 1,000 receives, the most that SQS allows, and [`patience`] hides a message
//! for longer the more often it was received, so that 1,000 receives take longer than SQS keeps a message. What an outage
//! outlasts (four days) is heard of by changed-since.
//!
//! **Dropping a receive loses nothing**, though SQS has handed messages out once it has answered: a long poll runs in a task
//! of its own, and the next receive waits for the same one. When the consumer is dropped, what still arrives is given back.
//!
//! SQS may delete a message by an old receipt, where other transports refuse. No change is lost by that: whoever acknowledges
//! has proof that this very event is saved.

mod address; //      a configured text       -> region, account, prefix
mod names; //        these, and a subscriber -> topics and queues
mod client; //       these                   -> whoever asks AWS
mod failure; //      what AWS said           -> what to do about it
mod create; //       for development: topics, queues, subscriptions
mod batch; //        tens of anything, repeating only what failed
mod publisher; //    events                  -> the writer's topic
mod message; //      an SQS message          -> a delivery
mod patience; //     how often received      -> how long to hide
mod poll; //         the queue               -> messages, losing none
mod consumer; //     all of a subscriber's side
mod dead_letters; // what is unusable        -> out of the way, seen, moved back

pub use address::SnsSqsAddress;
pub use consumer::SnsSqsConsumer;
pub use dead_letters::{DeadLetter, Redriven};
pub use publisher::SnsSqsPublisher;

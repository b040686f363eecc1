//! From a delivered ID to a settled change: receive, coalesce, refetch, settle; and changed-since, always.
//!
//! In: deliveries of one writer's queue, that writer's changed-since feed. Out: that writer's newest answers,
//! handed to a [`Follower`], and events acknowledged only after the follower saved what covers them.
//! It deliberately does not know what the follower makes of an answer.
#![forbid(unsafe_code)]

mod settings; //      how patient, how greedy
mod subscription; //  all of it, put together
mod receive; //       the queue                  -> deliveries in our hands
mod following; //     the loop in which all meet
mod coalesce; //      many wishes of one shop    -> one refetch
mod refetch; //       IDs                        -> the writer's newest sections
mod save; //          sections                   -> saved, and the proof of it
mod follower; //      who saves
mod settle; //        a save and a delivery      -> the right to acknowledge
mod acknowledge; //   what the queue is told
mod remember; //      what was saved lately, for events told twice
mod changed_since; // the cursor                 -> changes, shared with events
mod ledger; //        changes and saves          -> the cursor that may be stored
mod resync; //        a writer                   -> all of it, page by page
mod wanted; //        what these two want refetched
mod requests; //      what others may ask for
mod gate; //          a breaker for the writer, one for the store
mod breaker; //       failures in a row          -> a pause, a probe
mod pause; //         failures in a row          -> how long to wait
mod metrics; //       what is counted

pub use follower::{Follower, Priority, SaveError};
pub use metrics::SubscriptionMetrics;
pub use pause::Jitter;
pub use requests::{Accepted, Ended, Requests};
pub use settings::Settings;
pub use subscription::{Subscription, subscribe};

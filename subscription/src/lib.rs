//! From a delivered ID to a settled change: receive, coalesce, refetch, settle; and changed-since, always.
//!
//! In: deliveries of one writer's queue, that writer's changed-since feed. Out: that writer's newest answers,
//! handed to a [`Follower`], and events acknowledged only after the follower saved what covers them.
//! It deliberately does not know what the follower makes of an answer.
//!
//! # Why no change is lost
//!
//! Say the writer commits change *c* of a shop. These hold at any moment, and a crash is nothing but a moment:
//!
//! 1. **An event leaves the queue only when a save covers it.** The queue deletes what is acknowledged, `acknowledge`
//!    takes nothing but `Settled`, and `Settled` is made only from a save that the follower called durable, of an answer
//!    whose `as_of_sequence` is not before the event's. A writer that is silent, a replica that lags, a store that is full:
//!    no `Settled`, so the event is still there, in our hands or, after its visibility timeout, for whoever asks.
//! 2. **The stored cursor is never past a change that is not saved.** It stays before the first change heard of and
//!    not covered by a save; the feed is in commit order, so whatever is after the cursor is named again.
//! 3. **Without a cursor everything is read.** A full resync stores the oldest moment of its pages, and only after
//!    all of them are saved; until then there is no cursor, and the next start begins anew.
//!
//! So as long as *c* is not saved, changed-since names it (2, 3), and usually an event waits for it too (1): losing every
//! event loses nothing. **And what is named is refetched:** every wish waits at its shop until an answer covers it.
//! A wish that comes while the shop's refetch runs is either covered by that answer, whose `as_of_sequence`
//! says so, or waits for one more refetch, which begins afterwards. A shop that fails rests and is tried again, for ever and
//! apart from the others. **Nothing saved is undone**, since the follower lets the newer revision win: concurrent,
//! repeated and late saves do no harm, which is why nothing here needs an order.
//!
//! What was saved lately is remembered, so that an event that is told twice is acknowledged without asking again. The
//! memory holds the proof of that save itself, is lost with the process and forgotten when a resync is asked for.
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
mod breaker; //       failures in a row          -> a growing pause, a probe
mod pause; //         failures in a row          -> how long to wait
mod metrics; //       what is counted

pub use follower::{Follower, Priority, SaveError};
pub use metrics::SubscriptionMetrics;
pub use pause::Jitter;
pub use requests::{Accepted, Ended, Requests};
pub use settings::Settings;
pub use subscription::{Subscription, subscribe};

//! From a delivered ID to a settled change: receive, coalesce, refetch, settle; and changed-since, always.
//!
//! In: deliveries of one writer's queue, that writer's changed-since feed. Out: that writer's newest answers,
//! handed to a [`Follower`], and events acknowledged only after the follower saved what covers them.
//! It deliberately does not know what the follower makes of an answer.
#![forbid(unsafe_code)]

mod follower;
mod metrics;
mod pause;
mod requests;
mod settings;
mod subscription;

pub use follower::{Follower, Priority, SaveError};
pub use metrics::SubscriptionMetrics;
pub use pause::Jitter;
pub use requests::{Accepted, Ended, Requests};
pub use settings::Settings;
pub use subscription::{Subscription, subscribe};

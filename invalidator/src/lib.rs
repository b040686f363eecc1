//! Hears an ID, asks the writers, saves the shop document.
//!
//! In: writers' answers, as their subscriptions bring them. Out: shop documents and their change log, saved before
//! any event is acknowledged; sections in doubt, asked for again. It deliberately does not know who reads them, and
//! believes nothing of an event but its ID.
#![forbid(unsafe_code)]

pub mod flatten; // a writer's answer                  -> its flat section, rendered (pure)
pub mod project; // held document + offered sections   -> the document to hold (pure)
mod plan; //        an answer, a look at what is held  -> as little as possible to do in the writing thread
pub mod save; //    `project` in an atomic update      -> durable, or a reason to try again
pub mod audit; //   stored documents, one by one       -> sections in doubt
pub mod heal; //    sections in doubt                  -> refetches at bulk priority
pub mod rewind; //  a store that may have lost saves   -> all of each writer, again
pub mod trim; //    the change log                     -> a day of it, and not too much
pub mod index; //   the change log                     -> the index of a search engine, if there is one
pub mod config; //  what an operator can say
pub mod metrics; // what is counted
mod open; //        what the configuration says        -> the store, once it can be had
mod program; //     all of these, until the end begins
#[cfg(test)]
mod tests;

pub use config::Config;
pub use program::{Followed, Pace, RunError, run, start};

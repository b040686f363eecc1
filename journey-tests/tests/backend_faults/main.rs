//! What real backends do wrong, and what people see meanwhile: each store server here is one of the test's own, and between
//! the programs and what is shared stands a network that fails as ordered.
//!
//! Every one of them holds the same to be true: whoever is resident goes on being read, whoever is not is named missing and never
//! called unknown, what is stale or degraded is said to be so, nothing acknowledged is lost, and all is well again
//! without a hand.
#![allow(missing_docs, clippy::unwrap_used)]

mod town; //          a marketplace whose one query server forgets everything, and what people see in it
mod killed; //        the store's server is killed and started again, with its file or without
mod frozen; //        it is there and says nothing
mod flushed; //       it is emptied
mod full; //          it takes no more
mod failed_over; //   another one takes its place and lacks the last saves
mod foreign; //       somebody else writes into it
mod refused; //       it is set up such that nobody may rely on it
mod newer_schema; //  a newer version of us wrote into it
mod sns_sqs; //       the transport is away, or carries nonsense
mod elasticsearch; // the search engine is away, silent, or refuses

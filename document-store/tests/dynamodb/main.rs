//! DynamoDB, as its local version keeps the promises; and what goes wrong with it, by a proxy that throttles, stays silent,
//! breaks off and leaves keys unprocessed, which the local version never does.
#![allow(missing_docs, clippy::unwrap_used)]

mod tables; //     tables of one's own
mod conforming; // the suite that every store passes
mod proxy; //      between a store and DynamoDB Local
mod faults; //     what DynamoDB, and the way to it, do wrong
mod lost; //       tables that are gone, restored, or of somebody else

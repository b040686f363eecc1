//! DynamoDB, as its local version keeps the promises.
#![allow(missing_docs, clippy::unwrap_used)]

mod tables; //     tables of one's own
mod conforming; // the suite that every store passes

//! The three writers as their callers see them: over HTTP, with real files.
#![allow(missing_docs, clippy::unwrap_used)]

mod bulks;
mod changes;
mod conforming;
mod events;
mod killed;
mod reads;
mod refusals;
mod running;
mod starting;

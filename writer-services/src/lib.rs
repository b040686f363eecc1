//! The owners of the truth: three reference writers, each a process of its own with a database of its own.
//!
//! In: changes over HTTP. Out: commits, events that carry only an ID, and the read contract of `writer-api`. It
//! deliberately does not know who listens, what a document looks like, or that a read side exists.
//!
//! `OPERATING.md` says how they are run, how changes are sent and what to do after a restore from backup.
#![forbid(unsafe_code)]

mod http; //           a request                  -> a change, or a read, or a refusal that helps
mod owner; //          what differs between the three
mod ready; //          bytes of facts             -> JSON that was checked and can be spliced (pure)
mod decide; //         what is held, what is asked -> what becomes of it (pure)
mod merge_patch; //    RFC 7396 (pure)
mod refusal; //        why a change is not taken
mod commit; //         many changes at once       -> one fsync
mod database; //       one SQLite file: sections, sources, outbox in one commit
mod relay; //          the outbox                 -> events
mod reads; //          connections that only read
mod answers; //        one snapshot               -> the bytes of an answer, ready facts spliced in
mod metrics; //        what is counted
mod config; //         what can be set
mod serve; //          a port                     -> connections, bounded in count and time
mod program; //        all of these               -> a running writer

pub use config::Config;
pub use database::DatabaseError;
pub use program::{RunError, run_ads_writer, run_reviews_writer, run_shop_writer, start};

#[cfg(test)]
mod facts;
#[cfg(test)]
mod laws;

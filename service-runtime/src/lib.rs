//! What every Shopfront program needs to run, and no program's own business.
//!
//! In: flags, environment, a file, signals. Out: a checked configuration, logs, metrics, readiness on the ops
//! port, an orderly end. It deliberately does not know shops.
#![forbid(unsafe_code)]

pub mod clock; //     the injected time
pub mod config; //    file, environment, flags       -> one plain struct
pub mod drain; //     signals                        -> accept no more, finish, give up after a grace period
pub mod logs; //      sentences, fields first
pub mod ops; //       /livez /readyz /startupz /metrics
pub mod program; //   all of these                   -> the frame of every `main`
pub mod readiness; // named conditions               -> ready or why not

pub use clock::Clock;
pub use drain::Drain;
pub use readiness::Readiness;

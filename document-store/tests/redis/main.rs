//! Redis and Valkey: one server, a replicated pair, a cluster; and what goes wrong with them.
#![allow(missing_docs, clippy::unwrap_used)]

mod servers; //    a server of one's own, to be frozen, killed and flushed
mod conforming; // the suite that every store passes
mod faults; //     what one server does wrong
mod lost; //       acknowledged saves that are gone
mod cluster; //    nodes that fail, slots that move
mod rights; //     passwords, ACL users, TLS
mod listening; //  wake-ups

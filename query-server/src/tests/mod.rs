//! The read path over a store in memory with a clock moved by hand, and over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]

pub(crate) mod shops; // made-up shops, and a server that reads them

mod answers; //  what is answered, to the byte
mod availability; // whether and for what shops deliver to a place
mod laws; //     what holds whatever happens
mod missing; //  shops that are late, broken, away
mod overload; // more than can be answered
mod packed; //   as zstd, brotli, gzip
mod searches; // what somebody typed; a store that goes away
mod sockets; //  slow, large, many, at the end
mod starting; // before the store is there

//! The read path over the memory store with a clock moved by hand, and over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]

pub(crate) mod shops; // made-up shops, and a server that reads them

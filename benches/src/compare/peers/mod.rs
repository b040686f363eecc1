//! The peers, each with the start that is best for it.

pub mod nginx; //   files                       -> files, packed files
pub mod varnish; // nginx behind it             -> hits, ESI
pub mod redis; //   all shops                   -> documents by ID
pub mod own; //     our binaries, files, Redis  -> hyper, axum

//! One directory, one writing process, any number of reading ones, one shared memory map.
//!
//! | database | key | value |
//! |---|---|---|
//! | `list`, `detail` | shop ID, 8 bytes big-endian | position (12 bytes), then the part |
//! | `log` | shard (2 bytes big-endian), position | an encoded entry |
//! | `meta` | names | numbers, positions, times |

mod tables; // databases, and what is read from them
mod wake; //   a bell file                  -> readers wake up without polling
mod create; // a directory                  -> a store with one writing process
mod group; //  updates that arrive together -> one transaction, one fsync
mod writer; // the one process that writes  -> DocumentWriter
mod reader; // any number of processes      -> DocumentReader, ChangeLog

pub use reader::LmdbReader;
pub use writer::{LmdbOptions, LmdbWriter};

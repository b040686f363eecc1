//! One directory, one writing process, any number of reading ones, one shared memory map.
//!
//! | database | key | value |
//! |---|---|---|
//! | `list`, `detail` | shop ID, 8 bytes big-endian | position (12 bytes), then the part |
//! | `log` | shard (2 bytes big-endian), position | an encoded entry |
//! | `meta` | names | numbers, positions, times |

mod entry; //  one log entry as bytes
mod reader; // any number of processes      -> DocumentReader, ChangeLog
mod tables; // databases, and what is read from them
mod wake; //   a bell file                  -> readers wake up without polling
mod writer; // the one process that writes  -> DocumentWriter

pub use reader::LmdbReader;
pub use writer::{LmdbOptions, LmdbWriter};

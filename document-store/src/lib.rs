//! Where shop documents and their change log live.
//!
//! In: a pure projection of one shop. Out: the document, saved in one atomic step with its change log entry;
//! later the document's parts, again and again, without a lock. It deliberately does not know writers' APIs,
//! events, lists or HTTP.

mod position; //       where in the log a save stands       -> Position, Positions
mod traits; //         what a store promises                -> DocumentReader, DocumentWriter, ChangeLog
mod log_entry; //      one log entry as bytes
mod plan_save; //      a projection of what is held         -> the document to save and its log entry
#[cfg(any(feature = "redis", feature = "dynamodb"))]
mod hedge; //          a late get                           -> asked again, within a tenth of all gets
#[cfg(any(feature = "redis", feature = "dynamodb"))]
mod part; //           stored bytes                         -> parts
pub mod lmdb; //       the default: one directory, one writing process, any number of reading ones
#[cfg(feature = "redis")]
pub mod redis; //      for many hosts: a server, a replicated pair, a cluster
#[cfg(feature = "dynamodb")]
pub mod dynamodb; //   for many hosts in AWS: a table
pub mod memory; //     for tests of those who use a store
pub mod address; //    one configured text                  -> which store
pub mod selected; //   that store                           -> one handle to read, one to write
pub mod follow; //     the change log                       -> LogFollower, in order, for as long as it is polled
pub mod near_cache; // list and detail parts                -> resident ones, read without a lock
pub mod conformance; // what every store is held to

pub use address::StoreAddress;
pub use follow::{FollowProgress, LogFollower, follow};
pub use near_cache::{NearCache, Seen};
pub use position::{Position, Positions};
pub use selected::{SelectedReader, SelectedWriter};
pub use traits::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, KeptLog, LogEntry, LogPage, Lookup, Projected, Put,
    Scan, StoreError, Stored, WriterContact,
};

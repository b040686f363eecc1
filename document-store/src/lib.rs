//! Where shop documents and their change log live.
//!
//! In: a pure projection of one shop. Out: the document, saved in one atomic step with its change log entry;
//! later the document's parts, again and again, without a lock. It deliberately does not know writers' APIs,
//! events, lists or HTTP.

mod position; // where in the log a save stands      -> Position, Positions
mod traits; //   what a store promises               -> DocumentReader, DocumentWriter, ChangeLog

pub use position::{Position, Positions};
pub use traits::{
    ChangeLog, DocumentReader, DocumentWriter, Identity, LogEntry, LogPage, Lookup, Projected, Put, Scan,
    StoreError, Stored, WriterContact,
};

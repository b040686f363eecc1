//! One SQLite file: sections, sources, outbox. A section's epoch is the database's, so that raising it after a restore
//! from a backup makes every section newer than all that was lost.

mod file; //   a path               -> a connection to a database that is this writer's, of this schema
mod group; //  many changes         -> one commit
mod outbox; // what was committed   -> what is to be announced

pub use file::DatabaseError;
pub(crate) use file::{Database, ReadOnly, Settings, State};
pub(crate) use group::{Committed, Row, Taken};
pub(crate) use outbox::Announcement;

//! A Redis or Valkey server, a replicated pair of them, or a cluster: for query servers on many hosts.
//!
//! Everything of one shard of the change log stands in one hash slot, so that one script can change all of it at once. `T`
//! is the shard's tag, `{name:3}`, the same for whoever knows name and number of shards:
//!
//! | key | type | holds |
//! |---|---|---|
//! | `T:list:7`, `T:detail:7` | string | position (12 bytes), then the part |
//! | `T:log` | stream | an encoded entry by `activation-sequence` |
//! | `T:ids` | sorted set, all scores 0 | the shard's shop IDs, 8 bytes big-endian, for scans in order |
//! | `T:meta` | hash | format, activation, shards, newest sequence, which process served it and how many keys that had dropped, whether it is complete; in shard 0 also writers' contacts and cursors |
//!
//! **What is durable.** A save that was acknowledged may still be lost: with `appendfsync everysec` by a crash, without a
//! file by a restart, with replicas by a failover (`wait_replicas=1` makes that unlikely, not impossible). The store is a
//! cache of the truth, so what matters is that a loss is noticed. Saves are made by a script that was loaded into the
//! processes that were looked at, and scripts are neither written to disk nor replicated: another process does not know it. Its `NOSCRIPT` makes the writer look who is there ([`fence`]); if it is another process than
//! the one that `meta` names, the activation is raised, the changed-since cursors are forgotten, and the invalidator, which
//! watches the activation, asks all writers again. Readers meet positions of a newer activation and scan anew.
//!
//! **Empty or lost.** A query server believes that there is no such shop only while the shard's `meta` is there, says that
//! all was saved once, and names the process that answers, which dropped no keys since. A flushed server says nothing, one that
//! is being filled again not that, one that was started from a file or is another's replica has another name.
//!
//! **Several writers** are allowed, unlike with LMDB: a save compares the position that it replaces. A second invalidator
//! costs work, not correctness; nobody needs to be refused.
//!
//! How an operator sets it up, users with the least rights included: `docs/redis.md`.

mod keys; //     a shop, a shard                  -> names and slots
mod failed; //   what the server said             -> what a caller can do about it
mod node; //     a command                        -> its answer, over a connection that is made anew when it breaks
mod link; //     a command for a slot             -> the node that serves it
mod server; //   INFO                             -> who answers, and whether it drops or dropped documents
mod values; //   stored bytes                     -> parts
mod meta; //     a shard                          -> which store this is, and whether it is complete
mod gets; //     shops                            -> their parts, by slot
mod log; //      shards                           -> heads, entries, scans
mod listener; // the server's push                -> those who wait for the log look again
mod scripts; //  what changes more than one key
mod fence; //    another process                  -> a new activation
mod reader; //   any number of processes          -> DocumentReader, ChangeLog
mod writer; //   any number, too                  -> DocumentWriter

pub use reader::RedisReader;
pub use writer::RedisWriter;

//! A DynamoDB table: for query servers on many hosts in AWS, without a server of one's own.
//!
//! One table with a partition key `p` (string) and a sort key `s` (binary), without indexes, streams or time-to-live; ID and
//! shard are big-endian, so that bytes compare as numbers do. A shop's shard is its ID modulo the number of shards.
//!
//! | `p` | `s` | holds |
//! |---|---|---|
//! | `meta` | `00` | `store_format`, `store_activation`, `store_shards`, `is_complete`, `table_id`; of each writer `heard_ads`, `cursor_ads` |
//! | `head#3` | `00` | of shard 3: `v`, the position of its newest save (12 bytes) |
//! | `list#3`, `detail#3` | shop ID (8 bytes) | `v`, the position of the save that wrote it; `d`, the part, or its first piece; `n`, of how many pieces, where there is more than one |
//! | `more#3` | shop ID, kind, number of the piece (1 byte each) | `v`, `d` of the piece: an item bears 400 kB, a part may be larger |
//! | `log#3` | position (12 bytes) | `d`, an encoded entry |
//!
//! **A save** is one `TransactWriteItems`: the parts, on the condition that the position of the held one is still the one that
//! the projection was given, the log entry, and the shard's head, on the condition that nobody else moved it. So a shard has
//! no gaps, and several invalidators do each other no harm. DynamoDB takes one such transaction of a shard at a time: what
//! arrives meanwhile shares the next one ([`group`]). A shop whose parts do not fit into one transaction is refused, with size
//! and limit, as an error of that shop alone.
//!
//! **Reads are consistent ones.** Whoever follows the log gets the documents behind its entries and is never told again:
//! an eventually consistent get might still answer the one before. Only the poll for new entries is an eventual read, at half
//! the price: it may see a head later, never wrongly.
//!
//! **Empty or lost.** A query server believes that there is no such shop only while the shard's head is there, of the
//! activation that `meta` names, and `meta` says that all was saved once. A table that is missing answers with an error, one
//! that was created anew or is being filled again says nothing of the kind: its shops are unavailable, not unknown. A table that was restored from a backup has another `TableId` than the one
//! that `meta` names; the writer then begins a new activation, forgets the changed-since cursors, and the invalidator asks all
//! writers again.
//!
//! **Not for global tables**: they replicate items one by one, and a transaction only holds where it was made.
//!
//! How an operator sets it up, policies with the least rights included: `docs/dynamodb.md`.

mod client; // an address, the usual credentials -> whoever asks DynamoDB
mod failed; // what DynamoDB said                -> what a caller can do about it
mod items; //  shops, shards                     -> keys; attributes -> parts, positions, entries
mod table; //  a name                            -> a table that is there, or is created
mod ask; //    keys                              -> items, however often some are left unprocessed
mod meta; //   heads and `meta`                  -> which store this is, and whether it is complete
mod gets; //   shops                             -> their parts, in groups
mod log; //    shards                            -> heads, entries, scans
mod poll; //   heads, again and again            -> those who wait for the log
mod begin; //  a table nobody knows              -> a new activation
mod group; //  updates that arrive together      -> one transaction
mod transaction; // a group's changes            -> within what DynamoDB takes at once
mod reader; // any number of processes           -> DocumentReader, ChangeLog
mod writer; // any number, too                   -> DocumentWriter

pub use reader::DynamoDbReader;
pub use writer::DynamoDbWriter;

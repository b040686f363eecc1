//! The smallest handles: who reads cannot write, who writes cannot skip the log.

use std::future::Future;

use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::{Revision, ShopId, Writer};

use crate::{Position, Positions};

/// Which store this is. A cache or a cursor made under another identity is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Raised by whatever may have lost or swapped saves.
    pub activation: u32,
    /// Fixed at creation. A shop's shard is `shop_id % shards`.
    pub shards: u16,
    /// A full resync was complete once: only then does "unknown" mean unknown. Tells empty from lost.
    pub complete: bool,
}

/// A part together with the save that wrote it.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// What was saved. Cloning shares the bytes.
    pub part: T,
    /// When, in the order of saves of this shop.
    pub position: Position,
}

/// A closed shop is an answer; a shop nobody ever announced is a different one.
#[derive(Clone, Debug)]
pub enum Lookup<T> {
    /// Visible to people.
    Found(Stored<T>),
    /// Closed for good; the revisions stay.
    Tombstone(Stored<T>),
    /// Nothing stored, or a document that is still without its shop section.
    Unknown,
}

/// The result of a save. A section only moves to a newer revision, so a replayed event leaves the document
/// `Unchanged`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Durable, and in the change log here.
    Applied(Position),
    /// The store held all of it already, durably.
    Unchanged,
}

/// What a projection wants.
#[derive(Clone, Debug)]
pub enum Projected {
    /// Save this.
    Save(Box<ShopDocument>),
    /// Nothing newer was offered.
    Keep,
}

/// A writer's last sign of life and the changed-since cursor, kept in the store because the saves they cover are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterContact {
    /// Who.
    pub writer: Writer,
    /// When it last answered a changed-since round; `None` before the first.
    pub heard_at: Option<Timestamp>,
    /// Where its changed-since feed goes on; `None` before its first full resync was complete.
    pub cursor: Option<Revision>,
}

/// What the query server is given: it can look, it cannot write.
pub trait DocumentReader: Send + Sync + 'static {
    /// Which store this is, as of now.
    fn identity(&self) -> impl Future<Output = Result<Identity, StoreError>> + Send;

    /// The list parts of up to 50 shops: one result per ID, in the given order, each on its own. A failure
    /// of one get never fails the others.
    fn gather(
        &self,
        shop_ids: &[ShopId],
    ) -> impl Future<Output = Vec<Result<Lookup<ListPart>, StoreError>>> + Send;

    /// The detail part of one shop.
    fn detail(&self, shop_id: ShopId) -> impl Future<Output = Result<Lookup<DetailPart>, StoreError>> + Send;

    /// What is known about each writer of the document, in the order of `Writer::OF_THE_DOCUMENT`.
    fn writer_contacts(&self) -> impl Future<Output = Result<Vec<WriterContact>, StoreError>> + Send;

    /// Shops of one neighbourhood are got together cheaper than those of several: whoever splits a gather splits it there.
    /// All are of one where that makes no difference.
    fn neighbourhood(&self, shop_id: ShopId) -> u16 {
        let _ = shop_id;
        0
    }
}

/// What the invalidator is given.
pub trait DocumentWriter: DocumentReader {
    /// One atomic update of one document and its change log entry, durable when it returns. `projection` is
    /// given what is held (corrupt bytes count as `Unknown`; a held document without shop section as `Found`)
    /// and runs again if another update came between: it is pure, so it may.
    fn update(
        &self,
        shop_id: ShopId,
        projection: impl Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync + 'static,
    ) -> impl Future<Output = Result<Put, StoreError>> + Send;

    /// Stores a sign of life. Never moves `heard_at` backwards.
    fn record_heard(
        &self,
        writer: Writer,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores a changed-since cursor; ordered after all updates that returned before the call. A store that may have lost
    /// saves forgets its cursors, and refuses later ones (`Unavailable`) until [`Revision::ZERO`] is stored, which is what
    /// a full resync begins with.
    fn save_cursor(
        &self,
        writer: Writer,
        cursor: Revision,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A full resync is complete: `Identity::complete` from now on, unless the store is of another activation than this one by
    /// then (`Unavailable`): what was saved under the one before may be lost.
    fn mark_complete(&self, activation: u32) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Drops the oldest log entries until no more than this is kept, and says how many it dropped. Followers that
    /// still need them get `Trimmed`.
    fn trim(&self, kept: KeptLog) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// What a change log keeps: both bounds hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptLog {
    /// Nothing older.
    pub since: Timestamp,
    /// Not more entries than these over all shards: of each shard the newest, an equal share of them, one at least.
    pub entries_max: u64,
}

impl KeptLog {
    /// The oldest position that one of so many shards may keep, by the number of its entries.
    pub(crate) fn first(&self, head: Position, shards: u16) -> Position {
        let share = (self.entries_max / u64::from(shards.max(1))).max(1);
        // Sequences have no gaps, so that they count entries. What is of an older activation nobody can read.
        Position { activation: head.activation, sequence: head.sequence.saturating_sub(share) + 1 }
    }
}

/// One save as its followers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// In the shard that was read.
    pub position: Position,
    /// What was saved.
    pub shop_id: ShopId,
    /// When (the store's clock).
    pub saved_at: Timestamp,
    /// H3 cells that listed the shop before this save.
    pub cells_before: Vec<u64>,
    /// H3 cells that list it now.
    pub cells_after: Vec<u64>,
}

/// A piece of one shard's log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// May be empty: nothing new.
    pub entries: Vec<LogEntry>,
    /// Read on from here.
    pub next: Position,
    /// There is more right now.
    pub has_more: bool,
}

/// A piece of all list parts (tombstones included, corrupt ones only counted), by ascending ID.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Each readable shop.
    pub shops: Vec<(ShopId, Stored<ListPart>)>,
    /// Shops whose list or detail part could not be read: the audit refetches them.
    pub unreadable: Vec<ShopId>,
    /// Scan on after this one; `None` at the end.
    pub next: Option<ShopId>,
}

/// What follows from saved documents is told here, in order, to everybody at their own pace.
pub trait ChangeLog: Send + Sync + 'static {
    /// The newest position of every shard. Take it before a scan, tail from it after.
    fn head(&self) -> impl Future<Output = Result<Positions, StoreError>> + Send;

    /// Entries of one shard after a position, oldest first. `Trimmed` when the log no longer reaches back, or
    /// the activation number differs: then rebuild by `head` and `scan`.
    fn read(
        &self,
        shard: u16,
        after: Position,
        entries_max: usize,
    ) -> impl Future<Output = Result<LogPage, StoreError>> + Send;

    /// All list parts after a shop ID.
    fn scan(
        &self,
        after: Option<ShopId>,
        shops_max: usize,
    ) -> impl Future<Output = Result<Scan, StoreError>> + Send;

    /// Returns when the log has grown past `seen`; a slow look-around bounds the wait should a wake-up get lost.
    /// Dropping the future loses nothing.
    fn grown(&self, seen: &Positions) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A store that did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Transient.
    #[error("store `{store}` is unavailable: {reason}")]
    Unavailable {
        /// Which, for example its directory.
        store: String,
        /// What the system below said.
        reason: String,
    },
    /// Transient for the store, not for this get: the shop is named missing.
    #[error("store `{store}` did not answer within {waited_ms} ms")]
    TimedOut {
        /// Which.
        store: String,
        /// How long.
        waited_ms: u64,
    },
    /// Stored bytes that are no document: counted, the shop is named missing, the audit refetches it.
    #[error("shop {shop_id}: {reason}")]
    Corrupt {
        /// Which shop.
        shop_id: ShopId,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// Changes wait until somebody makes room; reads go on.
    #[error("store `{store}` is full: {reason}")]
    Full {
        /// Which.
        store: String,
        /// What is full, at which size, and which setting raises it.
        reason: String,
    },
    /// The log does not reach back that far: rebuild by a scan.
    #[error("the change log of store `{store}` is trimmed up to {oldest:?} in shard {shard}")]
    Trimmed {
        /// Which.
        store: String,
        /// Which part of the log.
        shard: u16,
        /// The oldest position that is left.
        oldest: Position,
    },
    /// Another process is the writing one.
    #[error("store `{store}` is being written by {holder}; stop it or choose another directory")]
    Locked {
        /// Which.
        store: String,
        /// Program and process ID.
        holder: String,
    },
    /// Permanent: not a store of ours, or of another version.
    #[error("store `{store}` cannot be used: {reason}")]
    Unusable {
        /// Which.
        store: String,
        /// What was found and what was expected.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TimedOut { .. })
    }
}

/// The shard of a shop in a log of so many.
pub(crate) const fn shard_of(shop_id: ShopId, shards: u16) -> u16 {
    // The remainder of a division by a `u16` fits into one.
    #[allow(clippy::cast_possible_truncation)]
    let shard = (shop_id.get() % shards as u64) as u16;
    shard
}

/// What readers are told of a stored document.
pub(crate) fn lookup_of<T>(document: &ShopDocument, part: T, position: Position) -> Lookup<T> {
    visible(document.list.is_tombstone(), document.list.is_visible(), part, position)
}

pub(crate) fn visible<T>(is_tombstone: bool, is_visible: bool, part: T, position: Position) -> Lookup<T> {
    let stored = Stored { part, position };
    match (is_tombstone, is_visible) {
        (true, _) => Lookup::Tombstone(stored),
        (false, true) => Lookup::Found(stored),
        (false, false) => Lookup::Unknown,
    }
}

/// What a projection is told of a stored document.
pub(crate) fn held_of(document: ShopDocument, position: Position) -> Lookup<ShopDocument> {
    let is_tombstone = document.list.is_tombstone();
    let stored = Stored { part: document, position };
    if is_tombstone { Lookup::Tombstone(stored) } else { Lookup::Found(stored) }
}

/// What was true of an activation is not believed of the next one.
pub(crate) fn begun_anew(store: &str, activation: u32) -> StoreError {
    let reason = format!("it is not of activation {activation} any more; saves may be lost");
    StoreError::Unavailable { store: store.to_owned(), reason }
}

/// No writer was heard yet.
pub(crate) fn new_contacts() -> Vec<WriterContact> {
    Writer::OF_THE_DOCUMENT.map(|writer| WriterContact { writer, heard_at: None, cursor: None }).to_vec()
}

impl<T> Lookup<T> {
    /// What is stored, closed or not.
    #[must_use]
    pub const fn stored(&self) -> Option<&Stored<T>> {
        match self {
            Self::Found(stored) | Self::Tombstone(stored) => Some(stored),
            Self::Unknown => None,
        }
    }
}

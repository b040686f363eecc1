//! Many changes -> one commit, in which each has a counter of its own.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use shop_id::{Revision, ShopId, Writer};
use writer_api::{Outcome, Source};

use super::file::{Database, State};
use super::outbox;
use crate::decide::{Change, Decision, Held, Target};
use crate::refusal::Refusal;

/// What became of one change that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) shop_id: ShopId,
    pub(crate) outcome: Outcome,
    /// Of the section, now.
    pub(crate) revision: Revision,
}

/// What became of one change.
pub(crate) type Row = Result<Taken, Refusal>;

/// What became of a group.
#[derive(Debug)]
pub(crate) struct Committed {
    /// One per change, in their order.
    pub(crate) rows: Vec<Row>,
    /// The newest commit, which may be an earlier one: a group may change nothing.
    pub(crate) state: State,
    /// Announcements that were given up because too many waited.
    pub(crate) given_up: u64,
}

impl Database {
    /// Takes a group of changes in one commit: all of them, or, on an error, none.
    ///
    /// `published` is the newest counter that was announced: its rows leave the outbox on this occasion.
    pub(crate) fn commit(
        &mut self,
        changes: Vec<Change>,
        now: Timestamp,
        published: u64,
    ) -> rusqlite::Result<Committed> {
        let (writer, outbox_rows_max) = (self.writer, self.outbox_rows_max);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = State::read(&transaction)?;
        let mut group = Group { connection: &transaction, writer, state: before, now };
        let rows = changes.into_iter().map(|change| group.take(change)).collect::<rusqlite::Result<_>>()?;
        let state = group.state;
        let mut given_up = 0;
        if state != before {
            transaction.execute("UPDATE writer SET counter = ?1", [state.counter.cast_signed()])?;
            outbox::delete_up_to(&transaction, published)?;
            let too_old = state.counter.saturating_sub(outbox_rows_max);
            given_up = outbox::delete_up_to(&transaction, too_old)?;
        }
        transaction.commit()?;
        Ok(Committed { rows, state, given_up })
    }

    /// Lets go of what was announced, when no change came along to do it on the way.
    pub(crate) fn tidy(&mut self, published: u64) -> rusqlite::Result<()> {
        outbox::delete_up_to(&self.connection, published).map(drop)
    }
}

struct Group<'a> {
    connection: &'a Connection,
    writer: Writer,
    state: State,
    now: Timestamp,
}

struct HeldSection {
    counter: u64,
    facts: Option<String>,
}

impl Group<'_> {
    fn take(&mut self, change: Change) -> rusqlite::Result<Row> {
        let shop_id = match &change.target {
            Target::Shop(shop_id) if i64::try_from(shop_id.get()).is_err() => {
                return Ok(Err(Refusal::IdTooLarge { shop_id: *shop_id }));
            }
            Target::Shop(shop_id) => Some(*shop_id),
            Target::Source(source) => self.shop_of(source)?,
            Target::New => None,
        };
        let held = shop_id.map_or(Ok(None), |shop_id| self.held(shop_id))?;
        let view = match &held {
            None => Held::Unknown,
            Some(HeldSection { facts: None, .. }) => Held::Removed,
            Some(HeldSection { facts: Some(facts), .. }) => Held::Present(facts),
        };
        let decision = match (change.decide)(view) {
            Ok(decision) => decision,
            Err(refused) => return Ok(Err(refused)),
        };
        let (outcome, facts) = match (&decision, view) {
            (Decision::Put(facts), Held::Present(same)) if facts.as_str() == same => {
                (Outcome::Unchanged, None)
            }
            (Decision::Remove, Held::Removed | Held::Unknown) => (Outcome::Unchanged, None),
            (Decision::Put(facts), Held::Unknown) => (Outcome::Created, Some(facts.as_str())),
            (Decision::Put(facts), _) => (Outcome::Changed, Some(facts.as_str())),
            (Decision::Remove, Held::Present(_)) => (Outcome::Changed, None),
        };
        let shop_id = match shop_id {
            Some(shop_id) => shop_id,
            None => self.new_shop(&change.target)?,
        };
        let revision = if outcome == Outcome::Unchanged {
            held.map_or(Revision::ZERO, |held| Revision::new(self.state.epoch, held.counter))
        } else {
            self.save(shop_id, facts)?
        };
        Ok(Ok(Taken { shop_id, outcome, revision }))
    }

    fn held(&self, shop_id: ShopId) -> rusqlite::Result<Option<HeldSection>> {
        let mut select =
            self.connection.prepare_cached("SELECT counter, facts FROM sections WHERE shop_id = ?1")?;
        let held = select.query_row([shop_id.get().cast_signed()], |row| {
            let counter: i64 = row.get(0)?;
            Ok(HeldSection { counter: counter.unsigned_abs(), facts: row.get(1)? })
        });
        held.optional()
    }

    fn shop_of(&self, source: &Source) -> rusqlite::Result<Option<ShopId>> {
        let select = "SELECT shop_id FROM sources WHERE name = ?1 AND key = ?2";
        let mut select = self.connection.prepare_cached(select)?;
        let known = select.query_row([&source.name, &source.key], |row| row.get::<_, i64>(0)).optional()?;
        Ok(known.and_then(|shop_id| ShopId::new(shop_id.unsigned_abs())))
    }

    /// The next ID. Closed shops keep theirs, so the largest one is the newest.
    fn new_shop(&self, target: &Target) -> rusqlite::Result<ShopId> {
        let mut select = self.connection.prepare_cached("SELECT coalesce(max(shop_id), 0) FROM sections")?;
        let largest: i64 = select.query_row([], |row| row.get(0))?;
        let next = largest.checked_add(1).and_then(|next| ShopId::new(next.unsigned_abs()));
        let shop_id = next.ok_or(rusqlite::Error::IntegralValueOutOfRange(0, largest))?;
        if let Target::Source(source) = target {
            let insert = "INSERT INTO sources (name, key, shop_id) VALUES (?1, ?2, ?3)";
            let mut insert = self.connection.prepare_cached(insert)?;
            insert.execute(params![source.name, source.key, shop_id.get().cast_signed()])?;
        }
        Ok(shop_id)
    }

    /// The section and its announcement, under the next counter.
    fn save(&mut self, shop_id: ShopId, facts: Option<&str>) -> rusqlite::Result<Revision> {
        self.state.counter += 1;
        let revision = self.state.revision();
        let upsert = "INSERT INTO sections (shop_id, counter, committed_at_us, facts) VALUES (?1, ?2, ?3, ?4)
                      ON CONFLICT (shop_id) DO UPDATE SET
                      counter = excluded.counter, committed_at_us = excluded.committed_at_us, facts = excluded.facts";
        let mut upsert = self.connection.prepare_cached(upsert)?;
        let (id, counter) = (shop_id.get().cast_signed(), revision.counter.cast_signed());
        upsert.execute(params![id, counter, self.now.as_microsecond(), facts])?;
        outbox::insert(self.connection, self.writer, shop_id, revision, self.now)?;
        Ok(revision)
    }
}

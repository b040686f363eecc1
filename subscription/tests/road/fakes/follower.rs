//! A store in memory that outlives the subscription, and notices what must never happen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use shop_id::{Revision, ShopId, Writer};
use subscription::{Follower, Priority, SaveError};
use writer_api::SectionAnswer;

use super::ScriptedWriter;

/// Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct MemoryFollower {
    state: Arc<Mutex<State>>,
    writer: ScriptedWriter,
}

/// How a store feels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// It does not answer.
    Away,
    Full,
    /// It is well, but for this shop.
    Refuses(ShopId),
    /// It panics once.
    Breaks,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The newest section of each shop.
    pub(crate) held: BTreeMap<ShopId, Revision>,
    /// Up to which commit the saves of a shop reach.
    covered: BTreeMap<ShopId, Revision>,
    pub(crate) cursor: Option<Revision>,
    pub(crate) cursors_saved: usize,
    pub(crate) heard_from: usize,
    /// Shops of every save.
    pub(crate) saves: Vec<(Vec<ShopId>, Priority)>,
    pub(crate) saves_take: Duration,
    pub(crate) mood: Mood,
    /// Promises that were broken.
    pub(crate) broken: Vec<String>,
}

impl MemoryFollower {
    pub(crate) fn of(writer: &ScriptedWriter) -> Self {
        Self { state: Arc::default(), writer: writer.clone() }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn covers(&self, shop_id: ShopId, sequence: Revision) -> bool {
        self.store().covered.get(&shop_id).is_some_and(|covered| *covered >= sequence)
    }

    pub(crate) fn holds_all(&self) -> bool {
        self.store().held == self.writer.all_sections()
    }

    fn mood(&self) -> Result<(), SaveError> {
        match self.store().mood {
            Mood::Away => Err(SaveError { reason: "the store is away".to_owned(), transient: true }),
            Mood::Full => Err(full()),
            Mood::Well | Mood::Refuses(_) | Mood::Breaks => Ok(()),
        }
    }
}

fn full() -> SaveError {
    SaveError { reason: "the store is full".to_owned(), transient: false }
}

impl Follower for MemoryFollower {
    async fn save(
        &self,
        writer: Writer,
        answers: Vec<SectionAnswer>,
        priority: Priority,
    ) -> Result<(), SaveError> {
        assert_eq!(writer, Writer::Shop);
        let takes = self.store().saves_take;
        tokio::time::sleep(takes).await;
        self.mood()?;
        let mut store = self.store();
        match store.mood {
            Mood::Refuses(bad) if answers.iter().any(|answer| answer.shop_id == bad) => return Err(full()),
            Mood::Breaks => {
                store.mood = Mood::Well;
                drop(store);
                panic!("a mistake in the follower");
            }
            _ => {}
        }
        store.saves.push((answers.iter().map(|answer| answer.shop_id).collect(), priority));
        for answer in answers {
            let held = store.held.entry(answer.shop_id).or_insert(Revision::ZERO);
            *held = answer.revision.max(*held);
            let covered = store.covered.entry(answer.shop_id).or_insert(Revision::ZERO);
            *covered = answer.as_of_sequence.max(*covered);
        }
        Ok(())
    }

    async fn cursor(&self, _writer: Writer) -> Result<Option<Revision>, SaveError> {
        self.mood()?;
        Ok(self.store().cursor)
    }

    /// A crash right after it must lose nothing: all that was committed up to the cursor is held.
    async fn save_cursor(&self, _writer: Writer, cursor: Revision) -> Result<(), SaveError> {
        self.mood()?;
        let mut store = self.store();
        // A shop that changed again after the cursor will be named again.
        for (shop_id, revision) in self.writer.all_sections() {
            if revision <= cursor && store.held.get(&shop_id).is_none_or(|held| *held < revision) {
                let broken = format!("cursor {cursor} was stored, shop {shop_id} at {revision} is not");
                store.broken.push(broken);
            }
        }
        // With the one before all commits a resync begins: none is held any more.
        store.cursor = (cursor > Revision::ZERO).then_some(cursor);
        store.cursors_saved += usize::from(store.cursor.is_some());
        Ok(())
    }

    async fn heard_from(&self, _writer: Writer, _at: Timestamp) -> Result<(), SaveError> {
        self.mood()?;
        self.store().heard_from += 1;
        Ok(())
    }
}

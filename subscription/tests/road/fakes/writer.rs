//! A writer that keeps its promises, but for what it is told to do wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use change_events::ChangeEvent;
use jiff::Timestamp;
use shop_id::{Revision, ShopId, Writer};
use writer_api::{
    Asked, Change, ChangesAnswer, PageAnswer, RefetchError, SectionAnswer, SectionState, SectionsAnswer,
    WriterReads,
};

const WRITER: Writer = Writer::Shop;

/// Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedWriter(Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct State {
    epoch: u32,
    /// The shop of each commit; the first has counter 1.
    commits: Vec<ShopId>,
    /// What follows from all of them.
    newest_sections: BTreeMap<ShopId, Revision>,
    /// From question to answer; what is answered was true when the question came.
    pub(crate) answers_after: Duration,
    /// How many commits its answers are behind.
    pub(crate) behind: usize,
    /// The same for the next pages, one after the other.
    pub(crate) pages_behind: VecDeque<usize>,
    /// Nobody listens.
    pub(crate) down: bool,
    /// It never answers.
    pub(crate) silent: bool,
    /// Whoever asks for these gets garbage.
    pub(crate) garbage: BTreeSet<ShopId>,
    pub(crate) changes_are_garbage: bool,
    /// The shops of every question for sections.
    pub(crate) asked: Vec<Vec<ShopId>>,
    pub(crate) pages_asked: usize,
    pub(crate) changes_asked: usize,
}

impl ScriptedWriter {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            epoch: 1,
            commits: Vec::new(),
            newest_sections: BTreeMap::new(),
            answers_after: Duration::from_millis(1),
            behind: 0,
            pages_behind: VecDeque::new(),
            down: false,
            silent: false,
            garbage: BTreeSet::new(),
            changes_are_garbage: false,
            asked: Vec::new(),
            pages_asked: 0,
            changes_asked: 0,
        })))
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Commits a change and returns what would be announced.
    pub(crate) fn commit(&self, shop_id: ShopId) -> ChangeEvent {
        let mut state = self.script();
        state.commits.push(shop_id);
        let sequence = state.newest();
        state.newest_sections.insert(shop_id, sequence);
        drop(state);
        let (id, time) = (format!("shop-{sequence}"), Timestamp::UNIX_EPOCH);
        ChangeEvent { id, source: WRITER, subject: shop_id, time, sequence }
    }

    /// Restored from a backup: as if nothing had been committed after `counter`.
    pub(crate) fn restore(&self, counter: usize) {
        let mut state = self.script();
        state.commits.truncate(counter);
        state.epoch += 1;
        state.newest_sections = state.sections(counter);
    }

    /// The counter up to which every shop has at least one commit.
    pub(crate) fn sections_of_first_commits(&self) -> usize {
        let state = self.script();
        let first = |shop_id: &ShopId| state.commits.iter().position(|of| of == shop_id).unwrap_or(0);
        state.commits.iter().map(first).max().map_or(0, |last| last + 1)
    }

    /// Every shop and the revision of its newest section.
    pub(crate) fn all_sections(&self) -> BTreeMap<ShopId, Revision> {
        self.script().newest_sections.clone()
    }

    pub(crate) fn newest(&self) -> Revision {
        self.script().newest()
    }

    /// Questions for sections.
    pub(crate) fn questions(&self) -> usize {
        self.script().asked.len()
    }

    async fn answer<T>(
        &self,
        asked: Asked,
        answer: impl FnOnce(&mut State) -> Result<T, String>,
    ) -> Result<T, RefetchError> {
        let (answer, down, silent, after) = {
            let mut state = self.script();
            let answer = answer(&mut state);
            (answer, state.down, state.silent, state.answers_after)
        };
        if silent {
            return pending().await;
        }
        tokio::time::sleep(after).await;
        if down {
            let reason = "nobody listens".to_owned();
            return Err(RefetchError::Unreachable { writer: WRITER, asked, waited_ms: 0, reason });
        }
        answer.map_err(|reason| match asked {
            Asked::Changes { after } if reason.starts_with("gone") => {
                RefetchError::CursorExpired { writer: WRITER, after, detail: reason }
            }
            _ => RefetchError::Garbage { writer: WRITER, asked, path: "sections".to_owned(), reason },
        })
    }
}

impl State {
    fn newest(&self) -> Revision {
        self.revision(self.commits.len())
    }

    fn revision(&self, counter: usize) -> Revision {
        Revision::new(self.epoch, counter as u64)
    }

    fn seen(&self, behind: usize) -> usize {
        self.commits.len().saturating_sub(behind)
    }

    fn sections(&self, counter: usize) -> BTreeMap<ShopId, Revision> {
        let commits = self.commits[..counter].iter().enumerate();
        commits.map(|(index, &shop_id)| (shop_id, self.revision(index + 1))).collect()
    }

    fn answers(&self, shop_ids: &[ShopId], seen: usize) -> Vec<SectionAnswer> {
        let before = (seen < self.commits.len()).then(|| self.sections(seen));
        let sections = before.as_ref().unwrap_or(&self.newest_sections);
        let answer = |&shop_id: &ShopId| SectionAnswer {
            shop_id,
            writer: WRITER,
            revision: sections.get(&shop_id).copied().unwrap_or(Revision::ZERO),
            as_of_sequence: self.revision(seen),
            state: SectionState::Nothing,
        };
        shop_ids.iter().map(answer).collect()
    }
}

impl WriterReads for ScriptedWriter {
    fn writer(&self) -> Writer {
        WRITER
    }

    async fn section(&self, shop_id: ShopId) -> Result<SectionAnswer, RefetchError> {
        let mut answer = self.sections(&[shop_id]).await?;
        Ok(answer.sections.remove(0))
    }

    async fn sections(&self, shop_ids: &[ShopId]) -> Result<SectionsAnswer, RefetchError> {
        let asked = Asked::Sections { first: shop_ids[0], count: shop_ids.len() };
        let answer = |state: &mut State| {
            state.asked.push(shop_ids.to_vec());
            if let Some(bad) = shop_ids.iter().find(|shop_id| state.garbage.contains(shop_id)) {
                return Err(format!("shop {bad} is garbage"));
            }
            let seen = state.seen(state.behind);
            let sections = state.answers(shop_ids, seen);
            Ok(SectionsAnswer { as_of_sequence: state.revision(seen), sections })
        };
        self.answer(asked, answer).await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesAnswer, RefetchError> {
        let answer = |state: &mut State| {
            state.changes_asked += 1;
            let seen = state.seen(state.behind);
            let newest = state.revision(seen);
            if after > newest || (after != Revision::ZERO && after.epoch < newest.epoch) {
                return Err(format!("gone: the newest commit is {newest}"));
            }
            if state.changes_are_garbage {
                return Err("garbage".to_owned());
            }
            let mut changed: Vec<_> = state.sections(seen).into_iter().collect();
            changed.retain(|(_, revision)| revision.counter > after.counter);
            changed.sort_by_key(|(_, revision)| *revision);
            let has_more = changed.len() > limit;
            changed.truncate(limit);
            let time = Timestamp::UNIX_EPOCH;
            let changes: Vec<_> =
                changed.into_iter().map(|(shop_id, revision)| Change { shop_id, revision, time }).collect();
            let last = changes.last().map_or(newest, |change| change.revision);
            let next_cursor = if has_more { last } else { newest };
            Ok(ChangesAnswer { as_of_sequence: newest, changes, next_cursor, has_more })
        };
        self.answer(Asked::Changes { after }, answer).await
    }

    async fn page(&self, after: Option<ShopId>, limit: usize) -> Result<PageAnswer, RefetchError> {
        let answer = |state: &mut State| {
            state.pages_asked += 1;
            let behind = state.pages_behind.pop_front().unwrap_or(state.behind);
            let seen = state.seen(behind);
            let all = state.sections(seen).into_keys().filter(|shop_id| Some(*shop_id) > after);
            let some: Vec<_> = all.take(limit + 1).collect();
            let shown = &some[..some.len().min(limit)];
            if let Some(bad) = shown.iter().find(|shop_id| state.garbage.contains(shop_id)) {
                return Err(format!("shop {bad} is garbage"));
            }
            let next_page_after = if some.len() > limit { shown.last().copied() } else { None };
            let sections = state.answers(shown, seen);
            Ok(PageAnswer { as_of_sequence: state.revision(seen), sections, next_page_after })
        };
        self.answer(Asked::Page { after }, answer).await
    }
}

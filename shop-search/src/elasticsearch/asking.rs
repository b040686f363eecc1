//! One question put to an engine: as many rounds as it takes, and usually one.
//!
//! Further rounds come when a zone of time is met for the first time, and when more shops stand at one distance than a
//! page has room for. Both are bounded.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Answers, FILTER, Found, Stretch};
use super::connection::{Engine, Sent};
use super::error::EngineError;
use super::keyset::{least_behind, search_on, standing};
use super::mapping::MAPPING_VERSION;
use super::patience::Patience;
use super::question::{HITS, Typed, Wanted, ZONES_MAX, Zones};
use crate::asked::{Asked, Order};
use crate::cursor::CursorKey;
use crate::distance::CellCentre;
use crate::rank::Standing;
use crate::text::words_asked;
use crate::{ListAnswer, ListQuestion, SearchError, Sort, TextQuestion};

/// A question is asked again for zones that it did not know, but not for ever.
const ROUNDS_MAX: usize = 4;
/// Shops at one distance that are looked through; a tower of kitchens has some hundred.
const FURTHER_HITS_MAX: usize = 10_000;
/// How long an index of another version can go unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// See the module. Asks without keeping anything but what it learned of the index.
#[derive(Debug)]
pub struct Asking {
    engine: Engine,
    patience: Duration,
    tries: Patience,
    zones: ArcSwap<Zones>,
    index: ArcSwapOption<Looked>,
}

/// What the mark in an index says.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct IndexMark {
    pub(crate) mapping_version: u64,
    pub(crate) nori: bool,
}

#[derive(Debug)]
struct Looked {
    mark: IndexMark,
    at: Instant,
}

/// An answer and how long it holds.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) answer: ListAnswer,
    pub(crate) stretch: Stretch,
}

impl Asking {
    /// `patience`: how long one question may take.
    #[must_use]
    pub fn new(engine: Engine, patience: Duration) -> Self {
        let zones: Zones = Arc::from([]);
        let (tries, index) = (Patience::default(), ArcSwapOption::empty());
        Self { engine, patience, tries, zones: ArcSwap::from_pointee(zones), index }
    }

    /// Questions that were asked a second time because the engine was late, since the start.
    #[must_use]
    pub fn hedges(&self) -> u64 {
        self.tries.hedges()
    }

    pub(crate) async fn list(&self, question: &ListQuestion, asked: Asked) -> Result<Answered, EngineError> {
        let wanted = Wanted {
            cell: question.cell,
            category: question.category.clone(),
            order: Some(question.sort),
            text: None,
            asked,
        };
        self.mark().await?;
        self.answer(&wanted).await
    }

    pub(crate) async fn search(
        &self,
        question: &TextQuestion,
        asked: Asked,
    ) -> Result<Answered, EngineError> {
        let words = words_asked(question.text.as_str());
        let with_nori = self.mark().await?.nori;
        if words.is_empty() {
            let stretch = Stretch { from: 0, until: crate::shop::NEVER };
            return Ok(Answered { answer: asked.nobody(), stretch });
        }
        let text = with_nori.then(|| Arc::from(question.text.as_str()));
        let wanted = Wanted {
            cell: question.cell,
            category: question.category.clone(),
            order: question.sort,
            text: Some(Typed { words, text }),
            asked,
        };
        self.answer(&wanted).await
    }

    /// Looked up now and then, since another index may have taken the name; one of another version is refused.
    async fn mark(&self) -> Result<IndexMark, EngineError> {
        let looked = self.index.load();
        if let Some(looked) = looked.as_ref().filter(|looked| looked.at.elapsed() < LOOK_EVERY) {
            return Ok(looked.mark);
        }
        let (index, mark) = self.engine.live_mark(self.patience).await?;
        if mark.mapping_version != MAPPING_VERSION {
            let found = mark.mapping_version;
            return Err(EngineError::Version { index, found, expected: MAPPING_VERSION });
        }
        self.index.store(Some(Arc::new(Looked { mark, at: Instant::now() })));
        Ok(mark)
    }

    async fn answer(&self, wanted: &Wanted) -> Result<Answered, EngineError> {
        let mut zones = Zones::clone(&self.zones.load());
        let mut round = 0;
        let found = loop {
            let found = self.round(wanted, &zones, None).await?;
            let learned = self.learn(&found, &zones);
            round += 1;
            match learned {
                Some(more) if round < ROUNDS_MAX => zones = more,
                Some(_) => return Err(self.lost("time zones come faster than they can be asked for")),
                None => break found,
            }
        };
        let stretch = found.stretch(&wanted.asked, &zones);
        let standings = self.standings(wanted, &zones, found).await?;
        let generation = generation(&standings, stretch);
        let order = Order { standings: &standings, from: stretch.from, until: stretch.until, generation };
        Ok(Answered { answer: wanted.asked.page(order), stretch })
    }

    async fn round(
        &self,
        wanted: &Wanted,
        zones: &Zones,
        further: Option<&Value>,
    ) -> Result<Found, EngineError> {
        let patience_ms = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        let lines = wanted.lines(zones, patience_ms, further);
        let path = format!("{}/_msearch?filter_path={FILTER}", self.engine.name());
        let ask = |patience| {
            let (lines, path) = (lines.clone(), path.as_str());
            async move {
                let sent = Sent::Lines(lines);
                let answers: Answers = self.engine.ask(Method::POST, path, sent, patience).await?;
                answers.found(&self.engine, path)
            }
        };
        self.tries.ask(self.patience, ask).await
    }

    /// Zones with those that the answer named beside; `None`: all were known.
    fn learn(&self, found: &Found, zones: &Zones) -> Option<Zones> {
        let unknown: Vec<Arc<str>> = found.unknown_zones(zones).map(Arc::from).collect();
        if unknown.is_empty() {
            return None;
        }
        let mut all: Vec<Arc<str>> = zones.iter().cloned().chain(unknown).collect();
        all.sort_unstable();
        // What a whole planet has; beyond it, nobody's index.
        all.truncate(ZONES_MAX);
        let all: Zones = all.into();
        self.zones.store(Arc::new(Zones::clone(&all)));
        Some(all)
    }

    /// What stands on the page and behind it, ascending. By distance, an engine's order is ours but for neighbours:
    /// until all that could stand on the page are in hand, more are asked for.
    async fn standings(
        &self,
        wanted: &Wanted,
        zones: &Zones,
        found: Found,
    ) -> Result<Vec<Standing>, EngineError> {
        let centre = CellCentre::of(wanted.cell);
        let by_distance = wanted.order == Some(Sort::Distance);
        let mut standings = Vec::with_capacity(found.hits.len());
        let (mut hits, mut seen) = (found.hits, 0);
        loop {
            for hit in &hits {
                let place =
                    standing(wanted.order, hit, centre).ok_or_else(|| self.lost("a hit of no shop"))?;
                if wanted.asked.after.is_none_or(|after| place > after) {
                    standings.push(place);
                }
            }
            standings.sort_unstable();
            seen += hits.len();
            let (Some(last), true) = (hits.last(), by_distance && hits.len() == wanted.hits()) else { break };
            let in_hand = standings.partition_point(|place| *place < least_behind(last));
            if in_hand >= HITS || seen >= FURTHER_HITS_MAX {
                break;
            }
            hits = self.round(wanted, zones, Some(&search_on(last))).await?.hits;
        }
        standings.truncate(HITS);
        Ok(standings)
    }

    fn lost(&self, what: &str) -> EngineError {
        EngineError::Unexpected {
            engine: self.engine.base().to_owned(),
            status: 200,
            what: "_msearch".to_owned(),
            reason: what.to_owned(),
        }
    }
}

/// Equal pages have equal ones.
fn generation(standings: &[Standing], stretch: Stretch) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for standing in standings {
        hash.update(&standing.rank.to_le_bytes());
        hash.update(&standing.shop_id.get().to_le_bytes());
    }
    hash.update(&stretch.from.to_le_bytes());
    hash.digest()
}

impl crate::ShopSearch for Asking {
    async fn list(&self, question: &ListQuestion, now: jiff::Timestamp) -> Result<ListAnswer, SearchError> {
        let key = CursorKey::of(question);
        let asked = Asked::of(key, question.cursor.as_deref(), now, None)?;
        Ok(Self::list(self, question, asked).await.map_err(|error| unavailable(&error))?.answer)
    }
}

impl crate::TextSearch for Asking {
    async fn search(&self, question: &TextQuestion, now: jiff::Timestamp) -> Result<ListAnswer, SearchError> {
        let key = CursorKey::of_text(question);
        let asked = Asked::of(key, question.cursor.as_deref(), now, None)?;
        Ok(Self::search(self, question, asked).await.map_err(|error| unavailable(&error))?.answer)
    }
}

pub(crate) fn unavailable(error: &EngineError) -> SearchError {
    SearchError::Unavailable { reason: error.to_string() }
}

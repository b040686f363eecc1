//! The indexes of one name: built beside the one that is asked, checked, put in its place at once, and taken back.
//!
//! `shops` is an alias. Behind it stands `shops-<time>`, made from [`super::mapping`]; the one before is kept for the way
//! back, older ones are deleted. Every index holds its own cursor through the change log, so that whichever is asked can
//! be followed on from where it stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asking::IndexMark;
use super::connection::{Engine, Sent};
use super::error::EngineError;
use super::mapping::{CURSOR_ID, IndexLayout, MAPPING_VERSION, index_body};

/// Changes may wait for a busy engine; nobody waits for them but the next ones.
pub(crate) const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// Written by its name behind an alias of its own, see [`super::mapping`].
const WRITE_SUFFIX: &str = ".bulk";
/// Indexes beside the one that is asked.
const KEPT: usize = 1;

/// One index.
#[derive(Clone, Debug)]
pub struct Index {
    engine: Engine,
    name: String,
    nori: bool,
    mapping_version: u64,
}

/// How a search engine stands.
#[derive(Clone, Debug)]
pub struct Indexes {
    /// The one that is asked.
    pub live: Option<Index>,
    /// All others of the name, the oldest first.
    pub others: Vec<Index>,
}

type Marks = BTreeMap<String, Mark>;

#[derive(Deserialize)]
struct Mark {
    mappings: Mappings,
}

#[derive(Default, Deserialize)]
struct Mappings {
    #[serde(default, rename = "_meta")]
    meta: Meta,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    shopfront: Option<IndexMark>,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

#[derive(Deserialize)]
struct Held {
    #[serde(default, rename = "_source")]
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    cursor: String,
}

impl Engine {
    /// The index behind the alias and what its mark says.
    pub(crate) async fn live_mark(&self, patience: Duration) -> Result<(String, IndexMark), EngineError> {
        let (index, mark) = self.behind_alias(patience).await?.ok_or_else(|| EngineError::Missing {
            engine: self.base().to_owned(),
            name: self.name().to_owned(),
        })?;
        mark.map(|mark| (index.clone(), mark)).ok_or_else(|| EngineError::Foreign {
            name: self.name().to_owned(),
            found: format!("index `{index}` has no mark of ours"),
        })
    }

    /// All indexes of the name.
    ///
    /// # Errors
    /// Also where the name belongs to something that is none of ours.
    pub async fn indexes(&self) -> Result<Indexes, EngineError> {
        let live = self.behind_alias(WRITE_PATIENCE).await?;
        let path = format!("{}-*/_mapping?filter_path=*.mappings._meta", self.name());
        let marks: Marks = self.ask(Method::GET, &path, Sent::Nothing, WRITE_PATIENCE).await?;
        let index = |name: String, mark: IndexMark| Index {
            engine: self.clone(),
            name,
            nori: mark.nori,
            mapping_version: mark.mapping_version,
        };
        let live = match live {
            None => None,
            Some((name, Some(mark))) => Some(index(name, mark)),
            Some((name, None)) => {
                let found = format!("index `{name}` has no mark of ours");
                return Err(EngineError::Foreign { name: self.name().to_owned(), found });
            }
        };
        let is_live = |name: &str| live.as_ref().is_some_and(|live| live.name == name);
        let others = marks.into_iter().filter(|(name, _)| self.is_ours(name) && !is_live(name));
        let others = others.filter_map(|(name, mark)| Some(index(name, mark.mappings.meta.shopfront?)));
        Ok(Indexes { others: others.collect(), live })
    }

    /// Makes an empty index.
    ///
    /// # Errors
    /// Also where it is to have Nori and the engine has none.
    pub async fn create(&self, layout: IndexLayout, now: Timestamp) -> Result<Index, EngineError> {
        let time = now.strftime("%Y%m%dt%H%M%S%3f");
        let name = format!("{}-{time}", self.name());
        let body = index_body(layout, &format!("{name}{WRITE_SUFFIX}"));
        let answer = self.send(Method::PUT, &name, json_body(&body), WRITE_PATIENCE).await?;
        if !answer.status.is_success() {
            let error = self.failure(&name, &answer);
            return Err(match error {
                EngineError::Unexpected { reason, .. } if layout.nori && reason.contains("nori") => {
                    let reason = format!(
                        "{reason}; install the plugin `analysis-nori` on every node, or say `search_index.nori = false`"
                    );
                    EngineError::Setup { engine: self.base().to_owned(), reason }
                }
                error => error,
            });
        }
        Ok(Index { engine: self.clone(), name, nori: layout.nori, mapping_version: MAPPING_VERSION })
    }

    /// `None`: no such alias. The mark is missing where the index is of somebody else.
    async fn behind_alias(
        &self,
        patience: Duration,
    ) -> Result<Option<(String, Option<IndexMark>)>, EngineError> {
        let path = format!("{}/_mapping?filter_path=*.mappings._meta,*.mappings._source", self.name());
        let answer = self.send(Method::GET, &path, Sent::Nothing, patience).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(self.failure(&path, &answer));
        }
        let marks: Marks = self.read(&path, &answer)?;
        let foreign = |found: String| Err(EngineError::Foreign { name: self.name().to_owned(), found });
        let mut marks = marks.into_iter();
        match (marks.next(), marks.next()) {
            (None, _) => foreign("an index without a mark of ours".to_owned()),
            (Some((index, _)), None) if index == self.name() => foreign("an index of its own".to_owned()),
            (Some((index, mark)), None) => Ok(Some((index, mark.mappings.meta.shopfront))),
            (Some((one, _)), Some((other, _))) => {
                foreign(format!("an alias of `{one}`, `{other}` and maybe more"))
            }
        }
    }

    /// `shops-20261124t154105123`, and no `shops-eu-…` of a neighbour.
    fn is_ours(&self, index: &str) -> bool {
        let time = index.strip_prefix(self.name()).and_then(|rest| rest.strip_prefix('-'));
        time.is_some_and(|time| {
            time.len() == 18
                && time.bytes().enumerate().all(|(place, byte)| match place {
                    8 => byte == b't',
                    _ => byte.is_ascii_digit(),
                })
        })
    }

    async fn delete(&self, index: &str) -> Result<(), EngineError> {
        let answer = self.send(Method::DELETE, index, Sent::Nothing, WRITE_PATIENCE).await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            Ok(())
        } else {
            Err(self.failure(index, &answer))
        }
    }
}

impl Index {
    /// As the engine knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Korean texts are cut by Nori in it.
    #[must_use]
    pub const fn has_nori(&self) -> bool {
        self.nori
    }

    /// Of the program that made it.
    #[must_use]
    pub const fn mapping_version(&self) -> u64 {
        self.mapping_version
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn write_alias(&self) -> String {
        format!("{}{WRITE_SUFFIX}", self.name)
    }

    /// Shops in it, all changes included that were written before.
    ///
    /// # Errors
    /// Where the engine does not say.
    pub async fn count(&self) -> Result<u64, EngineError> {
        self.refresh().await?;
        let path = format!("{}/_count?filter_path=count", self.name);
        let query = json!({"query": {"exists": {"field": "shop"}}});
        let count: Count = self.engine.ask(Method::POST, &path, json_body(&query), WRITE_PATIENCE).await?;
        Ok(count.count)
    }

    /// Makes all that was written visible at once.
    ///
    /// # Errors
    /// Where the engine does not.
    pub async fn refresh(&self) -> Result<(), EngineError> {
        let path = format!("{}/_refresh", self.name);
        let _: Value = self.engine.ask(Method::POST, &path, Sent::Nothing, WRITE_PATIENCE).await?;
        Ok(())
    }

    /// How far this index was followed, as [`Index::save_cursor`] was told; `None`: never.
    ///
    /// # Errors
    /// Where the engine does not say.
    pub async fn cursor(&self) -> Result<Option<String>, EngineError> {
        let path = format!("{}/_doc/{CURSOR_ID}", self.name);
        let answer = self.engine.send(Method::GET, &path, Sent::Nothing, WRITE_PATIENCE).await?;
        if answer.status == StatusCode::NOT_FOUND {
            let failure = self.engine.failure(&path, &answer);
            // Without an explanation it is the document that is missing, not the index.
            let is_index = matches!(&failure, EngineError::Missing { .. }) && says_why(&answer.bytes);
            return if is_index { Err(failure) } else { Ok(None) };
        }
        if !answer.status.is_success() {
            return Err(self.engine.failure(&path, &answer));
        }
        let held: Held = self.engine.read(&path, &answer)?;
        Ok(held.source.map(|source| source.cursor))
    }

    /// All changes up to this cursor were written; durable when it returns.
    ///
    /// # Errors
    /// Where the engine does not take it.
    pub async fn save_cursor(&self, cursor: &str) -> Result<(), EngineError> {
        let path = format!("{}/_doc/{CURSOR_ID}?require_alias=true&filter_path=result", self.write_alias());
        let body = json_body(&json!({"cursor": cursor}));
        let _: Value = self.engine.ask(Method::PUT, &path, body, WRITE_PATIENCE).await?;
        Ok(())
    }

    /// Deletes an index that nobody asks.
    ///
    /// # Errors
    /// Where the engine does not.
    pub async fn discard(self) -> Result<(), EngineError> {
        self.engine.delete(&self.name).await
    }
}

impl Indexes {
    /// Puts a new index in the place of the one that is asked, if it holds nearly as many shops, and deletes what is
    /// older than that one.
    ///
    /// # Errors
    /// [`EngineError::TooFew`] where more than `loss_percent_max` of the shops would be lost: nothing was changed.
    pub async fn replace(&self, new: &Index, loss_percent_max: u8) -> Result<(), EngineError> {
        // Counted in any case: it also shows all that was written.
        let found = new.count().await?;
        if let Some(live) = &self.live {
            let before = live.count().await?;
            let lost = before.saturating_sub(found);
            if lost * 100 > before * u64::from(loss_percent_max) {
                let (new, old) = (new.name.clone(), live.name.clone());
                return Err(EngineError::TooFew { new, old, found, before, loss_percent_max });
            }
        }
        self.point_at(new).await?;
        let before = self.others.iter().filter(|index| index.name != new.name);
        let kept = KEPT.saturating_sub(usize::from(self.live.is_some()));
        let old: Vec<&Index> = before.collect();
        for index in &old[..old.len().saturating_sub(kept)] {
            new.engine.delete(&index.name).await?;
        }
        Ok(())
    }

    /// Puts the newest other index of our version that was ever complete back in the place of the one that is asked.
    ///
    /// # Errors
    /// [`EngineError::NothingBefore`] where there is none.
    pub async fn roll_back(&self, engine: &Engine) -> Result<Index, EngineError> {
        for earlier in self.others.iter().rev().filter(|index| index.mapping_version == MAPPING_VERSION) {
            // One that was never filled to the end has no cursor.
            if earlier.cursor().await?.is_some() {
                self.point_at(earlier).await?;
                return Ok(earlier.clone());
            }
        }
        let name = engine.name().to_owned();
        Err(EngineError::NothingBefore { name, version: MAPPING_VERSION })
    }

    /// In one step: whoever asks meets the one or the other.
    async fn point_at(&self, index: &Index) -> Result<(), EngineError> {
        let alias = index.engine.name();
        let mut actions = Vec::new();
        if let Some(live) = &self.live {
            // Refused where somebody else moved the alias meanwhile.
            actions.push(json!({"remove": {"index": live.name, "alias": alias, "must_exist": true}}));
        }
        actions.push(json!({"add": {"index": index.name, "alias": alias}}));
        let body = json_body(&json!({"actions": actions}));
        let _: Value = index.engine.ask(Method::POST, "_aliases", body, WRITE_PATIENCE).await?;
        Ok(())
    }
}

fn json_body(body: &Value) -> Sent {
    Sent::Json(body.to_string().into())
}

fn says_why(answer: &[u8]) -> bool {
    serde_json::from_slice::<Value>(answer).is_ok_and(|answer| answer.get("error").is_some())
}

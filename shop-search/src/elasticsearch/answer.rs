//! An engine's answer -> places, and since and until when they hold (pure). An answer of a part of the shards is none.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;

use super::clock::ZoneClock;
use super::connection::{Engine, Why};
use super::error::EngineError;
use super::keyset::Hit;
use super::question::Zones;
use crate::asked::Asked;
use crate::shop::{NEVER, Second};

/// The members that are asked for, and nothing else.
pub(crate) const FILTER: &str = "responses.status,responses.error.type,responses.error.reason,responses.timed_out,\
    responses._shards.failed,responses.hits.hits.sort,responses.hits.hits.fields,\
    responses.aggregations.*.buckets.key";

/// Of several searches sent as one.
#[derive(Debug, Deserialize)]
pub(crate) struct Answers {
    #[serde(default)]
    responses: Vec<One>,
}

#[derive(Debug, Deserialize)]
struct One {
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    error: Option<Why>,
    #[serde(default)]
    timed_out: bool,
    #[serde(default, rename = "_shards")]
    shards: Shards,
    #[serde(default)]
    hits: Hits,
    #[serde(default)]
    aggregations: HashMap<String, Aggregation>,
}

#[derive(Debug, Default, Deserialize)]
struct Shards {
    #[serde(default)]
    failed: u32,
}

#[derive(Debug, Default, Deserialize)]
struct Hits {
    #[serde(default)]
    hits: Vec<Hit>,
}

#[derive(Debug, Deserialize)]
struct Aggregation {
    #[serde(default)]
    buckets: Vec<Bucket>,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    key: Key,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Key {
    Zone(String),
    Edge { at: i64 },
    Minute { zone: String, minute: u32 },
}

/// What the page search found, in the engine's order, and what the clock search did.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    clock: HashMap<String, Aggregation>,
    edges: HashMap<String, Aggregation>,
}

/// How long an order holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: Second,
    pub(crate) until: Second,
}

impl Answers {
    /// # Errors
    /// Unless every search was answered by all shards in time.
    pub(crate) fn found(self, engine: &Engine, path: &str) -> Result<Found, EngineError> {
        let mut answers = self.responses.into_iter();
        let mut next = || answers.next().map(|one| one.checked(engine, path)).transpose();
        let Some(page) = next()? else {
            return Err(engine.unexpected(path, StatusCode::OK, "an answer without `responses`".to_owned()));
        };
        let clock = next()?.map(|clock| clock.aggregations).unwrap_or_default();
        Ok(Found { hits: page.hits.hits, clock, edges: page.aggregations })
    }
}

impl One {
    fn checked(self, engine: &Engine, path: &str) -> Result<Self, EngineError> {
        if let Some(error) = &self.error {
            let status = StatusCode::from_u16(self.status.unwrap_or(500)).unwrap_or_default();
            return Err(engine.meaning(path, status, error));
        }
        if self.timed_out || self.shards.failed > 0 {
            let reason =
                if self.timed_out { "some shards did not answer in time" } else { "some shards failed" };
            let engine = engine.base().to_owned();
            return Err(EngineError::Busy { engine, status: 200, reason: reason.to_owned() });
        }
        Ok(self)
    }
}

impl Found {
    /// Zones of shops in this list that the question did not know.
    pub(crate) fn unknown_zones<'found>(
        &'found self,
        zones: &'found Zones,
    ) -> impl Iterator<Item = &'found str> {
        let named = self.clock.get("zones").into_iter().flat_map(|zones| &zones.buckets);
        let names = named.filter_map(|bucket| match &bucket.key {
            Key::Zone(name) => Some(name.as_str()),
            _ => None,
        });
        names.filter(|name| !zones.iter().any(|zone| **zone == **name))
    }

    /// Since when the order holds, as far back as a cursor cares, and until when what is shown of it stays.
    pub(crate) fn stretch(&self, asked: &Asked, zones: &Zones) -> Stretch {
        let edge = |name: &str| match self.edges.get(name)?.buckets.first()?.key {
            Key::Edge { at } => Some(Second::try_from(at.max(0)).unwrap_or(NEVER)),
            _ => None,
        };
        let mut stretch = Stretch { from: edge("last").unwrap_or(0), until: edge("next").unwrap_or(NEVER) };
        for (number, zone) in zones.iter().enumerate() {
            let clock = ZoneClock::of(zone, asked.now);
            if let Some(minute) = self.minute(&format!("next{number}"), zone) {
                stretch.until = stretch.until.min(clock.when_shows(minute));
            }
            if let Some(minute) = self.minute(&format!("last{number}"), zone) {
                stretch.from = stretch.from.max(clock.when_showed(minute));
            }
        }
        stretch
    }

    /// `None`: the next one is of another zone, so that no shop of this one ever changes.
    fn minute(&self, name: &str, of: &Arc<str>) -> Option<u32> {
        match &self.clock.get(name)?.buckets.first()?.key {
            Key::Minute { zone, minute } if **zone == **of => Some(*minute),
            _ => None,
        }
    }
}

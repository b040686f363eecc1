//! How an engine stands, seen with a query server's rights: for people who look after one. Nothing is changed.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::connection::{Engine, Sent};
use super::error::EngineError;
use super::mapping::MAPPING_VERSION;

/// What an engine of ours was at least.
const ELASTICSEARCH_MAJOR_MIN: u32 = 9;
const OPENSEARCH_MAJOR_MIN: u32 = 3;

/// An engine that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// `OpenSearch 3.8.0`; `None`: it does not tell everybody.
    pub software: Option<String>,
    /// Behind the alias.
    pub index: String,
    /// Found in it.
    pub shops: u64,
    /// Korean texts are cut by Nori in it.
    pub has_nori: bool,
}

#[derive(Default, Deserialize)]
struct Root {
    #[serde(default)]
    version: Option<Release>,
}

#[derive(Deserialize)]
struct Release {
    number: String,
    #[serde(default)]
    distribution: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

impl Release {
    fn software(&self) -> (&'static str, u32) {
        match self.distribution.as_deref() {
            Some("opensearch") => ("OpenSearch", OPENSEARCH_MAJOR_MIN),
            _ => ("Elasticsearch", ELASTICSEARCH_MAJOR_MIN),
        }
    }

    fn is_old(&self) -> bool {
        let major = self.number.split('.').next().and_then(|major| major.parse::<u32>().ok());
        major.is_some_and(|major| major < self.software().1)
    }
}

impl Engine {
    /// Asks for its version, the index behind the alias, and how many shops all of its shards hold.
    ///
    /// # Errors
    /// What keeps a query server from its lists.
    pub async fn look(&self, patience: Duration) -> Result<Look, EngineError> {
        let release = self.release(patience).await?;
        if let Some(old) = release.as_ref().filter(|release| release.is_old()) {
            let (name, expected) = old.software();
            let (engine, found) = (self.base().to_owned(), format!("{name} {}", old.number));
            return Err(EngineError::Old { engine, found, expected });
        }
        let (index, mark) = self.live_mark(patience).await?;
        if mark.mapping_version != MAPPING_VERSION {
            let found = mark.mapping_version;
            return Err(EngineError::Version { index, found, expected: MAPPING_VERSION });
        }
        let path = format!(
            "{}/_search?size=0&track_total_hits=true&allow_partial_search_results=false&filter_path=hits.total",
            self.name()
        );
        let query = json!({"query": {"exists": {"field": "shop"}}});
        let counted: Counted =
            self.ask(Method::POST, &path, Sent::Json(query.to_string().into()), patience).await?;
        let software = release.map(|release| format!("{} {}", release.software().0, release.number));
        Ok(Look { software, index, shops: counted.hits.total.value, has_nori: mark.nori })
    }

    /// Not everybody may ask for it, and nothing depends on it being told.
    async fn release(&self, patience: Duration) -> Result<Option<Release>, EngineError> {
        let answer = self.send(
            Method::GET,
            "?filter_path=version.number,version.distribution",
            Sent::Nothing,
            patience,
        );
        let answer = answer.await?;
        let root: Option<Root> =
            answer.status.is_success().then(|| serde_json::from_slice(&answer.bytes).ok()).flatten();
        Ok(root.and_then(|root| root.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_older_than_those_that_are_tested_are_known_by_their_major_version() {
        for (number, distribution, is_old) in [
            ("9.0.0", None, false),
            ("10.1.2", None, false),
            ("8.19.21", None, true),
            ("7.10.2", Some("opensearch"), false),
            ("3.8.0", Some("opensearch"), false),
            ("2.19.1", Some("opensearch"), true),
            ("nightly", None, false),
        ] {
            let distribution = distribution.map(str::to_owned);
            let release = Release { number: number.to_owned(), distribution };
            assert_eq!(release.is_old(), is_old, "{number}");
        }
    }
}

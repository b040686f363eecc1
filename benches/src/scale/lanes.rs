//! Query servers on one store, each configured for one question about growth.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use reqwest::Client;
use serde::Serialize;

use crate::compare::contestants::{self, Asked};
use crate::compare::place::Place;
use crate::compare::sampled::Page;
use crate::compare::shops::QueryServer;
use crate::compare::start::Start;
use crate::cpu::{self, Memory, Spent};
use crate::scale::Listed;
use crate::tools::Tools;
use crate::{median, popularity, wrk};

/// Requests before the order begins anew.
const ORDER_REQUESTS: usize = 16_384;
/// Of the order; any other would do.
const SEED: u64 = 0x5170_f207;
/// Of all list parts, what a bounded near cache may hold.
const BOUNDED_SHARE: u64 = 10;

/// What is asked of a query server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// As it comes.
    Unchanged,
    /// Every page made anew of resident cards.
    Composed,
    /// Every page made anew, with room for a tenth of all cards.
    ComposedBounded,
    /// As [`Self::Composed`], on one core.
    ComposedOnOneCore,
}

impl Way {
    /// In the order of the table.
    pub const ALL: [Self; 4] =
        [Self::Unchanged, Self::Composed, Self::ComposedBounded, Self::ComposedOnOneCore];

    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unchanged => "list, unchanged",
            Self::Composed => "list, composed",
            Self::ComposedBounded => "list, composed, a tenth of the cards resident",
            Self::ComposedOnOneCore => "list, composed, on one core",
        }
    }

    fn configuration(self, start: &Start) -> String {
        let none_kept = "pages_bytes_max = 0\n";
        match self {
            Self::Unchanged => String::new(),
            Self::Composed => none_kept.to_owned(),
            Self::ComposedBounded => {
                let bytes = start.list_part_bytes / BOUNDED_SHARE;
                format!("{none_kept}cards_bytes_max = {bytes}\ndetails_bytes_max = 0\n")
            }
            Self::ComposedOnOneCore => format!("{none_kept}worker_threads = 1\n"),
        }
    }
}

/// What one turn showed.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Of the query server per list.
    pub cpu_micros: f64,
    /// Lists.
    pub per_second: f64,
    /// So long it took.
    pub seconds: f64,
}

/// One query server and what was seen of it.
#[derive(Debug)]
pub struct Lane {
    way: Way,
    server: QueryServer,
    script: PathBuf,
    micros: Vec<f64>,
    per_second: Vec<f64>,
}

impl Lane {
    /// Starts it, and lets it see every page once.
    ///
    /// # Errors
    /// When it does not come up or does not answer.
    pub async fn start(
        place: &Place,
        store: &Path,
        client: &Client,
        way: Way,
        pages: &[Page],
        start: &Start,
    ) -> anyhow::Result<Self> {
        let name = format!("scale-{}-{way:?}", start.shops);
        let mut server = QueryServer::start(place, store, &name, &way.configuration(start))?;
        server.until_ready(client).await?;
        if way == Way::ComposedOnOneCore {
            cpu::keep_on_core(&server.child.process_ids(), 0)?;
        }
        for page in pages {
            let answer = client.get(format!("{}{}", server.url(), page.path)).send().await?;
            answer.error_for_status()?.bytes().await?;
        }
        let requests: Vec<String> =
            pages.iter().map(|page| contestants::request(&page.path, Asked::Plainly, None)).collect();
        let curve = popularity::curve()?;
        let weights = curve.get(..requests.len()).context("more pages than the curve has ranks")?;
        let script = place.run.join(format!("{name}.lua"));
        wrk::write_script(&script, &requests, &popularity::order(weights, ORDER_REQUESTS, SEED)?)?;
        Ok(Self { way, server, script, micros: Vec::new(), per_second: Vec::new() })
    }

    /// As many lists as it gives within this time.
    ///
    /// # Errors
    /// When it answers anything else.
    pub async fn turn(&mut self, tools: &Tools, seconds: u64) -> anyhow::Result<()> {
        let seen = self.turn_seen(tools, seconds).await?;
        self.micros.push(seen.cpu_micros);
        self.per_second.push(seen.per_second);
        Ok(())
    }

    /// The same, told instead of noted.
    ///
    /// # Errors
    /// As of [`Self::turn`].
    pub async fn turn_seen(&self, tools: &Tools, seconds: u64) -> anyhow::Result<Turn> {
        let process_ids = self.server.child.process_ids();
        let (before, began) = (Spent::by(&process_ids)?, Instant::now());
        let seen = wrk::run(tools, &self.script, self.server.public, seconds).await?;
        let (spent, took) = (Spent::by(&process_ids)?.since(&before), began.elapsed());
        ensure!(seen.requests > 0 && seen.errors == 0, "{}: {seen:?}", self.way.title());
        #[allow(clippy::cast_precision_loss)]
        let requests = seen.requests as f64;
        Ok(Turn {
            cpu_micros: spent.as_secs_f64() * 1e6 / requests,
            per_second: requests / took.as_secs_f64(),
            seconds: took.as_secs_f64(),
        })
    }

    /// What was seen; stops it.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub fn finished(self) -> anyhow::Result<Listed> {
        Ok(Listed {
            way: self.way,
            cpu_micros: median(&self.micros),
            per_second: median(&self.per_second),
            anonymous_bytes: Memory::of(&self.server.child.process_ids())?.anonymous_bytes,
            cpu_micros_of_each_round: self.micros,
        })
    }
}

//! The connection is lost over which Redis tells a query server that something was saved, while gets go on: how long until
//! the next change is visible, against the same with the connection in place.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use reqwest::Client;
use serde::Serialize;

use super::meter::{self, Waits};
use super::relay::{Loss, Relay};
use super::road;
use super::saves::Filled;
use super::stores::{Kind, Servers, Store};
use crate::compare::place::Place;
use crate::freshness::seen;

/// Enough for a list, and soon saved.
const SHOPS: u64 = 200;
/// Until it listens again.
const LISTENS_AGAIN_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Staleness {
    /// What became of the connection just before the save.
    pub what: &'static str,
    /// From the acknowledgement of the save to the card.
    pub waits: Waits,
    /// From the loss until it was listened again.
    pub listens_again: Option<Waits>,
}

const LOSSES: [(Loss, &str); 3] = [
    (Loss::Not, "in place"),
    (Loss::Reset, "reset, both ends are told"),
    (Loss::Silent, "silent, nobody is told"),
];

/// All of them in turns, so many times each.
///
/// # Errors
/// When something does not come up, or a change is never seen.
pub async fn measured(
    place: &Place,
    servers: &Servers,
    client: &Client,
    cuts: u64,
) -> anyhow::Result<Vec<Staleness>> {
    let store = Store::new(Kind::Redis, servers, place, "stale")?;
    let relay = Relay::before(store.server()?).await?;
    let mut filled = Filled::empty(store.clone()).await?;
    filled.grow(SHOPS).await?;
    filled.complete().await?;
    let query_server =
        road::query_server(place, &store.reached_at(relay.address), "backends-stale", client).await?;
    until_it_listens(&relay).await?;
    let mut trials = Vec::new();
    for (loss, what) in LOSSES {
        trials.push((loss, what, Histogram::new(3)?, Histogram::new(3)?));
    }
    for counter in 0..cuts {
        for (place, (loss, _, waits, again)) in (0_u64..).zip(&mut trials) {
            let number = 1 + (counter * LOSSES.len() as u64 + place) % SHOPS;
            // Not always at the same moment of the reader's own second.
            tokio::time::sleep(Duration::from_millis(counter * 37 % 1_000)).await;
            let lost = Instant::now();
            if *loss != Loss::Not {
                relay.lose_listening(*loss);
            }
            let saved = filled.save_shop(number, 2 + counter).await?;
            let url = format!("{}/v1/shops?ids={number}", query_server.url());
            let name = format!("kitchen of {number}, {}", 2 + counter);
            let is_there = |page: &serde_json::Value| {
                page["shops"][0]["name"].as_str().is_some_and(|shown| shown.ends_with(&name))
            };
            let shown = seen(client, &url, is_there).await?;
            meter::note(waits, shown.saturating_duration_since(saved))?;
            until_it_listens(&relay).await?;
            if *loss != Loss::Not {
                meter::note(again, lost.elapsed())?;
            }
        }
    }
    drop(query_server);
    store.remove().await?;
    let told = |(loss, what, waits, again): (Loss, &'static str, Histogram<u64>, Histogram<u64>)| Staleness {
        what,
        waits: Waits::of(&waits),
        listens_again: (loss != Loss::Not).then(|| Waits::of(&again)),
    };
    Ok(trials.into_iter().map(told).collect())
}

/// Every connection that is listened over stands again.
async fn until_it_listens(relay: &Relay) -> anyhow::Result<()> {
    let look = async {
        while relay.listening() == 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(LISTENS_AGAIN_MAX, look).await.context("the query server does not listen again")?;
    ensure!(relay.listening() == 1, "{} connections are listened over", relay.listening());
    Ok(())
}

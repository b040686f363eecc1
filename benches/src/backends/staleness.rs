//! The connection is lost over which Redis tells a query server that something was saved, while gets go on: how long until
//! the next change is visible, against the same with the connection in place.

use std::time::{Duration, Instant};

use anyhow::ensure;
use hdrhistogram::Histogram;
use reqwest::Client;
use serde::Serialize;

use super::meter::{self, Waits};
use super::relay::{Loss, Relay};
use super::road;
use super::saves::Filled;
use super::stores::{Kind, Servers, Store};
use crate::compare::place::Place;
use crate::compare::shops::QueryServer;
use crate::freshness::seen;

/// Enough for a list, and soon saved.
const SHOPS: u64 = 200;
/// Within this it should listen again: it says goodbye, pauses and connects, a second at most each. One that does not is
/// noted, and another one started.
const LISTENS_AGAIN_MAX: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Staleness {
    /// What became of the connection just before the save.
    pub what: &'static str,
    /// From the acknowledgement of the save to the card.
    pub waits: Waits,
    /// From the loss until it was listened again, of those that did.
    pub listens_again: Option<Waits>,
    /// Query servers that did not listen again within [`Staleness::again_max_s`].
    pub never_again: u64,
    /// Seconds.
    pub again_max_s: u64,
}

const LOSSES: [(Loss, &str); 3] = [
    (Loss::Not, "in place"),
    (Loss::Reset, "reset, both ends are told"),
    (Loss::Silent, "silent, nobody is told"),
];

/// Of one kind of loss.
struct Trials {
    loss: Loss,
    what: &'static str,
    waits: Histogram<u64>,
    again: Histogram<u64>,
    never_again: u64,
}

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
    let mut all = Vec::new();
    for (loss, what) in LOSSES {
        all.push(Trials { loss, what, waits: Histogram::new(3)?, again: Histogram::new(3)?, never_again: 0 });
    }
    let (address, mut listening) = (store.reached_at(relay.address), None);
    for counter in 2..2 + cuts {
        for trials in &mut all {
            let server = match listening.take() {
                Some(server) => server,
                None => listening_one(place, &address, client, &relay).await?,
            };
            // Not always at the same moment of the reader's own second.
            tokio::time::sleep(Duration::from_millis(counter * 137 % 1_000)).await;
            if trials.turn(&relay, &filled, client, &server.url(), counter).await? {
                listening = Some(server);
            }
        }
    }
    drop((listening, filled));
    store.remove().await?;
    Ok(all.iter().map(Trials::told).collect())
}

/// Ready, and told of saves by the server.
async fn listening_one(
    place: &Place,
    address: &str,
    client: &Client,
    relay: &Relay,
) -> anyhow::Result<QueryServer> {
    let server = road::query_server(place, address, "backends-stale", client).await?;
    ensure!(listens(relay).await, "a query server that just started is not told of saves");
    Ok(server)
}

/// Whether it is listened (again) in time.
async fn listens(relay: &Relay) -> bool {
    let began = Instant::now();
    while relay.listening() == 0 {
        if began.elapsed() > LISTENS_AGAIN_MAX {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    true
}

impl Trials {
    /// A loss, a save, and how long it takes to be seen; whether the query server listens again.
    async fn turn(
        &mut self,
        relay: &Relay,
        filled: &Filled,
        client: &Client,
        public: &str,
        counter: u64,
    ) -> anyhow::Result<bool> {
        let number = 1 + counter % SHOPS;
        // Each kind of loss has counters of its own, so that no save looks like an earlier one.
        let counter = counter * LOSSES.len() as u64 + self.loss as u64;
        let lost = Instant::now();
        if self.loss != Loss::Not {
            relay.lose_listening(self.loss);
        }
        let saved = filled.save_shop(number, counter).await?;
        let name = format!("kitchen of {number}, {counter}");
        let is_there = |page: &serde_json::Value| {
            page["shops"][0]["name"].as_str().is_some_and(|shown| shown.ends_with(&name))
        };
        let shown = seen(client, &format!("{public}/v1/shops?ids={number}"), is_there).await?;
        meter::note(&mut self.waits, shown.saturating_duration_since(saved))?;
        let again = listens(relay).await;
        if again && self.loss != Loss::Not {
            meter::note(&mut self.again, lost.elapsed())?;
        }
        self.never_again += u64::from(!again);
        Ok(again)
    }

    fn told(&self) -> Staleness {
        Staleness {
            what: self.what,
            waits: Waits::of(&self.waits),
            listens_again: (!self.again.is_empty()).then(|| Waits::of(&self.again)),
            never_again: self.never_again,
            again_max_s: LISTENS_AGAIN_MAX.as_secs(),
        }
    }
}

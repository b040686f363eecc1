//! From a writer's commit to the list card and the detail, over SNS, SQS and Redis, and over files and Redis.

use std::time::Duration;

use reqwest::Client;
use serde::Serialize;

use super::meter::Waits;
use super::road::{self, Writers};
use super::stores::{Kind, SNS_SQS, Servers, Store};
use super::transport::{self, Carried, Publishing};
use crate::compare::place::Place;
use crate::freshness::{self, FreshnessOptions};
use crate::say;

/// What was queued by an earlier rate is gone by then.
const CALM: Duration = Duration::from_secs(3);
/// For people.
const STAND_IN: &str = "SNS and SQS (LocalStack)";
const FILES: &str = "files";

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Freshness {
    /// Each transport by itself.
    pub transports: Vec<Carried>,
    /// Each rate over each transport.
    pub lags: Vec<Lag>,
}

/// At one rate.
#[derive(Clone, Debug, Serialize)]
pub struct Lag {
    /// What carried the events.
    pub transport: &'static str,
    /// Changes a second at the shop writer.
    pub rate: u64,
    /// From sending a change to the writer's answer.
    pub commit: Waits,
    /// From that answer to the list card.
    pub card: Waits,
    /// From that answer to the detail.
    pub detail: Waits,
    /// Changes that were refused, or not seen within 20 s.
    pub failed: u64,
}

/// How much is changed.
#[derive(Clone, Debug)]
pub struct Changing {
    /// Shops at the writers.
    pub shops: u64,
    /// Changes a second, one rate after another.
    pub rates: Vec<u64>,
    /// For so long, each.
    pub seconds: u64,
    /// Of the transports by themselves.
    pub publishing: Publishing,
}

/// Both transports, one after the other.
///
/// # Errors
/// When something does not come up.
pub async fn measured(
    place: &Place,
    servers: &Servers,
    client: &Client,
    changing: &Changing,
) -> anyhow::Result<Freshness> {
    let process = std::process::id();
    let stand_in = |what: &str| -> anyhow::Result<String> {
        let endpoint = servers.get(SNS_SQS)?;
        let prefix = format!("backends-{what}-{process}");
        Ok(format!("sns-sqs://us-east-1/000000000000/{prefix}?endpoint={endpoint}&create=true"))
    };
    let files = place.emptied("backends-transport")?.to_string_lossy().into_owned();
    let mut transports = Vec::new();
    for (name, address) in [(STAND_IN, stand_in("limit")?), (FILES, files)] {
        transports.push(transport::measured(name, &address, changing.publishing).await?);
        say(&format!("freshness: {name} by itself"));
    }
    let mut lags = Vec::new();
    for (name, events) in [(STAND_IN, stand_in("fresh")?), (FILES, Writers::embedded_events(place)?)] {
        lags.extend(over(place, servers, client, changing, (name, &events)).await?);
    }
    Ok(Freshness { transports, lags })
}

async fn over(
    place: &Place,
    servers: &Servers,
    client: &Client,
    changing: &Changing,
    (transport, events): (&'static str, &str),
) -> anyhow::Result<Vec<Lag>> {
    let store = Store::new(Kind::Redis, servers, place, "fresh")?;
    let writers = Writers::start(place, changing.shops, events, client).await?;
    let mut invalidator = road::invalidator(place, &writers, &store.address)?;
    road::until_complete(&mut invalidator, &store.address).await?;
    let query_server = road::query_server(place, &store.address, "backends-fresh", client).await?;
    let mut lags = Vec::new();
    for rate in &changing.rates {
        let options = FreshnessOptions {
            public: query_server.url(),
            shop_writer: writers.shop_url.clone(),
            rate: *rate,
            seconds: changing.seconds,
            shops: changing.shops,
            watched_per_second: 25,
        };
        tokio::time::sleep(CALM).await;
        let seen = freshness::measured(&options).await?;
        say(&format!("freshness over {transport}, {rate} changes a second:\n{}", seen.lines().trim_end()));
        lags.push(Lag {
            transport,
            rate: *rate,
            commit: Waits::of_micros(&seen.commit),
            card: Waits::of_micros(&seen.card),
            detail: Waits::of_micros(&seen.detail),
            failed: seen.failed,
        });
    }
    drop((query_server, invalidator, writers));
    store.remove().await?;
    Ok(lags)
}

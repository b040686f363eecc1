//! Milliseconds from a change at the shop writer to its being readable in the list card and in the detail.
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use hdrhistogram::Histogram;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};

#[derive(Debug, Parser)]
struct Arguments {
    /// The query server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    public: String,
    /// The shop writer.
    #[arg(long)]
    shop_writer: String,
    /// Changes per second.
    #[arg(long, default_value_t = 100)]
    rate: u64,
    /// For how long.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Shops with the IDs 1 to this are changed in turn.
    #[arg(long, default_value_t = 10_000)]
    shops: u64,
    /// Of how many changes in a second the arrival is watched.
    #[arg(long, default_value_t = 25)]
    watched_per_second: u64,
}

#[derive(Debug)]
struct Lags {
    commit: Histogram<u64>,
    card: Histogram<u64>,
    detail: Histogram<u64>,
    failed: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arc::new(Arguments::parse());
    let lags = Arc::new(Mutex::new(Lags {
        commit: Histogram::new(3)?,
        card: Histogram::new(3)?,
        detail: Histogram::new(3)?,
        failed: 0,
    }));
    let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
    // An open model: the rate does not wait for answers. This bound only keeps a dead writer from piling up tasks.
    let room = Arc::new(Semaphore::new(4_096));
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / arguments.rate.max(1)));
    let total = arguments.rate * arguments.seconds;
    let watched_each = (arguments.rate / arguments.watched_per_second.max(1)).max(1);
    for number in 0..total {
        tick.tick().await;
        let permit = Arc::clone(&room).acquire_owned().await?;
        let (arguments, client, lags) = (Arc::clone(&arguments), client.clone(), Arc::clone(&lags));
        tokio::spawn(async move {
            let watched = number % watched_each == 0;
            if change(&arguments, &client, &lags, number, watched).await.is_err() {
                lags.lock().await.failed += 1;
            }
            drop(permit);
        });
    }
    let _all = room.acquire_many(4_096).await?;
    let lags = lags.lock().await;
    println!("{} changes/s for {} s, {} failed", arguments.rate, arguments.seconds, lags.failed);
    for (what, lag) in [
        ("writer's answer (commit, fsync)", &lags.commit),
        ("commit answered -> list card", &lags.card),
        ("commit answered -> detail", &lags.detail),
    ] {
        println!(
            "{what:<34} p50 {:>7.2} ms   p99 {:>7.2} ms   most {:>7.2} ms   ({} watched)",
            milliseconds(lag.value_at_quantile(0.5)),
            milliseconds(lag.value_at_quantile(0.99)),
            milliseconds(lag.max()),
            lag.len()
        );
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

async fn change(
    arguments: &Arguments,
    client: &Client,
    lags: &Mutex<Lags>,
    number: u64,
    watched: bool,
) -> anyhow::Result<()> {
    let shop_id = number * 7_919 % arguments.shops + 1;
    let name = format!("Fresh {number}");
    let sent = Instant::now();
    let answer = client
        .patch(format!("{}/v1/shops/{shop_id}", arguments.shop_writer))
        .json(&json!({"name": name}))
        .send()
        .await?
        .error_for_status()?;
    answer.bytes().await?;
    let committed = Instant::now();
    if !watched {
        return Ok(());
    }
    let card = format!("{}/v1/shops?ids={shop_id}", arguments.public);
    let detail = format!("{}/v1/shops/{shop_id}", arguments.public);
    let (card, detail) = tokio::try_join!(
        seen(client, &card, |page| page["shops"][0]["name"] == name.as_str()),
        seen(client, &detail, |page| page["name"] == name.as_str()),
    )?;
    let mut lags = lags.lock().await;
    lags.commit.record(micros(committed - sent))?;
    lags.card.record(micros(card - committed))?;
    lags.detail.record(micros(detail - committed))?;
    Ok(())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Asks again and again until the change is there.
async fn seen(client: &Client, url: &str, is_there: impl Fn(&Value) -> bool) -> anyhow::Result<Instant> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        let page: Value = client.get(url).send().await?.json().await?;
        if is_there(&page) {
            return Ok(Instant::now());
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Err(anyhow::anyhow!("never seen")).with_context(|| url.to_owned())
}

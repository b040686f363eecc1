//! Milliseconds from a change at the shop writer to its being readable in the list card and in the detail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use hdrhistogram::Histogram;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};

/// An open model: the rate does not wait for answers. This bound only keeps a dead writer from piling up tasks.
const UNDER_WAY_MAX: u32 = 4_096;
/// What is not seen within this failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at a page.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// Shops take turns in a scattered order.
const STRIDE: u64 = 7_919;

/// Whose changes, how many, where they are looked for.
#[derive(Clone, Debug, Args)]
pub struct FreshnessOptions {
    /// The query server
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub public: String,
    /// The shop writer
    #[arg(long)]
    pub shop_writer: String,
    /// Changes per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub rate: u64,
    /// For how long
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Shops with the IDs 1 to this are changed in turn
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub shops: u64,
    /// Of how many changes in a second the arrival is watched
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..))]
    pub watched_per_second: u64,
}

/// Microseconds.
#[derive(Clone, Debug)]
pub struct Lags {
    /// From sending a change to the writer's answer: commit and fsync.
    pub commit: Histogram<u64>,
    /// From that answer to the list card.
    pub card: Histogram<u64>,
    /// From that answer to the detail.
    pub detail: Histogram<u64>,
    /// Changes that were refused or never seen.
    pub failed: u64,
}

/// Changes shops and watches them arrive.
///
/// # Errors
/// When nothing can be asked at all.
pub async fn measured(options: &FreshnessOptions) -> anyhow::Result<Lags> {
    let lags = Arc::new(Mutex::new(Lags {
        commit: Histogram::new(3)?,
        card: Histogram::new(3)?,
        detail: Histogram::new(3)?,
        failed: 0,
    }));
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let options = Arc::new(options.clone());
    let room = Arc::new(Semaphore::new(UNDER_WAY_MAX as usize));
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / options.rate.max(1)));
    let watched_each = (options.rate / options.watched_per_second.max(1)).max(1);
    // Names of an earlier run must not be taken for this one's.
    let run = jiff::Timestamp::now().as_millisecond();
    for number in 0..options.rate * options.seconds {
        tick.tick().await;
        let permit = Arc::clone(&room).acquire_owned().await?;
        let (options, client, lags) = (Arc::clone(&options), client.clone(), Arc::clone(&lags));
        tokio::spawn(async move {
            let shop_id = number * STRIDE % options.shops + 1;
            let name = format!("Fresh {run}-{number}");
            let seen = change(&options, &client, shop_id, &name, number % watched_each == 0).await;
            let mut lags = lags.lock().await;
            let noted = seen.and_then(|seen| seen.map_or(Ok(()), |seen| lags.note(&seen)));
            lags.failed += u64::from(noted.is_err());
            drop(permit);
        });
    }
    let _all = room.acquire_many(UNDER_WAY_MAX).await?;
    let lags = lags.lock().await.clone();
    Ok(lags)
}

/// When a change was sent, committed, on the card, on the detail page.
struct Seen {
    sent: Instant,
    committed: Instant,
    card: Instant,
    detail: Instant,
}

impl Lags {
    fn note(&mut self, seen: &Seen) -> anyhow::Result<()> {
        self.commit.record(micros(seen.committed - seen.sent))?;
        self.card.record(micros(seen.card - seen.committed))?;
        self.detail.record(micros(seen.detail - seen.committed))?;
        Ok(())
    }

    /// A line for each.
    #[must_use]
    pub fn lines(&self) -> String {
        let lags = [
            ("writer's answer (commit, fsync)", &self.commit),
            ("commit answered -> list card", &self.card),
            ("commit answered -> detail", &self.detail),
        ];
        let line = |(what, lag): (&str, &Histogram<u64>)| {
            format!(
                "{what:<34} p50 {:>7.2} ms   p99 {:>7.2} ms   most {:>7.2} ms   ({} watched)\n",
                millis(lag.value_at_quantile(0.5)),
                millis(lag.value_at_quantile(0.99)),
                millis(lag.max()),
                lag.len()
            )
        };
        lags.map(line).concat()
    }
}

/// Of microseconds.
#[allow(clippy::cast_precision_loss)]
#[must_use]
pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Renames a shop; returns once the writer has committed it.
///
/// # Errors
/// When the writer is away or refuses.
pub async fn rename(client: &Client, shop_writer: &str, shop_id: u64, name: &str) -> anyhow::Result<()> {
    let request = client.patch(format!("{shop_writer}/v1/shops/{shop_id}")).json(&json!({"name": name}));
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(())
}

async fn change(
    options: &FreshnessOptions,
    client: &Client,
    shop_id: u64,
    name: &str,
    watched: bool,
) -> anyhow::Result<Option<Seen>> {
    let sent = Instant::now();
    rename(client, &options.shop_writer, shop_id, name).await?;
    let committed = Instant::now();
    if !watched {
        return Ok(None);
    }
    let card = format!("{}/v1/shops?ids={shop_id}", options.public);
    let detail = format!("{}/v1/shops/{shop_id}", options.public);
    let (card, detail) = tokio::try_join!(
        seen(client, &card, |page| page["shops"][0]["name"] == name),
        seen(client, &detail, |page| page["name"] == name),
    )?;
    Ok(Some(Seen { sent, committed, card, detail }))
}

/// Asks again and again until a page shows it; when it did.
///
/// # Errors
/// When it never does.
pub async fn seen(client: &Client, url: &str, is_there: impl Fn(&Value) -> bool) -> anyhow::Result<Instant> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let page: Value = client.get(url).send().await?.json().await?;
        if is_there(&page) {
            return Ok(Instant::now());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(anyhow::anyhow!("not seen within {} s", PATIENCE.as_secs())).with_context(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_count_from_the_commit_and_stand_in_milliseconds() {
        let none = || Histogram::new(3).unwrap();
        let mut lags = Lags { commit: none(), card: none(), detail: none(), failed: 0 };
        let sent = Instant::now();
        let after = |millis| sent + Duration::from_millis(millis);
        lags.note(&Seen { sent, committed: after(3), card: after(10), detail: after(11) }).unwrap();
        assert_eq!((lags.commit.max(), lags.card.max() / 10, lags.detail.max() / 10), (3_001, 700, 800));
        assert!(
            lags.lines().contains("commit answered -> list card       p50    7.00 ms"),
            "{}",
            lags.lines()
        );
    }
}

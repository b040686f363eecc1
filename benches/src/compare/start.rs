//! How soon a query server answers after its start, and what it then holds in memory beside the cards themselves.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use document_store::ChangeLog as _;
use document_store::lmdb::LmdbReader;
use reqwest::Client;
use serde::Serialize;

use crate::compare::place::Place;
use crate::compare::shops::QueryServer;
use crate::cpu::Memory;
use crate::median;

/// Starts, of which the middle one counts.
const STARTS: usize = 5;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);
/// Memory that has not grown for so many looks of a tenth of a second has been filled.
const QUIET_LOOKS: usize = 10;
const LIST_PARTS_AT_ONCE: usize = 1_000;

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// Shops in the store.
    pub shops: u64,
    /// From the start of the process to a full list, the middle one, files being in the page cache.
    pub first_list_ms: f64,
    /// Each of them.
    pub first_list_ms_of_each: Vec<f64>,
    /// From the start of Redis with the same shops to its first document.
    pub redis_first_document_ms: Option<f64>,
    /// Anonymous memory with all cards resident, before further requests.
    pub anonymous_bytes: u64,
    /// All stored list parts: what has to be resident.
    pub list_part_bytes: u64,
    /// The rest of memory, program included, by shop.
    pub bytes_beside_the_card_by_shop: f64,
}

/// Starts query servers on the store, one after another, and asks each for a list.
///
/// # Errors
/// When one does not come up.
pub async fn start(
    place: &Place,
    client: &Client,
    store: &Path,
    list_path: &str,
    redis_loaded_after: Option<Duration>,
) -> anyhow::Result<Start> {
    let mut first_list_ms_of_each = Vec::new();
    let mut anonymous_bytes = 0;
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut server = QueryServer::start(place, store, "shopfront-start", "")?;
        let url = format!("{}{list_path}", server.url());
        server
            .child
            .until(Duration::from_secs(60), PAUSE, async || {
                let answer = client.get(&url).send().await.ok()?;
                answer.status().is_success().then_some(())
            })
            .await?;
        first_list_ms_of_each.push(began.elapsed().as_secs_f64() * 1e3);
        if first_list_ms_of_each.len() == STARTS {
            server.until_ready(client).await?;
            anonymous_bytes = filled(&server).await?;
        }
    }
    let (shops, list_part_bytes) = list_parts(store).await?;
    #[allow(clippy::cast_precision_loss)]
    let beside = anonymous_bytes.saturating_sub(list_part_bytes) as f64 / shops.max(1) as f64;
    Ok(Start {
        shops,
        first_list_ms: median(&first_list_ms_of_each),
        first_list_ms_of_each,
        redis_first_document_ms: redis_loaded_after.map(|after| after.as_secs_f64() * 1e3),
        anonymous_bytes,
        list_part_bytes,
        bytes_beside_the_card_by_shop: beside,
    })
}

/// Waits until memory grows no more; how much it is.
async fn filled(server: &QueryServer) -> anyhow::Result<u64> {
    let (mut most, mut quiet) = (0, 0);
    while quiet < QUIET_LOOKS {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = Memory::of(&server.child.process_ids())?.anonymous_bytes;
        quiet = if now > most { 0 } else { quiet + 1 };
        most = most.max(now);
    }
    Ok(most)
}

/// How many there are, and their bytes.
async fn list_parts(store: &Path) -> anyhow::Result<(u64, u64)> {
    let store = LmdbReader::open(store).context("reading the store")?;
    let (mut after, mut shops, mut bytes) = (None, 0, 0);
    loop {
        let scan = store.scan(after, LIST_PARTS_AT_ONCE).await?;
        for (_, stored) in &scan.shops {
            shops += 1;
            bytes += stored.part.bytes().len() as u64;
        }
        after = scan.next;
        if after.is_none() {
            break;
        }
    }
    ensure!(shops > 0, "the store is empty");
    Ok((shops, bytes))
}

//! Redis holding the card and the detail of every shop as JSON, under `shop:7` and `detail:7`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use redis::aio::MultiplexedConnection;
use reqwest::Client;

use crate::children::{self, Child};
use crate::compare::place::Place;
use crate::compare::sampled::{Kind, Sampled};
use crate::page;
use crate::say;
use crate::tools::Tools;

/// Shops of one batch question to the query server.
const BATCH_SHOPS: u64 = 50;
/// Batches on their way at the same time while Redis is being filled.
const IN_FLIGHT: usize = 8;
/// Saving or loading a gigabyte may take so long on a slow disk.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running Redis.
#[derive(Debug)]
pub struct Redis {
    /// The process.
    pub child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start until it gave the first document.
    pub loaded_after: Duration,
}

/// Redis' own file of all shops.
const FILE: &str = "shops.rdb";

/// Starts it with all shops from its file.
///
/// # Errors
/// When it is not there, or does not load the shops.
pub async fn start(tools: &Tools, place: &Place, sampled: &Sampled) -> anyhow::Result<Redis> {
    let began = Instant::now();
    let (mut child, address) = spawn(tools, place, FILE)?;
    let mut connection = connected(&mut child, address).await?;
    let loaded_after = began.elapsed();
    overwrite(&mut connection, sampled).await?;
    Ok(Redis { child, address, loaded_after })
}

fn spawn(tools: &Tools, place: &Place, file: &str) -> anyhow::Result<(Child, SocketAddr)> {
    let address = children::free_address()?;
    let mut command = tools.command("redis-server")?;
    command
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no", "--dbfilename", file])
        .arg("--dir")
        .arg(&place.data);
    Ok((Child::start("redis-server", &mut command, &place.log("redis"))?, address))
}

/// Asks until a document comes, or the answer that there is none: while it loads, it answers that it loads.
async fn connected(child: &mut Child, address: SocketAddr) -> anyhow::Result<MultiplexedConnection> {
    let redis = redis::Client::open(format!("redis://{address}/"))?;
    child
        .until(PATIENCE, Duration::from_millis(2), async || {
            let mut connection = redis.get_multiplexed_async_connection().await.ok()?;
            redis::cmd("GET").arg("shop:1").query_async::<Option<Vec<u8>>>(&mut connection).await.ok()?;
            Some(connection)
        })
        .await
}

/// Makes the file of all shops, which are asked of a query server once.
///
/// # Errors
/// When Redis is not there or does not take the shops, or the query server does not give them.
pub async fn fill(
    tools: &Tools,
    place: &Place,
    client: &Client,
    query_server: &str,
    shops: u64,
) -> anyhow::Result<()> {
    if place.data.join(FILE).is_file() {
        return Ok(());
    }
    say(&format!("filling Redis with {shops} shops, once"));
    let unfinished = "unfinished.rdb";
    drop(std::fs::remove_file(place.data.join(unfinished)));
    let (mut child, address) = spawn(tools, place, unfinished)?;
    let connection = connected(&mut child, address).await?;
    let firsts = (1..=shops).step_by(usize::try_from(BATCH_SHOPS)?);
    let batches =
        firsts.map(|first| {
            let (client, connection) = (client.clone(), connection.clone());
            async move {
                copy(&client, query_server, connection, first, (first + BATCH_SHOPS - 1).min(shops)).await
            }
        });
    stream::iter(batches).buffer_unordered(IN_FLIGHT).try_collect::<()>().await?;
    let mut patient = connection.clone();
    patient.set_response_timeout(PATIENCE);
    redis::cmd("SAVE").query_async::<()>(&mut patient).await.context("saving")?;
    drop(child);
    rename(&place.data, unfinished, FILE)
}

fn rename(folder: &Path, from: &str, to: &str) -> anyhow::Result<()> {
    std::fs::rename(folder.join(from), folder.join(to)).with_context(|| format!("renaming `{from}`"))
}

/// Cards and details of some shops, from a query server to Redis.
async fn copy(
    client: &Client,
    query_server: &str,
    mut connection: MultiplexedConnection,
    first: u64,
    last: u64,
) -> anyhow::Result<()> {
    let ids: Vec<String> = (first..=last).map(|id| id.to_string()).collect();
    let url = format!("{query_server}/v1/shops?ids={}", ids.join(","));
    let page = client.get(&url).send().await?.error_for_status()?.text().await?;
    let (_, cards) = page::pieces(&page)?;
    let mut pipeline = redis::pipe();
    for card in cards {
        let id = page::shop_id(card)?;
        let url = format!("{query_server}/v1/shops/{id}");
        let detail = client.get(&url).send().await?.error_for_status()?.bytes().await?;
        pipeline.set(format!("shop:{id}"), card).ignore().set(format!("detail:{id}"), &detail[..]).ignore();
    }
    Ok(pipeline.query_async::<()>(&mut connection).await?)
}

/// The shops of the sampled pages as they are on these pages: the clock may have moved since the file was made.
async fn overwrite(connection: &mut MultiplexedConnection, sampled: &Sampled) -> anyhow::Result<()> {
    let mut written = 0;
    for kind in Kind::ALL {
        for page in sampled.of(kind) {
            let mut pipeline = redis::pipe();
            if kind == Kind::Detail {
                pipeline.set(format!("detail:{}", page.shop_ids.join("")), page.body.as_bytes()).ignore();
            } else {
                for card in page::pieces(&page.body)?.1 {
                    pipeline.set(format!("shop:{}", page::shop_id(card)?), card).ignore();
                }
            }
            pipeline.query_async::<()>(connection).await?;
            written += 1;
        }
    }
    ensure!(written > 0, "no page was sampled");
    Ok(())
}

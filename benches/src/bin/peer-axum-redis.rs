//! The usual way to build it: axum, the IDs of a list from memory, 25 JSON documents from Redis, parsed into typed
//! structs, written into one answer. Details go from Redis to the client as they are.
//!
//! `/mget/lists/0.json` asks Redis once for 25 documents, `/gets/lists/0.json` 25 times for one, all at once.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use benches::card::{Card, List};
use benches::peer::{self, PeerOptions};
use clap::Parser;
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};
use redis::aio::MultiplexedConnection;
use serde::Deserialize;
use serde_json::value::RawValue;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    peer: PeerOptions,
    /// Where Redis listens.
    #[arg(long)]
    redis: SocketAddr,
    /// Folders of list pages.
    #[arg(long = "folder")]
    folders: Vec<String>,
}

/// What the service knows of a list without asking Redis: the area index of the real thing.
struct ListInMemory {
    keys: Vec<String>,
    distances_m: Vec<Option<u32>>,
    next_cursor: Box<RawValue>,
    meta: Box<RawValue>,
}

struct Service {
    /// By folder and file name.
    lists: HashMap<(String, String), ListInMemory>,
    redis: MultiplexedConnection,
    headers: HeaderMap,
}

#[derive(Deserialize)]
struct SampledList {
    shops: Vec<SampledCard>,
    next_cursor: Box<RawValue>,
    meta: Box<RawValue>,
}

#[derive(Deserialize)]
struct SampledCard {
    id: String,
    distance_m: Option<u32>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let lists = lists(&arguments)?;
    peer::run(async move {
        let redis = redis::Client::open(format!("redis://{}/", arguments.redis))?;
        // One connection on which all requests share round trips: what the client's authors recommend.
        let redis = redis.get_multiplexed_async_connection().await?;
        let service = Arc::new(Service { lists, redis, headers: peer::headers() });
        let routes = Router::new()
            .route("/mget/{folder}/{name}", get(with_one_mget))
            .route("/gets/{folder}/{name}", get(with_25_gets))
            .route("/details/{shop_id}", get(detail))
            .with_state(service);
        let listener = peer::listen(arguments.peer.listen).await?;
        axum::serve(
            axum::serve::ListenerExt::tap_io(listener, |stream| {
                // What is left without it is Nagle's wait, which no peer deserves.
                drop(stream.set_nodelay(true));
            }),
            routes,
        )
        .await?;
        Ok(())
    })
}

fn lists(arguments: &Arguments) -> anyhow::Result<HashMap<(String, String), ListInMemory>> {
    let mut lists = HashMap::new();
    for folder in &arguments.folders {
        for (name, page) in peer::pages(&arguments.peer.files, folder)? {
            let sampled: SampledList = serde_json::from_str(&page).with_context(|| name.clone())?;
            let list = ListInMemory {
                keys: sampled.shops.iter().map(|card| format!("shop:{}", card.id)).collect(),
                distances_m: sampled.shops.iter().map(|card| card.distance_m).collect(),
                next_cursor: sampled.next_cursor,
                meta: sampled.meta,
            };
            lists.insert((folder.clone(), name), list);
        }
    }
    Ok(lists)
}

async fn with_one_mget(State(service): State<Arc<Service>>, Path(list): Path<(String, String)>) -> Response {
    let Some(list) = service.lists.get(&list) else { return StatusCode::NOT_FOUND.into_response() };
    let mut redis = service.redis.clone();
    let documents = redis::cmd("MGET").arg(&list.keys).query_async::<Vec<Vec<u8>>>(&mut redis).await;
    service.answer(list, documents)
}

async fn with_25_gets(State(service): State<Arc<Service>>, Path(list): Path<(String, String)>) -> Response {
    let Some(list) = service.lists.get(&list) else { return StatusCode::NOT_FOUND.into_response() };
    let gets = list.keys.iter().map(|key| {
        let mut redis = service.redis.clone();
        async move { redis::cmd("GET").arg(key).query_async::<Vec<u8>>(&mut redis).await }
    });
    let documents = join_all(gets).await.into_iter().collect();
    service.answer(list, documents)
}

async fn detail(State(service): State<Arc<Service>>, Path(shop_id): Path<u64>) -> Response {
    let mut redis = service.redis.clone();
    let key = format!("detail:{shop_id}");
    match redis::cmd("GET").arg(key).query_async::<Option<Vec<u8>>>(&mut redis).await {
        Ok(Some(body)) => (service.headers.clone(), body).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

impl Service {
    fn answer(&self, list: &ListInMemory, documents: redis::RedisResult<Vec<Vec<u8>>>) -> Response {
        match rendered(list, documents) {
            Ok(body) => (self.headers.clone(), body).into_response(),
            Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
        }
    }
}

fn rendered(list: &ListInMemory, documents: redis::RedisResult<Vec<Vec<u8>>>) -> anyhow::Result<Vec<u8>> {
    let documents = documents?;
    let mut shops = Vec::with_capacity(documents.len());
    for (document, distance_m) in documents.iter().zip(&list.distances_m) {
        let mut card: Card = serde_json::from_slice(document)?;
        card.distance_m = *distance_m;
        shops.push(card);
    }
    Ok(serde_json::to_vec(&List { shops, next_cursor: &list.next_cursor, meta: &list.meta })?)
}

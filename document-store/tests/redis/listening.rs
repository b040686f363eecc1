//! Wake-ups: the server tells, and nothing depends on it.

use document_store::redis::RedisReader;
use document_store::{ChangeLog, DocumentReader};

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::servers::{PATIENCE, Server, at, filled, save, seen, until};

/// Somebody asked to be told.
fn listened_to(server: &Server) -> Result<(), &'static str> {
    let redis::Value::BulkString(info) = server.say("INFO clients") else { return Err("no answer") };
    let info = String::from_utf8(info).unwrap();
    if info.contains("tracking_clients:1") { Ok(()) } else { Err("nobody listens") }
}

#[tokio::test]
async fn a_waiting_reader_is_told_by_the_server() {
    let server = Server::start(&[]);
    let (writer, reader) = filled(&server.address("")).await;
    let wait = async |reader: &document_store::redis::RedisReader| {
        let seen = reader.head().await.unwrap();
        let waiting = {
            let (reader, seen) = (reader.clone(), seen.clone());
            tokio::spawn(async move { reader.grown(&seen).await })
        };
        (waiting, seen)
    };
    let (waiting, _) = wait(&reader).await;
    until("it listens", async || listened_to(&server)).await;
    save(&writer, 1, 2).await.unwrap();
    tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    // Cut off, it looks around, and then listens again.
    server.say("CLIENT KILL TYPE normal");
    for counter in 3..6 {
        let (waiting, seen) = wait(&reader).await;
        save(&writer, 1, counter).await.unwrap();
        tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
        assert_ne!(reader.head().await.unwrap(), seen);
    }
    until("it listens again", async || {
        drop(reader.identity().await);
        listened_to(&server)
    })
    .await;
}

#[tokio::test]
async fn who_serves_now_is_listened_to_while_the_one_before_goes_on_living() {
    let (before, now) = (Server::start(&[]), Server::start(&[]));
    now.say(&format!("REPLICAOF 127.0.0.1 {}", before.port));
    let both = format!("redis://127.0.0.1:{},127.0.0.1:{}/shopfront?timeout_ms=2000", before.port, now.port);
    let (writer, reader) = filled(&at(&both)).await;
    until("the replica has all", async || match RedisReader::open(&now.address("")).await {
        Ok(replica) if !seen(&replica).await.contains('?') => Ok(()),
        _ => Err("not yet"),
    })
    .await;
    // As those wait who follow the log: a second, then anew.
    let following = tokio::spawn(async move {
        loop {
            let Ok(heads) = reader.head().await else { continue };
            if tokio::time::timeout(Duration::from_secs(1), reader.grown(&heads)).await.is_err() {
                drop(reader.identity().await);
            }
        }
    });
    until("it listens", async || listened_to(&before)).await;
    before.say("REPLICAOF 127.0.0.1 1");
    now.say("REPLICAOF NO ONE");
    let counter = AtomicU64::new(2);
    until("it listens to the new master", async || {
        drop(save(&writer, 1, counter.fetch_add(1, Ordering::Relaxed)).await);
        listened_to(&now)
    })
    .await;
    following.abort();
}

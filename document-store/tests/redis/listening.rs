//! Wake-ups: the server tells, and nothing depends on it.

use document_store::{ChangeLog, DocumentReader};

use crate::servers::{PATIENCE, Server, filled, save, until};

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
    until("it listens", async || {
        let redis::Value::BulkString(info) = server.say("INFO clients") else { return Err("no answer") };
        let info = String::from_utf8(info).unwrap();
        if info.contains("tracking_clients:1") { Ok(()) } else { Err("nobody listens") }
    })
    .await;
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
        let redis::Value::BulkString(info) = server.say("INFO clients") else { return Err("no answer") };
        let info = String::from_utf8(info).unwrap();
        if info.contains("tracking_clients:1") { Ok(()) } else { Err("nobody listens") }
    })
    .await;
}

//! Acknowledged saves that are gone: a flush, a restart, a failover.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use document_store::redis::{RedisReader, RedisWriter};
use document_store::{
    ChangeLog, DocumentReader, DocumentWriter, FollowProgress, LogFollower, Lookup, Position, Put,
    StoreError, Stored, follow,
};
use shop_document::ListPart;
use shop_id::{Revision, ShopId, Writer};

use crate::servers::{Server, at, filled, save, say, seen, shop, until};

async fn with_cursors(writer: &RedisWriter) {
    for of in Writer::OF_THE_DOCUMENT {
        for cursor in [Revision::ZERO, Revision::new(1, 9)] {
            writer.save_cursor(of, cursor).await.unwrap();
        }
    }
}

/// The cursors are gone, and none comes back that covers what was lost.
async fn cursors_are_forgotten(writer: &RedisWriter) {
    let contacts = writer.writer_contacts().await.unwrap();
    assert!(contacts.iter().all(|contact| contact.cursor.is_none()), "{contacts:?}");
    let error = writer.save_cursor(Writer::Shop, Revision::new(1, 10)).await.unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("a full resync has to begin first"),
        "{error}"
    );
    with_cursors(writer).await;
    assert_eq!(writer.writer_contacts().await.unwrap()[0].cursor, Some(Revision::new(1, 9)));
}

async fn a_lost_store_is_never_taken_for_an_empty_one(server: &Server, lose: impl FnOnce(), address: &str) {
    let (writer, reader) = filled(&server.address(address)).await;
    with_cursors(&writer).await;
    let before = reader.identity().await.unwrap();
    assert!(before.complete);
    assert!(matches!(reader.gather(&[shop(77)]).await[..], [Ok(Lookup::Unknown)]), "unknown means unknown");
    lose();
    until("the reader notices", async || match seen(&reader).await.as_str() {
        "?????????" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;
    for error in [
        reader.detail(shop(1)).await.err().unwrap(),
        reader.identity().await.unwrap_err(),
        reader.head().await.unwrap_err(),
        reader.scan(None, 10).await.unwrap_err(),
        reader.writer_contacts().await.unwrap_err(),
    ] {
        assert!(error.is_transient(), "{error}");
    }
    // The invalidator finds out by itself, whether it saves or not, and begins anew.
    let identity = until("the writer notices", async || writer.identity().await).await;
    assert!(identity.activation > before.activation && !identity.complete, "{identity:?}");
    cursors_are_forgotten(&writer).await;
    assert_eq!(reader.identity().await.unwrap(), identity);
    assert_eq!(seen(&reader).await, "?????????", "created anew, and not complete");
    assert!(matches!(save(&writer, 1, 1).await, Ok(Put::Applied(_))));
    assert_eq!(seen(&reader).await, "+????????");
    assert_eq!(reader.scan(None, 10).await.unwrap().shops.len(), 1, "lists begin to fill");
    writer.mark_complete(writer.identity().await.unwrap().activation).await.unwrap();
    assert_eq!(seen(&reader).await, "+--------", "now unknown means unknown");
    let old = Position { activation: before.activation, sequence: 1 };
    assert!(matches!(reader.read(1, old, 10).await, Err(StoreError::Trimmed { .. })));
}

#[tokio::test]
async fn a_flushed_store_is_never_taken_for_an_empty_one() {
    let server = Server::start(&[]);
    a_lost_store_is_never_taken_for_an_empty_one(&server, || drop(server.say("FLUSHALL")), "").await;
}

#[tokio::test]
async fn a_store_that_a_restart_lost_is_never_taken_for_an_empty_one() {
    let mut server = Server::start(&[]);
    let (writer, reader) = filled(&server.address("")).await;
    with_cursors(&writer).await;
    let before = writer.identity().await.unwrap();
    server.kill();
    assert_eq!(seen(&reader).await, "?????????");
    server.start_again();
    until("the reader notices", async || match seen(&reader).await.as_str() {
        "?????????" if reader.identity().await.is_err_and(|error| error.to_string().contains("flushed")) => {
            Ok(())
        }
        other => Err(other.to_owned()),
    })
    .await;
    // This time a save is what notices.
    until("it saves", async || save(&writer, 1, 1).await).await;
    let identity = writer.identity().await.unwrap();
    assert!(identity.activation > before.activation && !identity.complete);
    cursors_are_forgotten(&writer).await;
}

#[tokio::test]
async fn a_restart_that_kept_the_documents_may_still_have_lost_the_last_ones() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let (writer, reader) = filled(&server.address("")).await;
    with_cursors(&writer).await;
    let (before, heads) = (reader.identity().await.unwrap(), reader.head().await.unwrap());
    let held = reader.gather(&[shop(1)]).await.remove(0).unwrap().stored().unwrap().position;
    server.kill();
    server.start_again();
    until("it is loaded", async || reader.gather(&[shop(1)]).await.remove(0)).await;
    assert_eq!(seen(&reader).await, "+++++++++");
    let Put::Applied(position) = until("it saves", async || save(&writer, 1, 2).await).await else {
        panic!("not applied")
    };
    let identity = writer.identity().await.unwrap();
    assert!(identity.activation > before.activation && !identity.complete, "{identity:?}");
    assert!(position > held && position.activation == identity.activation);
    assert!(matches!(reader.read(1, heads.0[1], 10).await, Err(StoreError::Trimmed { .. })));
    cursors_are_forgotten(&writer).await;
    // A restart that nobody sees happen is found by the next one who opens.
    server.kill();
    server.start_again();
    let again = until("it opens", async || RedisWriter::open(&server.address("")).await).await;
    assert!(again.identity().await.unwrap().activation > identity.activation);
}

#[tokio::test]
async fn a_restart_from_an_old_snapshot_does_not_make_newer_shops_unknown() {
    let mut server = Server::start(&[]);
    let address = server.address("");
    let writer = RedisWriter::open(&address).await.unwrap();
    for number in 1..=4 {
        save(&writer, number, 1).await.unwrap();
    }
    writer.mark_complete(writer.identity().await.unwrap().activation).await.unwrap();
    with_cursors(&writer).await;
    server.say("SAVE");
    for number in 5..=9 {
        save(&writer, number, 1).await.unwrap();
    }
    let reader = RedisReader::open(&address).await.unwrap();
    assert_eq!(seen(&reader).await, "+++++++++");
    server.kill();
    server.start_again();
    until("the reader is back", async || reader.gather(&[shop(1)]).await.remove(0)).await;
    assert_eq!(seen(&reader).await, "++++?????", "nobody has looked at the process yet");
    let identity = until("the writer notices", async || writer.identity().await).await;
    assert!(!identity.complete, "{identity:?}");
    assert_eq!(seen(&reader).await, "++++?????", "what is newer than the snapshot may exist");
    cursors_are_forgotten(&writer).await;
}

#[tokio::test]
async fn a_server_that_becomes_one_that_evicts_is_noticed_by_those_who_use_it() {
    let server = Server::start(&[]);
    let (writer, reader) = filled(&server.address("")).await;
    let shop_10 = async || reader.gather(&[shop(10)]).await.remove(0);
    assert!(matches!(shop_10().await, Ok(Lookup::Unknown)));
    server.say("CONFIG SET maxmemory-policy allkeys-lru");
    for error in [reader.identity().await.unwrap_err(), writer.identity().await.unwrap_err()] {
        assert!(!error.is_transient() && error.to_string().contains("set it to `noeviction`"), "{error}");
    }
    assert_eq!(seen(&reader).await, "+++++++++", "what is there is read");
    let error = shop_10().await.unwrap_err();
    assert!(error.to_string().contains("may have evicted keys"), "{error}");
    server.say("CONFIG SET maxmemory-policy noeviction");
    reader.identity().await.unwrap();
    assert!(matches!(shop_10().await, Ok(Lookup::Unknown)), "it evicted nothing");

    let before = writer.identity().await.unwrap();
    server.say("CONFIG SET maxmemory-policy allkeys-random");
    let redis::Value::BulkString(memory) = server.say("INFO memory") else { panic!("no answer") };
    let memory = String::from_utf8(memory).unwrap();
    let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    // A few of the documents have to go.
    server.say(&format!("CONFIG SET maxmemory {}", used.trim().parse::<u64>().unwrap() - 4_000));
    // What makes it look at its memory; refused or not.
    drop(say(&mut server.connection(), "SET another key"));
    server.say("CONFIG SET maxmemory 0");
    server.say("CONFIG SET maxmemory-policy noeviction");
    assert!(!seen(&reader).await.contains('-'), "what it evicted may exist, and {}", seen(&reader).await);
    let identity = writer.identity().await.unwrap();
    assert!(identity.activation > before.activation && !identity.complete, "{identity:?}");
    assert!(!seen(&reader).await.contains('-'));
}

#[tokio::test]
async fn a_failover_that_lost_acknowledged_saves_rewinds_what_follows() {
    let mut master = Server::start(&[]);
    let replica = Server::start(&[]);
    replica.say(&format!("REPLICAOF 127.0.0.1 {}", master.port));
    let both =
        format!("redis://127.0.0.1:{},127.0.0.1:{}/shopfront?timeout_ms=2000", replica.port, master.port);
    let (writer, reader) = filled(&at(&both)).await;
    with_cursors(&writer).await;
    until("the replica has all", async || match RedisReader::open(&replica.address("")).await {
        Ok(of_replica) if seen(&of_replica).await == "+++++++++" => {
            let contacts = of_replica.writer_contacts().await?;
            let missing = StoreError::TimedOut { store: String::new(), waited_ms: 0 };
            contacts.iter().all(|contact| contact.cursor.is_some()).then_some(()).ok_or(missing)
        }
        Ok(_) => Err(StoreError::TimedOut { store: String::new(), waited_ms: 0 }),
        Err(error) => Err(error),
    })
    .await;
    let before = reader.identity().await.unwrap();
    // The replica hears nothing any more, and shop 1 is saved: acknowledged, and lost.
    replica.say("REPLICAOF 127.0.0.1 1");
    let Put::Applied(lost) = save(&writer, 1, 2).await.unwrap() else { panic!("not applied") };
    assert_eq!(reader.gather(&[shop(1)]).await.remove(0).unwrap().stored().unwrap().position, lost);
    master.kill();
    replica.say("REPLICAOF NO ONE");
    until("the reader finds the new master", async || reader.identity().await).await;
    assert_eq!(seen(&reader).await, "+++++++++");
    let identity = until("the writer finds it", async || writer.identity().await).await;
    assert!(identity.activation > before.activation && !identity.complete, "{identity:?}");
    cursors_are_forgotten(&writer).await;
    let Put::Applied(again) = save(&writer, 1, 2).await.unwrap() else { panic!("it was lost") };
    assert!(again > lost, "so that no cache keeps what was lost");
}

#[tokio::test]
async fn a_save_is_acknowledged_once_a_replica_has_it() {
    let server = Server::start(&[]);
    let writer = RedisWriter::open(&server.address("wait_replicas=1&timeout_ms=400")).await.unwrap();
    let error = save(&writer, 1, 1).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("only 0 of 1 replicas had a save"), "{error}");
    let replica = Server::start(&[]);
    replica.say(&format!("REPLICAOF 127.0.0.1 {}", server.port));
    // What was not confirmed in time is held all the same: only a new save tells.
    let count = AtomicU64::new(2);
    until("it is replicated", async || save(&writer, count.fetch_add(1, Ordering::Relaxed), 1).await).await;
    let last = count.load(Ordering::Relaxed) - 1;
    replica.say("REPLICAOF NO ONE");
    let replica = RedisReader::open(&replica.address("")).await.unwrap();
    assert!(
        replica.gather(&[shop(last)]).await.remove(0).unwrap().stored().is_some(),
        "acknowledged, so it is there"
    );
}

#[derive(Debug, Default)]
struct Shown(Mutex<std::collections::BTreeSet<ShopId>>);

impl LogFollower for Shown {
    fn fold(&self, shop_id: ShopId, _: &Stored<ListPart>) {
        self.0.lock().unwrap().insert(shop_id);
    }
    fn vanished(&self, shop_id: ShopId) {
        self.0.lock().unwrap().remove(&shop_id);
    }
    fn caught_up(&self) {}
}

#[tokio::test]
async fn resident_shops_go_on_being_shown_while_a_flushed_store_is_filled_again() {
    let server = Server::start(&[]);
    let (writer, reader) = filled(&server.address("")).await;
    let (shown, progress) = (Arc::new(Shown::default()), Arc::new(FollowProgress::default()));
    let following = follow(Arc::new(reader.clone()), vec![Arc::clone(&shown) as _], Arc::clone(&progress));
    let following = tokio::spawn(following);
    let count = |expected: usize| {
        let shown = Arc::clone(&shown);
        async move || {
            let count = shown.0.lock().unwrap().len();
            if count == expected { Ok(()) } else { Err(format!("{count} shops")) }
        }
    };
    until("all are shown", count(9)).await;
    server.say("FLUSHALL");
    until("it is noticed", async || if progress.is_failing() { Ok(()) } else { Err("not yet") }).await;
    until("it begins anew", async || writer.identity().await).await;
    for number in 1..=8 {
        save(&writer, number, 1).await.unwrap();
    }
    until("it is scanned", async || if progress.rescans() > 1 { Ok(()) } else { Err("not yet") }).await;
    assert_eq!(shown.0.lock().unwrap().len(), 9, "shop 9 may be on its way");
    with_cursors(&writer).await;
    writer.mark_complete(writer.identity().await.unwrap().activation).await.unwrap();
    until("shop 9 does not exist any more", count(8)).await;
    following.abort();
}

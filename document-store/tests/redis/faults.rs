//! What one server does wrong, and what is said about it.

use document_store::redis::{RedisReader, RedisWriter};
use document_store::{
    ChangeLog, DocumentReader, DocumentWriter, Lookup, Put, SelectedReader, SelectedWriter, StoreAddress,
    StoreError, conformance,
};
use shop_document::{Held, Sections};
use shop_id::Revision;

use crate::servers::{PATIENCE, Server, at, filled, save, seen, shop, until};

#[tokio::test]
async fn a_foreign_value_costs_its_own_shop_and_the_next_save_replaces_it() {
    let server = Server::start(&[]);
    let (writer, reader) = filled(&server.address("shards=1")).await;
    server.say("SET {shopfront:0}:list:2 short");
    server.say("SET {shopfront:0}:list:3 a-value-of-somebody-who-thought-this-name-was-free");
    server.say("DEL {shopfront:0}:list:4");
    server.say("RPUSH {shopfront:0}:list:4 a list");
    server.say("COPY {shopfront:0}:list:1 {shopfront:0}:list:5 REPLACE");
    // A byte of the archive.
    server.say("SETRANGE {shopfront:0}:list:6 150 !");
    server.say("SET {shopfront:0}:detail:7 ruin");
    assert_eq!(seen(&reader).await, "+?????+++");
    let all: Vec<_> = (1..=9).map(shop).collect();
    for (answer, number) in reader.gather(&all[1..6]).await.into_iter().zip(2..) {
        let Err(StoreError::Corrupt { shop_id, reason }) = answer else { panic!("{number}: {answer:?}") };
        assert_eq!(shop_id, shop(number), "{reason}");
    }
    assert!(matches!(reader.detail(shop(7)).await, Err(StoreError::Corrupt { .. })));
    let scan = reader.scan(None, 100).await.unwrap();
    assert_eq!(scan.unreadable, all[1..6]);
    for number in 2..=7 {
        assert!(matches!(save(&writer, number, 2).await, Ok(Put::Applied(_))), "{number}");
    }
    assert_eq!(seen(&reader).await, "+++++++++");
    assert!(matches!(reader.detail(shop(7)).await, Ok(Lookup::Found(_))));
}

#[tokio::test]
async fn a_foreign_store_is_refused_and_left_alone() {
    let server = Server::start(&[]);
    server.say("HSET {shopfront:0}:meta format shopfront-store-9 activation 5 shards 6");
    for error in [
        RedisWriter::open(&server.address("")).await.unwrap_err(),
        RedisReader::open(&server.address("")).await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("its format is `shopfront-store-9`, expected `shopfront-store-1`"),
            "{error}"
        );
        assert!(!error.is_transient());
    }
    server.say("SET {other:0}:meta text");
    let address = at(&format!("redis://127.0.0.1:{}/other", server.port));
    let error = RedisWriter::open(&address).await.unwrap_err();
    assert!(
        error.to_string().contains("something else is stored under its keys; choose another name"),
        "{error}"
    );
}

#[tokio::test]
async fn a_frozen_server_costs_no_more_than_the_configured_time() {
    let server = Server::start(&[]);
    // Filled by who has time: a busy machine may take longer than what is tried here.
    drop(filled(&server.address("")).await);
    let impatient = server.address("timeout_ms=150");
    let writer = until("a writer opens", async || RedisWriter::open(&impatient).await).await;
    let reader = until("a reader opens", async || RedisReader::open(&impatient).await).await;
    server.freeze();
    for answer in reader.gather(&[shop(1), shop(2)]).await {
        assert!(matches!(answer, Err(StoreError::TimedOut { waited_ms: 150.., .. })), "{answer:?}");
    }
    assert!(matches!(save(&writer, 1, 2).await, Err(StoreError::TimedOut { .. })));
    // What was sent before the freeze may have been done all the same.
    server.thaw();
    until("it answers again", async || reader.gather(&[shop(1)]).await.remove(0)).await;
    until("it saves again", async || save(&writer, 1, 3).await).await;
    let all_seen = async || (seen(&reader).await == "+++++++++").then_some(()).ok_or("not all");
    until("all of them answer", all_seen).await;
    assert_eq!(reader.identity().await.unwrap(), writer.identity().await.unwrap(), "nothing was lost");
}

#[tokio::test]
async fn a_connection_that_broke_is_made_anew_without_anybody_noticing() {
    let server = Server::start(&[]);
    let (writer, reader) = filled(&server.address("")).await;
    for counter in 2..5 {
        server.say("CLIENT KILL TYPE normal");
        assert_eq!(seen(&reader).await, "+++++++++");
        server.say("CLIENT KILL TYPE normal");
        assert!(matches!(save(&writer, 1, counter).await, Ok(Put::Applied(_))));
    }
}

#[tokio::test]
async fn scripts_that_were_flushed_are_loaded_again_and_nothing_counts_as_lost() {
    let server = Server::start(&[]);
    let (writer, _) = filled(&server.address("")).await;
    let before = writer.identity().await.unwrap();
    server.say("SCRIPT FLUSH");
    assert!(matches!(save(&writer, 1, 2).await, Ok(Put::Applied(_))));
    assert_eq!(writer.identity().await.unwrap(), before);
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let mut server = Server::start(&[]);
    server.kill();
    let address = StoreAddress::Redis(server.address("timeout_ms=500"));
    let error =
        SelectedWriter::open(&address, document_store::lmdb::LmdbOptions::default()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let waiting = {
        let address = address.clone();
        tokio::spawn(async move { SelectedReader::wait_for(&address, |_| {}).await.map(drop) })
    };
    server.start_again();
    let options = document_store::lmdb::LmdbOptions::default();
    let writer = until("it is created", async || SelectedWriter::open(&address, options).await).await;
    tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    let put =
        writer.update(shop(1), conformance::merging(shop(1), conformance::shop_section(1, "x", &[]))).await;
    assert!(matches!(put, Ok(Put::Applied(_))));
}

#[tokio::test]
async fn a_full_server_refuses_saves_and_goes_on_being_read() {
    let server = Server::start(&["--maxmemory", "6mb"]);
    let (writer, reader) = filled(&server.address("")).await;
    let mut offered = conformance::shop_section(2, "big", &[]);
    if let Held::Present(_, section) = &mut offered.shop {
        section.detail = format!("\"menus\":[{:?}]", "x".repeat(200_000));
    }
    let mut number = 10;
    let error = loop {
        match writer.update(shop(number), conformance::merging(shop(number), offered.clone())).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
        assert!(number < 100, "6 MB hold no 100 of them");
    };
    let said = error.to_string();
    assert!(matches!(error, StoreError::Full { .. }), "{said}");
    assert!(said.contains("`maxmemory` is used up at `6291456` bytes; raise it"), "{said}");
    assert_eq!(seen(&reader).await, "+++++++++");
    assert!(matches!(reader.gather(&[shop(number)]).await[..], [Ok(Lookup::Unknown)]), "no half save");
    server.say("CONFIG SET maxmemory 0");
    let again = writer.update(shop(number), conformance::merging(shop(number), offered)).await;
    assert!(matches!(again, Ok(Put::Applied(_))));
    let logged: u64 = reader.head().await.unwrap().0.iter().map(|position| position.sequence).sum();
    assert_eq!(logged, number, "every document that was saved, and no other");
}

#[tokio::test]
async fn a_server_that_may_evict_documents_is_refused_naming_the_setting() {
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    for error in [
        RedisWriter::open(&server.address("")).await.unwrap_err(),
        RedisReader::open(&server.address("")).await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("`maxmemory-policy` is `allkeys-lru`, set it to `noeviction`"),
            "{error}"
        );
        assert!(!error.is_transient());
    }
    server.say("CONFIG SET maxmemory-policy volatile-lru");
    drop(filled(&server.address("")).await);
}

#[tokio::test]
async fn a_projection_that_panics_costs_its_own_save() {
    let server = Server::start(&[]);
    let (writer, reader) = filled(&server.address("")).await;
    let error = writer.update(shop(3), |_| panic!("on purpose")).await.unwrap_err();
    assert!(error.to_string().contains("its projection panicked"), "{error}");
    assert_eq!(seen(&reader).await, "+++++++++");
    let gone = Sections { shop: Held::Gone(Revision::new(1, 9)), ..Sections::default() };
    assert!(writer.update(shop(3), conformance::merging(shop(3), gone)).await.is_ok());
}

#[tokio::test]
async fn a_late_answer_is_asked_for_again_over_another_connection() {
    let server = Server::start(&[]);
    let (_, reader) = filled(&server.address("timeout_ms=20000")).await;
    for _ in 0..50 {
        assert_eq!(seen(&reader).await, "+++++++++");
    }
    let before = reader.hedged_gets();
    server.freeze();
    let asking = {
        let reader = reader.clone();
        tokio::spawn(async move { seen(&reader).await })
    };
    until("it is late", async || if reader.hedged_gets() > before { Ok(()) } else { Err("not yet") }).await;
    server.thaw();
    let answered = tokio::time::timeout(PATIENCE, asking).await.unwrap().unwrap();
    assert_eq!(answered, "+++++++++");
    // 50 gathers of 9 earned 45 further gets, beside what a start may spend.
    assert!(reader.hedged_gets() <= 145, "{}", reader.hedged_gets());
}

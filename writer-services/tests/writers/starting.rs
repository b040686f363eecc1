//! What a writer refuses to start with, and how it ends.

use reqwest::Method;
use service_runtime::program::Context;
use shop_id::Writer;

use crate::running::{Running, campaign};

async fn refused(writer: Writer, running: &Running) -> String {
    let context = Context::default();
    let started = writer_services::start(writer, &running.config, &context).await;
    started.expect_err("this must not start").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_write_one_database() {
    let writer = Running::start(Writer::Ads).await;
    let said = refused(Writer::Ads, &writer).await;
    let expected =
        format!("is being written by another process (process {}); stop it first", std::process::id());
    assert!(said.ends_with(&expected), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_another_writer_is_refused_by_name() {
    let writer = Running::start(Writer::Ads).await;
    writer.end().await;
    let said = refused(Writer::Reviews, &writer).await;
    assert!(
        said.ends_with("belongs to the writer `ads`, expected `reviews`; set another `database`"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_the_future_is_refused() {
    let writer = Running::start(Writer::Ads).await;
    writer.end().await;
    let database = rusqlite::Connection::open(&writer.config.database).unwrap();
    database.execute("UPDATE writer SET schema_version = 99", []).unwrap();
    drop(database);
    let said = refused(Writer::Ads, &writer).await;
    assert!(said.contains("has schema version 99, this program reads up to 1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_database_is_refused() {
    let writer = Running::start(Writer::Ads).await;
    writer.end().await;
    let path = &writer.config.database;
    for suffix in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{suffix}", path.display())));
    }
    std::fs::write(path, "a letter to the editor, long enough to have the length of a header of one hundred bytes, or nearly so").unwrap();
    let said = refused(Writer::Ads, &writer).await;
    assert!(said.contains("cannot be used: ") && said.contains("not a database"), "{said}");
    std::fs::remove_file(path).unwrap();
    rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE letters (text TEXT)").unwrap();
    let said = refused(Writer::Ads, &writer).await;
    assert!(said.contains("it is no writer's database"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_has_no_reference_is_refused() {
    let writer = Running::start(Writer::Ads).await;
    let said = refused(Writer::Payment, &writer).await;
    assert_eq!(said, "the payment writer is not built here, expected `shop`, `ads` or `reviews`");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_end_answers_what_was_asked_and_takes_no_more() {
    let writer = Running::start(Writer::Ads).await;
    let asked: Vec<_> = (1..=50)
        .map(|number| {
            let request = writer.request(Method::PUT, &format!("/v1/ads/{number}")).json(&campaign("a"));
            tokio::spawn(request.send())
        })
        .collect();
    while writer.counted("changes_total") < 1.0 {
        tokio::task::yield_now().await;
    }
    writer.end().await;
    let mut taken = 0;
    for request in asked {
        // Who came too late was not accepted: an error, never a half answer.
        if let Ok(answer) = request.await.unwrap() {
            assert_eq!(answer.status(), 201);
            taken += 1;
        }
    }
    let database = rusqlite::Connection::open(&writer.config.database).unwrap();
    let counter: u64 = database
        .query_row("SELECT counter FROM writer", [], |row| row.get::<_, i64>(0))
        .unwrap()
        .unsigned_abs();
    assert!(taken >= 1 && counter >= taken, "{taken} answered, {counter} committed");
    assert!(writer.request(Method::GET, "/v1/sections/1").send().await.is_err());
}

//! What the program needs to start, and what it refuses to start with.

use std::path::Path;
use std::time::Duration;

use document_store::lmdb::{LmdbOptions, LmdbWriter};
use service_runtime::program::Context;
use tokio::task::JoinHandle;

use crate::{Config, RunError, run};

/// No writer listens there.
fn config(directory: &Path) -> Config {
    let directory = directory.display();
    let table = format!(
        r#"
        ops = "127.0.0.1:0"
        store = "{directory}/not/there/yet/store"
        events = "{directory}/events"
        store_map_bytes = 67108864
        [writers]
        shop = "http://127.0.0.1:1"
        ads = "http://127.0.0.1:1"
        reviews = "http://127.0.0.1:1"
        "#
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), table).unwrap();
    let arguments = ["--config".to_owned(), file.path().display().to_string()];
    service_runtime::config::load(arguments, []).unwrap()
}

fn running(config: &Config) -> (Context, JoinHandle<Result<(), RunError>>) {
    let context = Context::default();
    // So that a program that has not begun yet is not taken for one that lacks nothing.
    context.readiness.expect("store", "not started");
    (context.clone(), tokio::spawn(run(config.clone(), context)))
}

async fn until_ready(context: &Context, program: &JoinHandle<Result<(), RunError>>) {
    while context.readiness.ready().is_err() {
        assert!(!program.is_finished(), "it ended instead");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn ended(context: &Context, program: JoinHandle<Result<(), RunError>>) -> Result<(), RunError> {
    context.drain.begin();
    let ended = program.await.unwrap();
    assert!(context.drain.finished(Duration::from_secs(30)).await, "something runs on");
    ended
}

#[tokio::test(start_paused = true)]
async fn it_starts_before_everybody_else_and_ends_in_order() {
    let directory = tempfile::tempdir().unwrap();
    // Nor can there ever be queues.
    std::fs::write(directory.path().join("events"), b"not a directory").unwrap();
    let config = config(directory.path());
    let (context, program) = running(&config);
    until_ready(&context, &program).await;
    assert!(directory.path().join("not/there/yet/store/data.mdb").is_file());
    ended(&context, program).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_one_on_one_store_is_refused_naming_the_holder() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let (first, program) = running(&config);
    until_ready(&first, &program).await;
    let (second, refused) = running(&config);
    let said = refused.await.unwrap().unwrap_err().to_string();
    assert!(said.contains("is being written by invalidator"), "{said}");
    assert!(said.contains(&format!("(process {})", std::process::id())), "{said}");
    assert!(second.readiness.ready().is_err(), "it never was ready");
    assert!(!program.is_finished());
    ended(&first, program).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_cannot_be_made_yet_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let in_the_way = directory.path().join("not");
    std::fs::write(&in_the_way, b"where the disk will be mounted").unwrap();
    let (context, program) = running(&config);
    while !context.readiness.ready().is_err_and(|why| why.contains("is unavailable")) {
        assert!(!program.is_finished());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::fs::remove_file(&in_the_way).unwrap();
    until_ready(&context, &program).await;
    ended(&context, program).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_end_that_begins_while_the_store_is_waited_for_is_orderly() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    std::fs::write(directory.path().join("not"), b"in the way for good").unwrap();
    let (context, program) = running(&config);
    ended(&context, program).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_larger_map_is_taken_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    let at = directory.path().join("store");
    config.store = at.clone().into();
    let small = LmdbOptions { map_bytes: 1 << 20, ..LmdbOptions::default() };
    drop(LmdbWriter::open(&at, small).unwrap());
    // Its writing thread ends a moment later.
    let lock = std::fs::File::open(at.join("writer.lock")).unwrap();
    lock.lock().unwrap();
    drop(lock);
    let (context, program) = running(&config);
    until_ready(&context, &program).await;
    ended(&context, program).await.unwrap();
}

use document_store::lmdb::{LmdbOptions, LmdbWriter};

use super::*;

fn written(directory: &std::path::Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn what_several_programs_name_is_asked_once_in_the_order_of_the_road() {
    let directory = tempfile::tempdir().unwrap();
    let invalidator = written(
        directory.path(),
        "invalidator.toml",
        "store = \"data/store\"\nevents = \"data/events\"\naudit_interval_ms = 5\n[writers]\nshop = \"http://127.0.0.1:7101\"\nads = \"http://127.0.0.1:7102\"\n",
    );
    let query_server =
        written(directory.path(), "query-server.toml", "store = \"data/store\"\nsearch = \"embedded\"\n");
    let found = Dependency::of_files(&[query_server, invalidator]).unwrap();
    let found: Vec<String> =
        found.iter().map(|dependency| format!("{} {}", dependency.kind(), dependency.address())).collect();
    assert_eq!(
        found,
        [
            "writer shop http://127.0.0.1:7101",
            "writer ads http://127.0.0.1:7102",
            "events data/events",
            "document store data/store"
        ]
    );
}

#[test]
fn a_configuration_that_is_missing_or_wrong_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.toml");
    let said = format!("{:#}", Dependency::of_files(&[missing]).unwrap_err());
    assert!(said.contains("missing.toml`: expected the configuration of an invalidator"), "{said}");
    let wrong = written(directory.path(), "wrong.toml", "\nstore = \"ftp://user:hunter2@store\"\n");
    let said = format!("{:#}", Dependency::of_files(&[wrong]).unwrap_err());
    assert!(said.contains("wrong.toml:2`") && said.contains("ftp://(hidden)@store"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let empty = written(directory.path(), "empty.toml", "listen = \"127.0.0.1:1\"\n");
    assert!(Dependency::of_files(&[empty]).is_err());
}

#[tokio::test]
async fn what_answers_is_well_and_what_does_not_comes_with_its_fix() {
    let directory = tempfile::tempdir().unwrap();
    let (store, events) = (directory.path().join("store"), directory.path().join("events"));
    // One process opens a directory once.
    drop(LmdbWriter::open(&store, LmdbOptions { map_bytes: 1 << 24, ..LmdbOptions::default() }).unwrap());
    std::fs::create_dir_all(events.join("shop")).unwrap();
    std::fs::write(events.join("shop").join("invalidator.sqlite"), "").unwrap();
    let configuration = |url: &str| {
        let (store, events) = (store.display(), events.display());
        format!("store = \"{store}\"\nevents = \"{events}\"\n{url}")
    };
    let options = |text: &str| DoctorOptions {
        configurations: vec![written(directory.path(), "invalidator.toml", text)],
        patience: 5,
    };
    assert!(doctor(&options(&configuration("")), &Say::default()).await.unwrap());
    // A port that nobody listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = configuration(&format!("[writers]\nshop = \"http://127.0.0.1:{port}\"\n"));
    assert!(!doctor(&options(&away), &Say::default()).await.unwrap(), "a writer is away");

    let asked = Dependency::of_files(&options(&away).configurations).unwrap();
    let mut said = Vec::new();
    for dependency in &asked {
        let found = dependency.ask(Duration::from_secs(5)).await;
        said.push(line(dependency, &found, Duration::ZERO));
    }
    assert!(
        said[0].starts_with("FAILS writer shop") && said[0].contains("fix: start the writer"),
        "{}",
        said[0]
    );
    assert!(said[1].starts_with("ok    events") && said[1].contains("queues: shop 1"), "{}", said[1]);
    assert!(said[2].contains("not complete yet"), "{}", said[2]);
}

#[tokio::test]
async fn a_store_that_is_not_there_yet_says_who_makes_it() {
    let directory = tempfile::tempdir().unwrap();
    let address = document_store::StoreAddress::Lmdb(directory.path().join("none"));
    let illness = store::ask(&address, None).await.unwrap_err();
    assert!(illness.fix.contains("an invalidator creates what is not there yet"), "{illness:?}");
}

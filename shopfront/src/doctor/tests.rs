use document_store::lmdb::{LmdbOptions, LmdbWriter};

use super::*;

#[tokio::test]
async fn what_answers_is_well_and_what_does_not_comes_with_its_fix() {
    let directory = tempfile::tempdir().unwrap();
    let (store, events) = (directory.path().join("store"), directory.path().join("events"));
    // One process opens a directory once.
    drop(LmdbWriter::open(&store, LmdbOptions { map_bytes: 1 << 24, ..LmdbOptions::default() }).unwrap());
    std::fs::create_dir_all(events.join("shop")).unwrap();
    std::fs::write(events.join("shop").join("invalidator.sqlite"), "").unwrap();
    let written = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let query_server = written("query-server.toml", format!("store = \"{}\"\n", store.display()));
    // A port that nobody listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let writers: Vec<String> =
        ["shop", "ads", "reviews"].map(|writer| format!("{writer} = \"http://127.0.0.1:{port}\"\n")).into();
    let text = format!(
        "ops = \"127.0.0.1:1\"\nstore = \"{}\"\nevents = \"{}\"\n[writers]\n{}",
        store.display(),
        events.display(),
        writers.concat()
    );
    let invalidator = written("invalidator.toml", text);
    let options = |configurations: &[&PathBuf]| DoctorOptions {
        configurations: configurations.iter().copied().cloned().collect(),
        program: None,
        set: Vec::new(),
        patience: 5,
    };
    let all_well =
        async |options: DoctorOptions| doctor(&options, std::iter::empty(), &Say::default()).await.unwrap();
    assert!(all_well(options(&[&query_server])).await);
    assert!(!all_well(options(&[&query_server, &invalidator])).await, "the writers are away");

    let mut said = Vec::new();
    for needed in configuration::needed(&options(&[&invalidator]), std::iter::empty()).unwrap() {
        let found = needed.dependency.ask(Duration::from_secs(5)).await;
        said.push(line(&needed, &found, Duration::ZERO));
    }
    let [shop, _, _, events, store] = &said[..] else { panic!("{said:?}") };
    assert!(shop.starts_with("FAILS writer shop") && shop.contains("fix: start the writer"), "{shop}");
    assert!(events.starts_with("ok    events") && events.contains("queues: shop 1"), "{events}");
    assert!(store.contains("not complete yet"), "{store}");
}

#[tokio::test]
async fn a_store_that_is_not_there_yet_says_who_makes_it() {
    let directory = tempfile::tempdir().unwrap();
    let address = document_store::StoreAddress::Lmdb(directory.path().join("none"));
    let illness = store::ask(&address, None).await.unwrap_err();
    assert!(illness.fix.contains("start an invalidator with this `store`: it creates"), "{illness:?}");
}

//! What only files, maps and processes can do wrong.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use document_store::conformance::{merging, shop_section};
use document_store::lmdb::{LmdbOptions, LmdbReader, LmdbWriter};
use document_store::{ChangeLog, DocumentReader, DocumentWriter, KeptLog, Lookup, Position, Put, StoreError};
use jiff::Timestamp;
use shop_id::{Revision, ShopId, Writer};

fn shop(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

fn opened(directory: &Path, map_bytes: usize) -> LmdbWriter {
    LmdbWriter::open(directory, LmdbOptions { map_bytes, shards: 1 }).unwrap()
}

async fn save(store: &LmdbWriter, number: u64, counter: u64, name: &str) -> Result<Put, StoreError> {
    store.update(shop(number), merging(shop(number), shop_section(counter, name, &[]))).await
}

async fn counter_of(store: &impl DocumentReader, number: u64) -> Option<u64> {
    let lookup = store.gather(&[shop(number)]).await.remove(0).unwrap();
    let stored = lookup.stored()?;
    Some(stored.part.revision(Writer::Shop)?.counter)
}

/// Another process: this test binary again, as one of the parts below.
struct Other {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn plays(part: &str, directory: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "another_process", "--ignored", "--nocapture", "--test-threads=1"])
            .env("PART", part)
            .env("DIRECTORY", directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it says for us; the test harness says others.
    fn says(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("the other process goes on").unwrap();
            if let Some(said) = line.strip_prefix("says ") {
                return said.to_owned();
            }
        }
    }

    fn goes_on(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap()).unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn say(words: impl std::fmt::Display) {
    println!("\nsays {words}");
}

fn wait_for_a_line() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[tokio::test]
#[ignore = "a part of the tests below, played in a process of its own"]
async fn another_process() {
    let directory = std::env::var("DIRECTORY").unwrap();
    let directory = Path::new(&directory);
    match std::env::var("PART").unwrap().as_str() {
        "reads and is killed" => {
            let mut options = heed::EnvOpenOptions::new().read_txn_without_tls();
            options.max_dbs(8);
            #[allow(unsafe_code)]
            // SAFETY: only LMDB changes the files.
            let env = unsafe { options.open(directory) }.unwrap();
            let transaction = env.read_txn().unwrap();
            say("reading");
            wait_for_a_line();
            drop(transaction);
        }
        "reads all along" => {
            let reader = LmdbReader::open(directory).unwrap();
            loop {
                match reader.gather(&[shop(1)]).await.remove(0) {
                    Ok(lookup) => say(lookup.stored().map_or(0, |stored| stored.position.sequence)),
                    Err(error) => say(error),
                }
                wait_for_a_line();
            }
        }
        "saves without end" => {
            let store = opened(directory, 64 << 20);
            for counter in 1.. {
                for number in 1..=3 {
                    save(&store, number, counter, "x").await.unwrap();
                }
                store.save_cursor(Writer::Shop, Revision::new(1, counter)).await.unwrap();
                say(counter);
            }
        }
        part => panic!("no part is called `{part}`"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_server_that_is_killed_while_it_reads_costs_no_room() {
    let directory = tempfile::tempdir().unwrap();
    let store = opened(directory.path(), 4 << 20);
    save(&store, 1, 1, "x").await.unwrap();
    let mut reader = Other::plays("reads and is killed", directory.path());
    assert_eq!(reader.says(), "reading");
    reader.kill();
    // Each save frees the pages that the one before wrote: three times the map, were they kept.
    let name = "x".repeat(10_000);
    for counter in 2..250 {
        save(&store, 1, counter, &name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_server_reads_on_when_the_map_is_enlarged() {
    let directory = tempfile::tempdir().unwrap();
    let store = opened(directory.path(), 1 << 20);
    save(&store, 1, 1, "x").await.unwrap();
    let mut reader = Other::plays("reads all along", directory.path());
    assert_eq!(reader.says(), "1");
    drop(store);
    let store = opened(directory.path(), 16 << 20);
    let name = "x".repeat(10_000);
    for number in 2..200 {
        save(&store, number, 1, &name).await.unwrap();
    }
    save(&store, 1, 2, "x").await.unwrap();
    reader.goes_on();
    assert_eq!(reader.says(), "200");
    reader.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_to_be_saved_survives_a_kill_of_the_writing_process() {
    let directory = tempfile::tempdir().unwrap();
    let mut said = 0;
    for _ in 0..4 {
        let mut writer = Other::plays("saves without end", directory.path());
        // It begins at 1 each time, which is older than what is held, and says so just as fast.
        for _ in 0..said + 5 {
            said = writer.says().parse().unwrap();
        }
        writer.kill();
        let store = opened(directory.path(), 64 << 20);
        let mut held = Vec::new();
        for number in 1..=3 {
            held.push(counter_of(&store, number).await.unwrap());
        }
        // It may have gone on since the last line that was read.
        assert!(held.iter().all(|held| *held >= said), "{held:?}, said {said}");
        assert!(held[0] - held[2] <= 1, "{held:?} were saved in turn");
        let heads = store.head().await.unwrap();
        let first = Position { sequence: 0, ..heads.0[0] };
        let log = store.read(0, first, usize::MAX).await.unwrap();
        assert_eq!(log.next, heads.0[0], "the log goes as far as the saves");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_map_refuses_saves_and_goes_on_reading_until_it_is_enlarged() {
    let directory = tempfile::tempdir().unwrap();
    let store = opened(directory.path(), 1 << 20);
    let name = "x".repeat(20_000);
    let mut saved = 0;
    let refused = loop {
        match save(&store, saved + 1, 1, &name).await {
            Ok(_) => saved += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    assert!(refused.to_string().contains("raise `store_map_bytes`"), "{refused}");
    assert!(saved > 5);
    for number in 1..=saved {
        assert_eq!(counter_of(&store, number).await, Some(1));
    }
    assert_eq!(counter_of(&store, saved + 1).await, None);
    drop(store);
    let store = opened(directory.path(), 2 << 20);
    save(&store, saved + 1, 1, &name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_that_panics_is_not_taken_for_saved_and_stops_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let store = opened(directory.path(), 16 << 20);
    let (broken, good) =
        tokio::join!(store.update(shop(1), |_: &Lookup<_>| panic!("a bug")), save(&store, 2, 1, "x"),);
    assert!(matches!(broken, Err(StoreError::Corrupt { shop_id, .. }) if shop_id == shop(1)), "{broken:?}");
    assert!(matches!(good, Ok(Put::Applied(_))), "{good:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_does_not_walk_across_a_new_activation() {
    let directory = tempfile::tempdir().unwrap();
    let store = opened(directory.path(), 16 << 20);
    for counter in 1..=3 {
        save(&store, 1, counter, "x").await.unwrap();
    }
    let before = store.head().await.unwrap().0[0];
    let behind = Position { sequence: 1, ..before };
    store.raise_activation().await.unwrap();
    assert!(store.identity().await.unwrap().activation > before.activation);
    let Put::Applied(after) = save(&store, 1, 4, "x").await.unwrap() else { panic!("not applied") };
    assert!(after > before);
    let page = store.read(0, behind, 100).await.unwrap();
    assert_eq!((page.next, page.has_more), (before, true), "not beyond the old activation");
    let refused = store.read(0, page.next, 100).await.unwrap_err();
    assert!(matches!(refused, StoreError::Trimmed { oldest, .. } if oldest == after), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_made_anew_is_not_taken_for_the_one_that_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = opened(directory.path(), 16 << 20);
    save(&store, 1, 1, "x").await.unwrap();
    let now = u64::try_from(Timestamp::now().as_second()).unwrap();
    let activation = u64::from(store.identity().await.unwrap().activation);
    assert!((now - 60..=now).contains(&activation), "activations are told apart by the time of creation");
    std::fs::remove_file(directory.path().join("data.mdb")).unwrap();
    let refused = save(&store, 1, 2, "x").await.unwrap_err();
    assert!(refused.to_string().contains("was deleted or replaced"), "{refused}");
    let heads = store.head().await.unwrap();
    let refused = store.grown(&heads).await.unwrap_err();
    assert!(refused.to_string().contains("was deleted or replaced"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_trimmed_to_the_last_old_entry_however_many_there_are() {
    let directory = tempfile::tempdir().unwrap();
    let store = opened(directory.path(), 64 << 20);
    let all: Vec<u64> = (1..=2_500).collect();
    for some in all.chunks(500) {
        let saves = some.iter().map(|counter| save(&store, 1, *counter, "x"));
        futures_util::future::join_all(saves).await;
    }
    let logged = store.head().await.unwrap().0[0].sequence;
    assert!(logged > 2_000, "{logged} of 2,500");
    let later = Timestamp::now();
    save(&store, 1, 9_999, "x").await.unwrap();
    assert_eq!(store.trim(KeptLog { since: later, entries_max: u64::MAX }).await.unwrap(), logged);
    let head = store.head().await.unwrap().0[0];
    let page = store.read(0, Position { sequence: logged, ..head }, 10).await.unwrap();
    assert_eq!(page.entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_can_be_opened_again_as_soon_as_it_was_let_go() {
    let directory = tempfile::tempdir().unwrap();
    for counter in 1..20 {
        let store = opened(directory.path(), 16 << 20);
        let saved = save(&store, 1, counter, "x").await.unwrap();
        assert!(matches!(saved, Put::Applied(_)));
        drop(store);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_sizes_and_other_files_are_dealt_with() {
    let directory = tempfile::tempdir().unwrap();
    drop(opened(directory.path(), 1_000_001));
    std::fs::write(directory.path().join("data.mdb"), vec![7; 100_000]).unwrap();
    let refused = LmdbWriter::open(directory.path(), LmdbOptions::default()).unwrap_err();
    assert!(matches!(refused, StoreError::Unusable { .. }), "{refused}");
    let refused = LmdbReader::open(directory.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Unusable { .. }), "{refused}");
}

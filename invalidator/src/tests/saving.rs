//! Many saves at once, stores that are full, stores that are complete.

use std::path::Path;
use std::sync::Arc;

use document_store::lmdb::{LmdbOptions, LmdbWriter};
use document_store::memory::MemoryStore;
use document_store::{ChangeLog, DocumentReader, DocumentWriter, Position, StoreError};
use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use service_runtime::Clock;
use shop_id::{Revision, Writer};
use subscription::{Follower, Priority};
use writer_api::{Facts, SectionAnswer};

use super::answers::{answer, at, marked, present, shop, shop_facts};
use super::{list_of, metrics, saver};
use crate::trim;

fn lmdb(directory: &Path) -> Arc<LmdbWriter> {
    let options = LmdbOptions { map_bytes: 64 << 20, ..LmdbOptions::default() };
    Arc::new(LmdbWriter::open(directory, options).unwrap())
}

/// Every writer's commits 1 to 8 of 40 shops, in calls of 1 to 7 answers that are all under way together.
async fn nothing_is_lost(store: Arc<impl DocumentWriter + ChangeLog>) {
    const SHOPS: u64 = 40;
    const COMMITS: u64 = 8;
    let (saver, _) = saver(&store);
    let mut shuffled = rand::rngs::StdRng::seed_from_u64(7);
    let calls: Vec<(Writer, Vec<SectionAnswer>, Priority)> = Writer::OF_THE_DOCUMENT
        .into_iter()
        .flat_map(|writer| {
            let commits = (1..=SHOPS).flat_map(|number| (1..=COMMITS).map(move |counter| (number, counter)));
            let mut answers: Vec<SectionAnswer> =
                commits.map(|(number, counter)| marked(writer, shop(number), at(counter))).collect();
            answers.shuffle(&mut shuffled);
            let calls = answers.chunks(7).enumerate();
            calls
                .map(|(number, answers)| {
                    let priority = if number % 2 == 0 { Priority::Live } else { Priority::Bulk };
                    (writer, answers.to_vec(), priority)
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let saving = calls.into_iter().map(|(writer, answers, priority)| saver.save(writer, answers, priority));
    try_join_all(saving).await.unwrap();
    for number in 1..=SHOPS {
        let list = list_of(&*store, shop(number)).await;
        for writer in Writer::OF_THE_DOCUMENT {
            assert_eq!(list.revision(writer), Some(at(COMMITS)), "{writer} of shop {number}");
        }
        assert_eq!(list.by_stars()[1], u32::try_from(COMMITS).unwrap());
        let card = String::from_utf8(list.flat().card.to_vec()).unwrap();
        assert!(card.contains("\"name\":\"at 1-8\""), "{card}");
    }
}

#[tokio::test]
async fn saves_at_the_same_time_lose_nothing_in_memory() {
    nothing_is_lost(Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn saves_at_the_same_time_lose_nothing_in_lmdb() {
    let directory = tempfile::tempdir().unwrap();
    nothing_is_lost(lmdb(directory.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_writers_of_one_new_shop_meet_in_one_document() {
    let directory = tempfile::tempdir().unwrap();
    let store = lmdb(directory.path());
    let (saver, _) = saver(&store);
    for number in 1..=50 {
        let answers = Writer::OF_THE_DOCUMENT.map(|writer| marked(writer, shop(number), at(1)));
        let saved = answers.map(|answer| saver.save(answer.writer, vec![answer], Priority::Live));
        assert!(join_all(saved).await.iter().all(Result::is_ok));
        let list = list_of(&*store, shop(number)).await;
        assert!(Writer::OF_THE_DOCUMENT.iter().all(|writer| list.revision(*writer) == Some(at(1))));
    }
}

#[tokio::test]
async fn one_shop_twice_in_one_call_ends_at_the_newer_answer() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    saver.save(Writer::Shop, vec![marked(Writer::Shop, shop(7), at(1))], Priority::Live).await.unwrap();
    let twice = [3, 2, 3].map(|counter| marked(Writer::Shop, shop(7), at(counter)));
    saver.save(Writer::Shop, twice.to_vec(), Priority::Live).await.unwrap();
    assert_eq!(list_of(&*store, shop(7)).await.revision(Writer::Shop), Some(at(3)));
}

#[tokio::test]
async fn what_is_held_already_is_not_logged_again() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    for counter in [2, 2, 1] {
        let answers = (1..=60).map(|number| marked(Writer::Shop, shop(number), at(counter))).collect();
        saver.save(Writer::Shop, answers, Priority::Bulk).await.unwrap();
    }
    let heads = store.head().await.unwrap().0;
    assert_eq!(heads.iter().map(|head| head.sequence).sum::<u64>(), 60);
}

#[tokio::test]
async fn while_the_disk_is_full_changes_wait_and_the_error_says_what_to_do() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    let answer = || vec![marked(Writer::Shop, shop(7), at(1))];
    let full =
        || StoreError::Full { store: "x".to_owned(), reason: "the disk is full; make room".to_owned() };
    for (error, transient) in [
        (full(), false),
        (StoreError::Unavailable { store: "x".to_owned(), reason: "away".to_owned() }, true),
        (StoreError::TimedOut { store: "x".to_owned(), waited_ms: 5 }, true),
    ] {
        let said = error.to_string();
        store.set_broken(Some(error));
        let refused = saver.save(Writer::Shop, answer(), Priority::Live).await.unwrap_err();
        assert_eq!((refused.transient, refused.reason), (transient, said.clone()));
        assert_eq!(saver.save_cursor(Writer::Shop, at(1)).await.unwrap_err().reason, said);
        assert_eq!(saver.heard_from(Writer::Shop, Timestamp::now()).await.unwrap_err().reason, said);
        assert_eq!(saver.cursor(Writer::Shop).await.unwrap_err().reason, said);
    }
    store.set_broken(None);
    saver.save(Writer::Shop, answer(), Priority::Live).await.unwrap();
    assert!(list_of(&*store, shop(7)).await.is_visible());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_map_is_refused_by_name_and_reads_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let options = LmdbOptions { map_bytes: 1 << 20, ..LmdbOptions::default() };
    let store = Arc::new(LmdbWriter::open(directory.path(), options).unwrap());
    let (saver, _) = saver(&store);
    let mut large = shop_facts("Large");
    large.notices = vec!["long ".repeat(4_000)];
    let large = |number| answer(Writer::Shop, shop(number), at(1), present(Facts::Shop(large.clone())));
    let mut refused = None;
    for number in 1..100 {
        if let Err(error) = saver.save(Writer::Shop, vec![large(number)], Priority::Live).await {
            refused = Some((number, error));
            break;
        }
    }
    let (number, error) = refused.expect("a megabyte does not hold a hundred of them");
    assert!(!error.transient && error.reason.contains("raise `store_map_bytes`"), "{error}");
    assert!(number > 1);
    for held in 1..number {
        assert!(list_of(&*store, shop(held)).await.is_visible());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_replaced_under_us_is_said_to_be_unusable_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let store = lmdb(directory.path());
    let (saver, _) = saver(&store);
    let save = async |counter| {
        saver.save(Writer::Shop, vec![marked(Writer::Shop, shop(7), at(counter))], Priority::Live).await
    };
    save(1).await.unwrap();
    std::fs::remove_file(directory.path().join("data.mdb")).unwrap();
    let refused = save(2).await.unwrap_err();
    assert!(!refused.transient, "{refused}");
    let unusable = saver.unusable().await.to_string();
    assert!(unusable.contains("restart this program"), "{unusable}");
    assert_eq!(refused.reason, unusable);
}

#[tokio::test]
async fn a_store_is_complete_once_every_writer_was_paged_through() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    let complete = async || store.identity().await.unwrap().complete;
    assert_eq!(saver.cursor(Writer::Shop).await.unwrap(), None);
    saver.save_cursor(Writer::Shop, at(5)).await.unwrap();
    saver.save_cursor(Writer::Ads, at(0)).await.unwrap();
    assert!(!complete().await);
    // Forgotten on purpose: its resync is still to come.
    saver.save_cursor(Writer::Reviews, Revision::ZERO).await.unwrap();
    assert!(!complete().await);
    saver.save_cursor(Writer::Reviews, at(2)).await.unwrap();
    assert!(complete().await);
    assert_eq!(saver.cursor(Writer::Reviews).await.unwrap(), Some(at(2)));
}

#[tokio::test]
async fn a_crash_before_the_mark_is_made_good_at_the_next_start() {
    let store = Arc::new(MemoryStore::new());
    for writer in Writer::OF_THE_DOCUMENT {
        store.save_cursor(writer, at(1)).await.unwrap();
    }
    let (saver, _) = saver(&store);
    saver.note_completeness().await.unwrap();
    assert!(store.identity().await.unwrap().complete);
}

#[tokio::test]
async fn a_sign_of_life_is_kept() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    let heard_at: Timestamp = "2026-11-23T17:00:00Z".parse().unwrap();
    saver.heard_from(Writer::Ads, heard_at).await.unwrap();
    let contacts = store.writer_contacts().await.unwrap();
    let heard: Vec<_> = contacts.iter().map(|contact| contact.heard_at).collect();
    assert_eq!(heard, [None, Some(heard_at), None]);
}

#[tokio::test(start_paused = true)]
async fn the_log_is_kept_for_a_day() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    for number in 1..=5 {
        saver
            .save(Writer::Shop, vec![marked(Writer::Shop, shop(number), at(1))], Priority::Live)
            .await
            .unwrap();
    }
    // The store stamps entries with the machine's time.
    let clock = Clock::manual(Timestamp::now() + trim::KEPT - jiff::SignedDuration::from_mins(1));
    assert_eq!(trim::trim(&*store, u64::MAX, &clock, &metrics()).await.unwrap(), 0);
    clock.set(Timestamp::now() + trim::KEPT + jiff::SignedDuration::from_mins(1));
    assert_eq!(trim::trim(&*store, u64::MAX, &clock, &metrics()).await.unwrap(), 5);
    let trimmed = store.read(1, Position { activation: 1, sequence: 0 }, 10).await;
    assert!(matches!(trimmed, Err(StoreError::Trimmed { .. })));
    assert!(list_of(&*store, shop(1)).await.is_visible(), "documents are kept for good");
}

#[tokio::test(start_paused = true)]
async fn a_busy_log_is_kept_no_longer_than_it_may_be_long() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    for counter in 1..=20 {
        let renamed = vec![marked(Writer::Shop, shop(1), at(counter))];
        saver.save(Writer::Shop, renamed, Priority::Live).await.unwrap();
    }
    let entries_max = 8 * u64::from(store.identity().await.unwrap().shards);
    let clock = Clock::manual(Timestamp::now());
    assert_eq!(trim::trim(&*store, entries_max, &clock, &metrics()).await.unwrap(), 12);
    let read = |sequence| store.read(1, Position { activation: 1, sequence }, 100);
    assert!(matches!(read(11).await, Err(StoreError::Trimmed { .. })), "rebuilds by a scan");
    assert_eq!(read(12).await.unwrap().entries.len(), 8);
}

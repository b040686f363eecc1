//! What every store, and every wrapper around one, is held to. A backend's tests call [`all`] with a way to make
//! an empty store; the suite panics with a sentence where a promise is broken.
#![allow(clippy::missing_panics_doc)]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shop_document::hours::Times;
use shop_document::{AdsSection, Held, Place, ReviewsSection, Sections, ShopDocument, ShopSection};
use shop_id::{Revision, ShopId, Writer};

use crate::{
    ChangeLog, DocumentReader, DocumentWriter, KeptLog, LogEntry, Lookup, Position, Positions, Projected,
    Put, StoreError,
};

/// The whole suite.
pub async fn all<S, F>(empty: impl Fn() -> F)
where
    S: DocumentWriter + ChangeLog,
    F: Future<Output = Arc<S>>,
{
    an_unknown_shop_is_unknown(&*empty().await).await;
    a_saved_shop_is_found_with_both_parts(&*empty().await).await;
    a_closed_shop_is_a_tombstone_and_one_without_shop_section_unknown(&*empty().await).await;
    what_is_kept_writes_no_log_entry(&*empty().await).await;
    updates_at_the_same_time_keep_both_sections(&*empty().await).await;
    a_crowd_that_updates_one_shop_loses_nothing(&*empty().await).await;
    a_shop_may_have_the_largest_number(&*empty().await).await;
    a_big_document_is_kept_whole(&*empty().await).await;
    every_save_stands_in_the_log_once_and_in_order(&*empty().await).await;
    the_log_says_which_cells_a_shop_left_and_entered(&*empty().await).await;
    a_gather_answers_in_the_asked_order(&*empty().await).await;
    a_trimmed_log_says_so(&*empty().await).await;
    a_log_keeps_no_more_entries_than_it_may(&*empty().await).await;
    a_scan_pages_through_all_shops(&*empty().await).await;
    contacts_and_cursors_are_kept(&*empty().await).await;
    the_log_wakes_those_who_wait(empty().await).await;
}

fn shop(number: u64) -> ShopId {
    // All numbers of this suite are written out above zero.
    ShopId::new(number).unwrap_or_else(|| panic!("shop zero"))
}

/// A shop section that can be told by its name and lists the shop in these cells.
#[must_use]
pub fn shop_section(counter: u64, name: &str, cells: &[u64]) -> Sections {
    let section = ShopSection {
        categories: vec!["pizza".to_owned()],
        location: Place { lat: 51.5, lng: -0.1 },
        times: Times {
            time_zone: "Europe/London".to_owned(),
            open_minutes: vec![(0, 10_080)],
            pauses: vec![],
        },
        cells: cells.to_vec(),
        card: format!("\"name\":\"{name}\""),
        detail: "\"menus\":[]".to_owned(),
        ..ShopSection::default()
    };
    Sections { shop: Held::Present(Revision::new(1, counter), section), ..Sections::default() }
}

fn ads(counter: u64) -> Sections {
    Sections { ads: Held::Present(Revision::new(1, counter), AdsSection::default()), ..Sections::default() }
}

fn reviews(counter: u64) -> Sections {
    let section = ReviewsSection { by_stars: [0, 0, 0, 0, 1], detail: "{}".to_owned() };
    Sections { reviews: Held::Present(Revision::new(1, counter), section), ..Sections::default() }
}

/// Newer sections win: what the invalidator does, in small.
pub fn merging(shop_id: ShopId, offered: Sections) -> impl Fn(&Lookup<ShopDocument>) -> Projected {
    move |held| {
        let mut sections = held.stored().map(|held| held.part.sections()).unwrap_or_default();
        if sections.merge(offered.clone()) {
            Projected::Save(Box::new(ShopDocument::assemble(shop_id, &sections)))
        } else {
            Projected::Keep
        }
    }
}

async fn save(store: &impl DocumentWriter, number: u64, offered: Sections) -> Put {
    let saved = store.update(shop(number), merging(shop(number), offered)).await;
    saved.unwrap_or_else(|error| panic!("saving shop {number}: {error}"))
}

async fn list_of(store: &impl DocumentReader, number: u64) -> Lookup<shop_document::ListPart> {
    let mut got = store.gather(&[shop(number)]).await;
    assert_eq!(got.len(), 1, "one answer per ID");
    got.remove(0).unwrap_or_else(|error| panic!("shop {number}: {error}"))
}

async fn entries(store: &impl ChangeLog) -> Vec<LogEntry> {
    let mut all = Vec::new();
    for (shard, head) in head(store).await.0.into_iter().enumerate() {
        let mut after = Position { sequence: 0, ..head };
        loop {
            let shard = u16::try_from(shard).unwrap_or(u16::MAX);
            let page =
                store.read(shard, after, 3).await.unwrap_or_else(|error| panic!("reading the log: {error}"));
            all.extend(page.entries);
            after = page.next;
            if !page.has_more {
                assert_eq!(after, head, "the log ends at its head");
                break;
            }
        }
    }
    all
}

async fn head(store: &impl ChangeLog) -> Positions {
    store.head().await.unwrap_or_else(|error| panic!("the head of the log: {error}"))
}

async fn an_unknown_shop_is_unknown(store: &impl DocumentWriter) {
    assert!(matches!(list_of(store, 7).await, Lookup::Unknown));
    assert!(matches!(store.detail(shop(7)).await, Ok(Lookup::Unknown)));
    let identity = store.identity().await.unwrap_or_else(|error| panic!("identity: {error}"));
    assert!(!identity.complete, "an empty store never saw a full resync");
    let refused = store.mark_complete(identity.activation - 1).await;
    assert!(matches!(&refused, Err(error) if error.is_transient()), "of another activation: {refused:?}");
    let marked = store.mark_complete(identity.activation).await;
    marked.unwrap_or_else(|error| panic!("mark_complete: {error}"));
    assert!(store.identity().await.is_ok_and(|identity| identity.complete));
}

async fn a_saved_shop_is_found_with_both_parts(store: &impl DocumentWriter) {
    let Put::Applied(position) = save(store, 7, shop_section(1, "Napoli", &[])).await else {
        panic!("not applied")
    };
    let Lookup::Found(list) = list_of(store, 7).await else { panic!("not found") };
    assert_eq!((list.part.shop_id(), list.position), (shop(7), position));
    let Ok(Lookup::Found(detail)) = store.detail(shop(7)).await else { panic!("no detail") };
    assert_eq!((detail.part.shop_id(), detail.position), (shop(7), position));
}

async fn a_closed_shop_is_a_tombstone_and_one_without_shop_section_unknown(store: &impl DocumentWriter) {
    save(store, 7, reviews(3)).await;
    assert!(matches!(list_of(store, 7).await, Lookup::Unknown), "invisible without a shop section");
    save(store, 7, shop_section(1, "Napoli", &[])).await;
    let gone = Sections { shop: Held::Gone(Revision::new(1, 2)), ..Sections::default() };
    save(store, 7, gone).await;
    let Lookup::Tombstone(stored) = list_of(store, 7).await else { panic!("no tombstone") };
    assert_eq!(
        stored.part.revision(Writer::Reviews),
        Some(Revision::new(1, 3)),
        "a tombstone keeps its revisions"
    );
    assert_eq!(save(store, 7, shop_section(1, "Late", &[])).await, Put::Unchanged, "and outlives late saves");
    assert!(matches!(store.detail(shop(7)).await, Ok(Lookup::Tombstone(_))));
    save(store, 8, shop_section(1, "Napoli", &[])).await;
    let nothing = Sections { shop: Held::Nothing(Revision::new(2, 0)), ..Sections::default() };
    save(store, 8, nothing).await;
    assert!(matches!(list_of(store, 8).await, Lookup::Unknown), "its writer knows it no more");
}

async fn what_is_kept_writes_no_log_entry<S: DocumentWriter + ChangeLog>(store: &S) {
    save(store, 7, shop_section(2, "Napoli", &[])).await;
    for counter in [1, 2] {
        assert_eq!(save(store, 7, shop_section(counter, "Replayed", &[])).await, Put::Unchanged);
    }
    assert_eq!(entries(store).await.len(), 1);
}

async fn updates_at_the_same_time_keep_both_sections(store: &impl DocumentWriter) {
    for round in 1..20 {
        let (first, second) = futures_util::future::join(
            store.update(shop(7), merging(shop(7), ads(round))),
            store.update(shop(7), merging(shop(7), reviews(round))),
        )
        .await;
        assert!(matches!((first, second), (Ok(Put::Applied(_)), Ok(Put::Applied(_)))));
    }
    save(store, 7, shop_section(1, "Napoli", &[])).await;
    let Lookup::Found(stored) = list_of(store, 7).await else { panic!("not found") };
    for writer in [Writer::Ads, Writer::Reviews] {
        assert_eq!(stored.part.revision(writer), Some(Revision::new(1, 19)), "{writer}");
    }
}

async fn a_crowd_that_updates_one_shop_loses_nothing<S: DocumentWriter + ChangeLog>(store: &S) {
    // Both writers count up; whichever order the store makes of it, the newest of each stays.
    let updates = (1..=25).flat_map(|counter| [ads(counter), reviews(counter)]);
    let updates = updates.map(|offered| store.update(shop(7), merging(shop(7), offered)));
    let mut positions = Vec::new();
    for put in futures_util::future::join_all(updates).await {
        match put {
            Ok(Put::Applied(position)) => positions.push(position),
            Ok(Put::Unchanged) => {}
            Err(error) => panic!("one of a crowd: {error}"),
        }
    }
    save(store, 7, shop_section(1, "Napoli", &[])).await;
    let Lookup::Found(stored) = list_of(store, 7).await else { panic!("not found") };
    for writer in [Writer::Ads, Writer::Reviews] {
        assert_eq!(stored.part.revision(writer), Some(Revision::new(1, 25)), "{writer}");
    }
    positions.sort_unstable();
    positions.push(stored.position);
    let logged: Vec<Position> = entries(store).await.iter().map(|entry| entry.position).collect();
    assert_eq!(logged, positions, "what was applied is logged, once");
}

async fn a_shop_may_have_the_largest_number<S: DocumentWriter + ChangeLog>(store: &S) {
    // Neighbours that a floating-point number cannot tell apart.
    let numbers = [u64::MAX, u64::MAX - 1, u64::MAX - 4, (1 << 53) + 1, 1 << 53, 10, 9];
    for number in numbers {
        save(store, number, shop_section(1, "far", &[])).await;
    }
    for number in numbers {
        let Lookup::Found(stored) = list_of(store, number).await else { panic!("shop {number} not found") };
        assert_eq!(stored.part.shop_id(), shop(number));
    }
    assert!(matches!(list_of(store, u64::MAX - 2).await, Lookup::Unknown));
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let scan = store.scan(after, 3).await.unwrap_or_else(|error| panic!("scan: {error}"));
        seen.extend(scan.shops.iter().map(|(shop_id, _)| shop_id.get()));
        after = scan.next;
        if after.is_none() {
            break;
        }
    }
    let mut sorted = numbers;
    sorted.sort_unstable();
    assert_eq!(seen, sorted);
    let mut logged: Vec<u64> = entries(store).await.iter().map(|entry| entry.shop_id.get()).collect();
    logged.sort_unstable();
    assert_eq!(logged, sorted);
}

async fn a_big_document_is_kept_whole(store: &impl DocumentWriter) {
    // Near the 512 KiB that a detail may have, of bytes that do not pack, and not all of them text for a terminal.
    let menus: String =
        (0..40_000_u32).map(|number| format!("{:x}\u{e9}\r\n\0", number.wrapping_mul(0x9e37_79b9))).collect();
    let mut offered = shop_section(1, "Big", &[]);
    if let Held::Present(_, section) = &mut offered.shop {
        section.detail = format!("\"menus\":[{menus:?}]");
    }
    let expected = ShopDocument::assemble(shop(7), &offered);
    assert!(expected.detail.bytes().len() > 400 << 10, "{}", expected.detail.bytes().len());
    save(store, 7, offered).await;
    let Ok(Lookup::Found(stored)) = store.detail(shop(7)).await else { panic!("no detail") };
    assert_eq!(stored.part.bytes(), expected.detail.bytes());
    save(store, 7, reviews(1)).await;
    let Lookup::Found(list) = list_of(store, 7).await else { panic!("not found") };
    assert_eq!(list.part.revision(Writer::Reviews), Some(Revision::new(1, 1)));
}

async fn every_save_stands_in_the_log_once_and_in_order<S: DocumentWriter + ChangeLog>(store: &S) {
    let mut positions = Vec::new();
    for counter in 1..=5 {
        for number in 1..=9 {
            let Put::Applied(position) = save(store, number, shop_section(counter, "x", &[])).await else {
                panic!("not applied")
            };
            positions.push((shop(number), position));
        }
    }
    let entries = entries(store).await;
    let mut logged: Vec<_> = entries.iter().map(|entry| (entry.shop_id, entry.position)).collect();
    let shards = u64::try_from(head(store).await.0.len()).unwrap_or(1);
    for pair in
        entries.windows(2).filter(|pair| pair[0].shop_id.get() % shards == pair[1].shop_id.get() % shards)
    {
        assert_eq!(pair[0].position.next(), pair[1].position, "a shard has no gaps");
    }
    logged.sort_unstable();
    positions.sort_unstable();
    assert_eq!(logged, positions);
}

async fn the_log_says_which_cells_a_shop_left_and_entered<S: DocumentWriter + ChangeLog>(store: &S) {
    save(store, 7, shop_section(1, "x", &[10, 11])).await;
    save(store, 7, shop_section(2, "x", &[11, 12])).await;
    let seen: Vec<_> =
        entries(store).await.into_iter().map(|entry| (entry.cells_before, entry.cells_after)).collect();
    assert_eq!(seen, [(vec![], vec![10, 11]), (vec![10, 11], vec![11, 12])]);
}

async fn a_gather_answers_in_the_asked_order(store: &impl DocumentWriter) {
    for number in 1..=30 {
        save(store, number, shop_section(1, "x", &[])).await;
    }
    let asked: Vec<ShopId> = [30, 99, 1, 17].map(shop).to_vec();
    let got = store.gather(&asked).await;
    let found: Vec<Option<ShopId>> = got
        .into_iter()
        .map(|lookup| lookup.unwrap_or(Lookup::Unknown).stored().map(|stored| stored.part.shop_id()))
        .collect();
    assert_eq!(found, [Some(shop(30)), None, Some(shop(1)), Some(shop(17))]);
}

async fn a_trimmed_log_says_so<S: DocumentWriter + ChangeLog>(store: &S) {
    for counter in 1..=3 {
        save(store, 4, shop_section(counter, "x", &[])).await;
    }
    let heads = head(store).await;
    let shard =
        heads.0.iter().position(|head| head.sequence == 3).unwrap_or_else(|| panic!("no shard has 3 saves"));
    let (shard_number, at_head) = (u16::try_from(shard).unwrap_or(u16::MAX), heads.0[shard]);
    let future = Timestamp::now() + Duration::from_secs(3_600);
    assert_eq!(store.trim(KeptLog { since: future, entries_max: u64::MAX }).await.ok(), Some(3));
    let behind = Position { sequence: 1, ..at_head };
    let refused = store.read(shard_number, behind, 10).await;
    assert!(matches!(refused, Err(StoreError::Trimmed { .. })), "{refused:?}");
    let page = store.read(shard_number, at_head, 10).await;
    assert!(page.is_ok_and(|page| page.entries.is_empty()), "whoever had read all goes on");
    save(store, 4, shop_section(4, "x", &[])).await;
    let page = store.read(shard_number, at_head, 10).await;
    assert!(page.is_ok_and(|page| page.entries.len() == 1));
}

async fn a_log_keeps_no_more_entries_than_it_may<S: DocumentWriter + ChangeLog>(store: &S) {
    save(store, 5, shop_section(1, "x", &[])).await;
    for counter in 1..=10 {
        save(store, 4, shop_section(counter, "x", &[])).await;
    }
    let heads = head(store).await;
    let shards = u64::try_from(heads.0.len()).unwrap_or(1);
    // A store of one shard has the save of shop 5 in the same log.
    let saved = if shards == 1 { 11 } else { 10 };
    let shard = heads.0.iter().position(|head| head.sequence == saved);
    let shard = shard.unwrap_or_else(|| panic!("no shard has {saved} saves"));
    let (shard_number, at_head) = (u16::try_from(shard).unwrap_or(u16::MAX), heads.0[shard]);
    let kept = KeptLog { since: Timestamp::UNIX_EPOCH, entries_max: 3 * shards };
    assert_eq!(store.trim(kept).await.ok(), Some(saved - 3), "of one busy shard, not of the others");
    assert_eq!(store.trim(kept).await.ok(), Some(0));
    let behind = |count| Position { sequence: at_head.sequence - count, ..at_head };
    let page = store.read(shard_number, behind(3), 10).await;
    assert!(page.is_ok_and(|page| page.entries.len() == 3), "the newest are kept");
    let refused = store.read(shard_number, behind(4), 10).await;
    assert!(matches!(refused, Err(StoreError::Trimmed { .. })), "{refused:?}");
    assert_eq!(store.trim(KeptLog { entries_max: 0, ..kept }).await.ok(), Some(2), "the newest entry stays");
    save(store, 4, shop_section(11, "x", &[])).await;
    let page = store.read(shard_number, at_head, 10).await;
    assert!(page.is_ok_and(|page| page.entries.len() == 1), "whoever had read all goes on");
}

async fn a_scan_pages_through_all_shops<S: DocumentWriter + ChangeLog>(store: &S) {
    for number in [5, 3, 900, 41, 2] {
        save(store, number, shop_section(1, "x", &[])).await;
    }
    let gone = Sections { shop: Held::Gone(Revision::new(1, 9)), ..Sections::default() };
    save(store, 41, gone).await;
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let scan = store.scan(after, 2).await.unwrap_or_else(|error| panic!("scan: {error}"));
        assert_eq!(scan.unreadable, []);
        seen.extend(scan.shops.iter().map(|(shop_id, stored)| (shop_id.get(), stored.part.is_tombstone())));
        after = scan.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [(2, false), (3, false), (5, false), (41, true), (900, false)]);
}

async fn contacts_and_cursors_are_kept(store: &impl DocumentWriter) {
    let at = |second| Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
    for second in [100, 200, 150] {
        assert!(store.record_heard(Writer::Ads, at(second)).await.is_ok());
    }
    for cursor in [Revision::ZERO, Revision::new(1, 42)] {
        assert!(
            store.save_cursor(Writer::Ads, cursor).await.is_ok(),
            "a resync begins, and ends at {cursor:?}"
        );
    }
    let contacts = store.writer_contacts().await.unwrap_or_default();
    let writers: Vec<Writer> = contacts.iter().map(|contact| contact.writer).collect();
    assert_eq!(writers, Writer::OF_THE_DOCUMENT);
    assert_eq!((contacts[1].heard_at, contacts[1].cursor), (Some(at(200)), Some(Revision::new(1, 42))));
    assert_eq!((contacts[0].heard_at, contacts[0].cursor), (None, None));
}

async fn the_log_wakes_those_who_wait<S: DocumentWriter + ChangeLog>(store: Arc<S>) {
    let seen = head(&*store).await;
    let waiting = {
        let (store, seen) = (Arc::clone(&store), seen.clone());
        tokio::spawn(async move { store.grown(&seen).await })
    };
    tokio::task::yield_now().await;
    save(&*store, 7, shop_section(1, "x", &[])).await;
    assert!(matches!(waiting.await, Ok(Ok(()))));
    assert_ne!(head(&*store).await, seen);
}

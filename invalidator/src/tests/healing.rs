//! A broken document is found, begun anew, and comes back whole.

use std::path::Path;
use std::sync::Arc;

use document_store::lmdb::{LmdbOptions, LmdbWriter};
use document_store::memory::MemoryStore;
use document_store::{ChangeLog, DocumentReader, DocumentWriter, Lookup, StoreError};
use shop_document::envelope::Part;
use shop_id::{Revision, ShopId, Writer};
use subscription::{Follower, Priority};
use writer_api::{SectionAnswer, SectionState};

use super::answers::{answer, at, marked, shop};
use super::damage::flip_a_bit;
use super::{list_of, metrics, saver};
use crate::audit::{Audit, Audited};
use crate::heal::{self, Doubted};
use crate::project::LOST;
use crate::save::Saver;

const SHOPS: u64 = 5;

/// Five shops of which all three writers have spoken.
async fn filled(directory: &Path) -> (Arc<LmdbWriter>, Saver<LmdbWriter>, Vec<Doubted>) {
    let options = LmdbOptions { map_bytes: 64 << 20, ..LmdbOptions::default() };
    let store = Arc::new(LmdbWriter::open(directory, options).unwrap());
    let (saver, doubted) = saver(&store);
    for writer in Writer::OF_THE_DOCUMENT {
        let answers = (1..=SHOPS).map(|number| marked(writer, shop(number), at(number))).collect();
        saver.save(writer, answers, Priority::Bulk).await.unwrap();
    }
    (store, saver, doubted)
}

async fn audit<S: DocumentWriter + ChangeLog>(store: &Arc<S>) -> (Audited, Vec<(Writer, Vec<ShopId>)>) {
    let (doubts, mut doubted) = heal::roads();
    let audited = Audit::new(Arc::clone(store), doubts, metrics()).once().await.unwrap();
    let asked = doubted.iter_mut().map(|doubted| (doubted.writer, doubted.waiting()));
    (audited, asked.filter(|(_, shops)| !shops.is_empty()).collect())
}

fn nothing() -> (Audited, Vec<(Writer, Vec<ShopId>)>) {
    let shops = usize::try_from(SHOPS).unwrap();
    (Audited { shops, corrupt: 0, doubted: 0 }, vec![])
}

async fn refetch(saver: &Saver<LmdbWriter>, asked: Vec<(Writer, Vec<ShopId>)>) {
    for (writer, shop_ids) in asked {
        let answers = shop_ids.into_iter().map(|shop_id| marked(writer, shop_id, at(shop_id.get())));
        saver.save(writer, answers.collect(), Priority::Bulk).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_finds_broken_parts_and_their_three_sections_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let (store, saver, _) = filled(directory.path()).await;
    assert_eq!(audit(&store).await, nothing());
    flip_a_bit(directory.path(), shop(2), Part::List);
    flip_a_bit(directory.path(), shop(4), Part::Detail);
    let is_broken = |error: Result<_, StoreError>| matches!(error, Err(StoreError::Corrupt { .. }));
    assert!(is_broken(store.gather(&[shop(2)]).await.remove(0).map(drop)));
    assert!(is_broken(store.detail(shop(4)).await.map(drop)));

    let (audited, asked) = audit(&store).await;
    assert_eq!(audited, Audited { shops: 5, corrupt: 2, doubted: 6 });
    let both = vec![shop(2), shop(4)];
    assert_eq!(asked, Writer::OF_THE_DOCUMENT.map(|writer| (writer, both.clone())));
    refetch(&saver, asked).await;
    assert_eq!(audit(&store).await, nothing());
    for number in [2, 4] {
        let list = list_of(&*store, shop(number)).await;
        assert!(list.is_visible());
        assert!(Writer::OF_THE_DOCUMENT.iter().all(|writer| list.revision(*writer) == Some(at(number))));
        assert!(matches!(store.detail(shop(number)).await, Ok(Lookup::Found(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_meets_a_broken_document_has_all_its_writers_asked() {
    for part in [Part::List, Part::Detail] {
        let directory = tempfile::tempdir().unwrap();
        let (store, saver, mut doubted) = filled(directory.path()).await;
        flip_a_bit(directory.path(), shop(3), part);
        saver.save(Writer::Shop, vec![marked(Writer::Shop, shop(3), at(9))], Priority::Live).await.unwrap();
        for doubted in &mut doubted {
            assert_eq!(doubted.waiting(), [shop(3)], "{}", doubted.writer);
        }
        let list = list_of(&*store, shop(3)).await;
        let revisions = Writer::OF_THE_DOCUMENT.map(|writer| list.revision(writer));
        assert_eq!(revisions, [Some(at(9)), Some(LOST), Some(LOST)]);
        // A crash forgets who was asked; the document itself does not.
        let (audited, asked) = audit(&store).await;
        assert_eq!(audited, Audited { shops: 5, corrupt: 0, doubted: 2 });
        assert_eq!(asked, [(Writer::Ads, vec![shop(3)]), (Writer::Reviews, vec![shop(3)])]);
        refetch(&saver, asked).await;
        assert_eq!(audit(&store).await, nothing());
        let list = list_of(&*store, shop(3)).await;
        let revisions = Writer::OF_THE_DOCUMENT.map(|writer| list.revision(writer));
        assert_eq!(revisions, [Some(at(9)), Some(at(3)), Some(at(3))]);
    }
}

#[tokio::test]
async fn what_a_writer_does_not_know_is_settled_by_its_saying_so() {
    let store = Arc::new(MemoryStore::new());
    let ruins = crate::project::project_over_ruins;
    let offered = crate::flatten::flatten(marked(Writer::Shop, shop(7), at(4))).offered;
    store.update(shop(7), move |_| ruins(shop(7), &offered)).await.unwrap();
    let (_, asked) = audit(&store).await;
    assert_eq!(asked, [(Writer::Ads, vec![shop(7)]), (Writer::Reviews, vec![shop(7)])]);
    let (saver, _) = saver(&store);
    for writer in [Writer::Ads, Writer::Reviews] {
        let never_heard = SectionAnswer {
            as_of_sequence: at(12),
            ..answer(writer, shop(7), Revision::ZERO, SectionState::Nothing)
        };
        saver.save(writer, vec![never_heard], Priority::Bulk).await.unwrap();
    }
    assert_eq!(audit(&store).await.1, []);
    assert!(list_of(&*store, shop(7)).await.is_visible());
}

#[tokio::test]
async fn a_shop_that_a_restored_writer_does_not_know_any_more_is_found_by_the_audit() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    for number in [7, 8] {
        saver
            .save(Writer::Shop, vec![marked(Writer::Shop, shop(number), at(number))], Priority::Live)
            .await
            .unwrap();
    }
    saver.save_cursor(Writer::Shop, at(8)).await.unwrap();
    assert_eq!(audit(&store).await.1, []);
    // The backup was made before shop 8: paging through the restored writer brings shop 7 alone.
    let restored =
        SectionAnswer { as_of_sequence: Revision::new(2, 7), ..marked(Writer::Shop, shop(7), at(7)) };
    saver.save(Writer::Shop, vec![restored], Priority::Bulk).await.unwrap();
    assert_eq!(audit(&store).await.1, [], "it is still being paged through");
    saver.save_cursor(Writer::Shop, Revision::new(2, 7)).await.unwrap();
    assert_eq!(audit(&store).await.1, [(Writer::Shop, vec![shop(8)])]);
    let never_heard = SectionAnswer {
        as_of_sequence: Revision::new(2, 7),
        ..answer(Writer::Shop, shop(8), Revision::ZERO, SectionState::Nothing)
    };
    saver.save(Writer::Shop, vec![never_heard], Priority::Bulk).await.unwrap();
    assert_eq!(audit(&store).await.1, []);
    assert!(matches!(store.gather(&[shop(8)]).await[0], Ok(Lookup::Unknown)), "no longer shown");
    assert!(list_of(&*store, shop(7)).await.is_visible());
}

#[tokio::test(start_paused = true)]
async fn an_audit_looks_at_every_document_of_a_large_store_and_a_writer_that_is_away_holds_nobody_up() {
    let store = Arc::new(MemoryStore::new());
    let (saver, _) = saver(&store);
    let shops = 11_000;
    for number in 1..=shops {
        let ruins = crate::project::project_over_ruins;
        store.update(shop(number), move |_| ruins(shop(number), &Default::default())).await.unwrap();
    }
    drop(saver);
    let (doubts, mut doubted) = heal::roads();
    let reviews = doubted.pop().unwrap();
    // The others' roads are emptied all the time, as by writers that answer.
    let emptied = doubted.into_iter().map(|mut doubted| {
        tokio::spawn(async move {
            let mut seen = 0;
            while seen < shops {
                seen += u64::try_from(doubted.waiting().len()).unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        })
    });
    let emptied: Vec<_> = emptied.collect();
    let audited = Audit::new(store, doubts, metrics()).once().await.unwrap();
    for emptied in emptied {
        emptied.await.unwrap();
    }
    // What found no room on the road of the one that is away is found by the next audit.
    assert_eq!(audited, Audited { shops: 11_000, corrupt: 0, doubted: 11_000 + 11_000 + 10_000 });
    drop(reviews);
}

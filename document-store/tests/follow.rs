//! What followers of the change log are told when shops change, stores fail, and logs break off.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use document_store::conformance::{merging, shop_section};
use document_store::memory::MemoryStore;
use document_store::near_cache::NearCacheLimits;
use document_store::{
    DocumentReader, DocumentWriter, FollowProgress, LogFollower, Lookup, NearCache, StoreError, Stored,
    follow,
};
use shop_document::{Held, ListPart, Sections};
use shop_id::{Revision, ShopId};

fn shop(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

async fn save(store: &MemoryStore, number: u64, offered: Sections) {
    store.update(shop(number), merging(shop(number), offered)).await.unwrap();
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn note(&self, word: &str, shop_id: ShopId) {
        self.0.lock().unwrap().push(format!("{word} {shop_id}"));
    }
}

impl LogFollower for Told {
    fn fold(&self, shop_id: ShopId, _stored: &Stored<ListPart>) {
        self.note("fold", shop_id);
    }
    fn vanished(&self, shop_id: ShopId) {
        self.note("vanished", shop_id);
    }
    fn caught_up(&self) {}
}

struct Followed {
    store: Arc<MemoryStore>,
    told: Arc<Told>,
    cache: Arc<NearCache<MemoryStore>>,
    progress: Arc<FollowProgress>,
}

async fn followed() -> Followed {
    let store = Arc::new(MemoryStore::new());
    for number in 1..=5 {
        save(&store, number, shop_section(1, "first", &[])).await;
    }
    let (told, progress) = (Arc::new(Told::default()), Arc::new(FollowProgress::default()));
    let cache = Arc::new(NearCache::new(Arc::clone(&store), NearCacheLimits::default()));
    let followers: Vec<Arc<dyn LogFollower>> =
        vec![Arc::clone(&told) as Arc<dyn LogFollower>, Arc::clone(&cache) as Arc<dyn LogFollower>];
    tokio::spawn(follow(Arc::clone(&store), followers, Arc::clone(&progress)));
    settle().await;
    assert!(progress.is_caught_up());
    assert_eq!(told.take().len(), 5);
    Followed { store, told, cache, progress }
}

/// Long enough for everything but an outage; the clock is paused.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_its_writer_knows_no_more_leaves_caches_and_lists() {
    let Followed { store, told, cache, .. } = followed().await;
    assert!(cache.pin().get(shop(3)).is_some());
    let nothing = Sections { shop: Held::Nothing(Revision::new(2, 0)), ..Sections::default() };
    save(&store, 3, nothing).await;
    settle().await;
    assert_eq!(told.take(), ["vanished 3"]);
    assert!(cache.pin().get(shop(3)).is_none(), "yesterday's card would stand on lists for good");
    assert!(matches!(cache.gather(&[shop(3)]).await[..], [Ok(Lookup::Unknown)]));
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_scan() {
    let Followed { store, told, progress, .. } = followed().await;
    let away = StoreError::Unavailable { store: "memory".to_owned(), reason: "test".to_owned() };
    for number in 1..=3 {
        save(&store, number, shop_section(2, "second", &[])).await;
        // The log has grown, and what grew cannot be read.
        store.set_broken(Some(away.clone()));
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(told.take(), [""; 0]);
        store.set_broken(None);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(told.take(), [format!("fold {number}")]);
    }
    assert_eq!(progress.rescans(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_swapped_store_is_scanned_and_what_it_lost_vanishes() {
    let Followed { store, told, cache, progress } = followed().await;
    store.mark_complete(store.identity().await.unwrap().activation).await.unwrap();
    store.lose(shop(2));
    store.raise_activation();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(progress.rescans(), 2);
    let mut told = told.take();
    told.sort_unstable();
    assert_eq!(told, ["fold 1", "fold 3", "fold 4", "fold 5", "vanished 2"]);
    assert!(cache.pin().get(shop(2)).is_none());
}

#[tokio::test(start_paused = true)]
async fn shops_of_a_flushed_store_go_on_being_shown_until_it_is_full_again() {
    let Followed { store, told, cache, progress } = followed().await;
    for number in 1..=4 {
        store.lose(shop(number));
    }
    store.raise_activation();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((told.take(), progress.rescans()), (vec!["fold 5".to_owned()], 2));
    assert!(cache.pin().get(shop(1)).is_some(), "that it is not there means nothing yet");
    for number in [1, 3] {
        save(&store, number, shop_section(2, "again", &[])).await;
    }
    store.mark_complete(store.identity().await.unwrap().activation).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = told.take();
    assert!(told.contains(&"vanished 2".to_owned()) && told.contains(&"vanished 4".to_owned()), "{told:?}");
    assert!(cache.pin().get(shop(2)).is_none() && cache.pin().get(shop(3)).is_some());
    assert_eq!(progress.rescans(), 3);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(progress.rescans(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_night_is_told_from_a_dead_store() {
    let Followed { store, progress, .. } = followed().await;
    let contact = |progress: &FollowProgress| progress.last_contact().unwrap();
    let evening = contact(&progress);
    // The clock of `last_contact` is the real one, which a paused test cannot move.
    while jiff::Timestamp::now() <= evening {}
    tokio::time::sleep(Duration::from_secs(2)).await;
    let midnight = contact(&progress);
    assert!(midnight > evening, "nothing was saved, yet the store answers");
    assert!(!progress.is_failing());
    store.set_broken(Some(StoreError::TimedOut { store: "memory".to_owned(), waited_ms: 1 }));
    while jiff::Timestamp::now() <= midnight {}
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(contact(&progress), midnight);
    assert!(progress.is_failing());
    store.set_broken(None);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!progress.is_failing(), "the store is back");
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_asked_for_finds_room_though_nothing_changes() {
    let store = Arc::new(MemoryStore::new());
    for number in 1..=40 {
        save(&store, number, shop_section(1, "first", &[])).await;
    }
    let limits = NearCacheLimits { cards_bytes_max: 10_000, details_bytes_max: 0 };
    let cache = Arc::new(NearCache::new(Arc::clone(&store), limits));
    let followers = vec![Arc::clone(&cache) as Arc<dyn LogFollower>];
    tokio::spawn(follow(Arc::clone(&store), followers, Arc::default()));
    settle().await;
    assert!(cache.pin().get(shop(40)).is_none(), "the first ones took all the room");
    for _ in 0..3 {
        cache.gather(&[shop(40)]).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert!(cache.pin().get(shop(40)).is_some());
}

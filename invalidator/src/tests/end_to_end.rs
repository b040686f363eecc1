//! Events, writers, store: all together, with the clock in our hands.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use change_events::memory::MemoryTransport;
use change_events::{ChangeEvent, EventPublisher};
use document_store::{DocumentReader, Lookup, StoreError};
use jiff::Timestamp;
use service_runtime::program::Context;
use shop_document::ListPart;
use shop_id::{Revision, ShopId, Writer};
use subscription::Settings;
use tokio::time::Instant;
use writer_api::{
    Asked, Change, ChangesAnswer, PageAnswer, RefetchError, SectionAnswer, SectionState, SectionsAnswer,
    WriterReads,
};

use super::answers::{marked, shop};
use super::damage::Damaged;
use crate::{Followed, Pace, start};

/// A writer in memory. Cloning shares it.
#[derive(Clone, Debug)]
struct FakeWriter {
    writer: Writer,
    owned: Arc<Mutex<Owned>>,
}

#[derive(Debug, Default)]
struct Owned {
    sections: BTreeMap<ShopId, SectionAnswer>,
    changes: Vec<Change>,
    is_away: bool,
}

impl FakeWriter {
    fn new(writer: Writer) -> Self {
        Self { writer, owned: Arc::default() }
    }

    fn owned(&self) -> MutexGuard<'_, Owned> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, shop_id: ShopId) -> Revision {
        let mut owned = self.owned();
        let revision = newest(&owned).next();
        owned.sections.insert(shop_id, marked(self.writer, shop_id, revision));
        owned.changes.push(Change { shop_id, revision, time: Timestamp::now() });
        revision
    }

    fn close(&self, shop_id: ShopId) -> Revision {
        let revision = self.commit(shop_id);
        if let Some(section) = self.owned().sections.get_mut(&shop_id) {
            section.state = SectionState::Gone;
        }
        revision
    }

    fn set_away(&self, is_away: bool) {
        self.owned().is_away = is_away;
    }

    fn here(&self, asked: Asked) -> Result<MutexGuard<'_, Owned>, RefetchError> {
        let owned = self.owned();
        if owned.is_away {
            let reason = "away on purpose".to_owned();
            return Err(RefetchError::Unreachable { writer: self.writer, asked, waited_ms: 0, reason });
        }
        Ok(owned)
    }

    fn answer(&self, owned: &Owned, shop_id: ShopId) -> SectionAnswer {
        let as_of_sequence = newest(owned);
        match owned.sections.get(&shop_id) {
            Some(section) => SectionAnswer { as_of_sequence, ..section.clone() },
            None => SectionAnswer {
                shop_id,
                writer: self.writer,
                revision: Revision::ZERO,
                as_of_sequence,
                state: SectionState::Nothing,
            },
        }
    }
}

fn newest(owned: &Owned) -> Revision {
    owned.changes.last().map_or(Revision::new(1, 0), |change| change.revision)
}

trait Next {
    fn next(self) -> Self;
}

impl Next for Revision {
    fn next(self) -> Self {
        Self::new(self.epoch, self.counter + 1)
    }
}

impl WriterReads for FakeWriter {
    fn writer(&self) -> Writer {
        self.writer
    }

    async fn section(&self, shop_id: ShopId) -> Result<SectionAnswer, RefetchError> {
        let owned = self.here(Asked::Section(shop_id))?;
        Ok(self.answer(&owned, shop_id))
    }

    async fn sections(&self, shop_ids: &[ShopId]) -> Result<SectionsAnswer, RefetchError> {
        let owned = self.here(Asked::Sections { first: shop_ids[0], count: shop_ids.len() })?;
        let sections = shop_ids.iter().map(|shop_id| self.answer(&owned, *shop_id)).collect();
        Ok(SectionsAnswer { as_of_sequence: newest(&owned), sections })
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesAnswer, RefetchError> {
        let owned = self.here(Asked::Changes { after })?;
        let behind: Vec<Change> =
            owned.changes.iter().filter(|change| change.revision > after).copied().collect();
        let changes: Vec<Change> = behind.iter().take(limit).copied().collect();
        let next_cursor = changes.last().map_or_else(|| after.max(newest(&owned)), |change| change.revision);
        let has_more = behind.len() > changes.len();
        Ok(ChangesAnswer { as_of_sequence: newest(&owned), changes, next_cursor, has_more })
    }

    async fn page(&self, after: Option<ShopId>, limit: usize) -> Result<PageAnswer, RefetchError> {
        let owned = self.here(Asked::Page { after })?;
        let behind = owned.sections.keys().filter(|shop_id| Some(**shop_id) > after);
        let shop_ids: Vec<ShopId> = behind.copied().take(limit).collect();
        let is_last = shop_ids.last() == owned.sections.keys().last() || shop_ids.is_empty();
        let next_page_after = if is_last { None } else { shop_ids.last().copied() };
        let sections = shop_ids.into_iter().map(|shop_id| self.answer(&owned, shop_id)).collect();
        Ok(PageAnswer { as_of_sequence: newest(&owned), sections, next_page_after })
    }
}

/// Three writers, a transport, a store, and the invalidator running between them.
struct Road {
    writers: [FakeWriter; 3],
    transport: MemoryTransport,
    store: Arc<Damaged>,
    context: Context,
}

impl Road {
    /// Shops 1 to 3 are known to all writers before the invalidator starts.
    fn of_three_shops() -> Self {
        let writers = Writer::OF_THE_DOCUMENT.map(FakeWriter::new);
        for number in 1..=3 {
            for writer in &writers {
                writer.commit(shop(number));
            }
        }
        let transport = MemoryTransport::new(Duration::from_secs(30));
        Self { writers, transport, store: Arc::default(), context: Context::default() }
    }

    fn start(&self, changed_since_interval: Duration, audit_interval: Duration) {
        let settings = Settings { changed_since_interval, ..Settings::default() };
        let followed = self.writers.clone().map(|reads| {
            let (transport, writer) = (self.transport.clone(), reads.writer);
            let open = move || {
                let transport = transport.clone();
                async move { Ok(transport.subscribe(writer, "invalidator")) }
            };
            Followed { reads, open }
        });
        start(
            Arc::clone(&self.store),
            followed.into(),
            &Pace { settings, audit_interval, log_entries_max: 4_000_000 },
            &self.context,
        );
    }

    fn writer(&self, writer: Writer) -> &FakeWriter {
        self.writers.iter().find(|fake| fake.writer == writer).unwrap()
    }

    async fn announce(&self, writer: Writer, shop_id: ShopId, sequence: Revision) {
        let id = format!("{writer}-{sequence}");
        let event = ChangeEvent { id, source: writer, subject: shop_id, time: Timestamp::now(), sequence };
        self.transport.publish(&[event]).await.unwrap();
    }

    async fn look(&self, shop_id: ShopId) -> Result<Option<ListPart>, StoreError> {
        Ok(self.store.gather(&[shop_id]).await.remove(0)?.stored().map(|stored| stored.part.clone()))
    }

    /// Waits until a shop is visible with this revision of that writer; how long it took on the paused clock.
    async fn arrived(&self, shop_id: ShopId, writer: Writer, revision: Revision) -> Duration {
        let holds = |list: ListPart| list.revision(writer) == Some(revision);
        until(async || self.look(shop_id).await.is_ok_and(|list| list.is_some_and(holds))).await
    }
}

async fn until(mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(24 * 3_600), "a day has gone by");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test(start_paused = true)]
async fn what_the_writers_know_already_comes_with_the_first_full_resync() {
    let road = Road::of_three_shops();
    road.start(HOUR, DAY);
    for number in 1..=3 {
        for writer in Writer::OF_THE_DOCUMENT {
            road.arrived(shop(number), writer, Revision::new(1, number)).await;
        }
    }
    let took = until(async || road.store.identity().await.unwrap().complete).await;
    assert!(took < Duration::from_secs(5), "complete after {took:?}");
    assert!(matches!(road.store.gather(&[shop(4)]).await[0], Ok(Lookup::Unknown)));
}

#[tokio::test(start_paused = true)]
async fn an_announced_change_arrives_at_once_and_an_unannounced_one_within_the_interval() {
    let road = Road::of_three_shops();
    road.start(Duration::from_secs(10), DAY);
    until(async || road.store.identity().await.unwrap().complete).await;
    let revision = road.writer(Writer::Reviews).commit(shop(2));
    road.announce(Writer::Reviews, shop(2), revision).await;
    let took = road.arrived(shop(2), Writer::Reviews, revision).await;
    assert!(took < Duration::from_secs(1), "told, but it took {took:?}");

    let revision = road.writer(Writer::Ads).commit(shop(2));
    let took = road.arrived(shop(2), Writer::Ads, revision).await;
    assert!(took <= Duration::from_secs(11), "not told, and it took {took:?}");

    let revision = road.writer(Writer::Shop).close(shop(2));
    road.announce(Writer::Shop, shop(2), revision).await;
    road.arrived(shop(2), Writer::Shop, revision).await;
    assert!(matches!(road.store.gather(&[shop(2)]).await[0], Ok(Lookup::Tombstone(_))));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_everything_is_filled_again_while_changes_go_on() {
    let road = Road::of_three_shops();
    road.start(Duration::from_secs(10), DAY);
    until(async || road.store.identity().await.unwrap().complete).await;
    for _ in 0..2 {
        let revision = road.writer(Writer::Ads).commit(shop(1));
        road.announce(Writer::Ads, shop(1), revision).await;
        road.arrived(shop(1), Writer::Ads, revision).await;
        road.store.flush();
        // What changes before anybody has noticed is saved, and must not be taken for all there is.
        let later = road.writer(Writer::Reviews).commit(shop(2));
        road.announce(Writer::Reviews, shop(2), later).await;
        let took = until(async || road.store.identity().await.unwrap().complete).await;
        assert!(took > Duration::ZERO && took < Duration::from_secs(30), "complete after {took:?}");
        for number in 1..=3 {
            for writer in &road.writers {
                let newest = writer.owned().sections[&shop(number)].revision;
                road.arrived(shop(number), writer.writer, newest).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_writer_costs_its_own_section_and_its_event_waits() {
    let road = Road::of_three_shops();
    road.start(Duration::from_secs(10), DAY);
    until(async || road.store.identity().await.unwrap().complete).await;
    let queue = road.transport.subscribe(Writer::Reviews, "invalidator");
    let (stars, name) =
        (road.writer(Writer::Reviews).commit(shop(1)), road.writer(Writer::Shop).commit(shop(1)));
    road.writer(Writer::Reviews).set_away(true);
    road.announce(Writer::Reviews, shop(1), stars).await;
    road.announce(Writer::Shop, shop(1), name).await;
    road.arrived(shop(1), Writer::Shop, name).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let list = road.look(shop(1)).await.unwrap().unwrap();
    assert_eq!(list.revision(Writer::Reviews), Some(Revision::new(1, 1)), "the last stars stay");
    assert_eq!(queue.waiting(), 1, "the event waits");
    road.writer(Writer::Reviews).set_away(false);
    road.arrived(shop(1), Writer::Reviews, stars).await;
    until(async || queue.waiting() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_document_is_healed_by_the_audit() {
    let road = Road::of_three_shops();
    road.start(HOUR, Duration::from_secs(600));
    until(async || road.store.identity().await.unwrap().complete).await;
    road.store.damage(shop(3));
    assert!(matches!(road.look(shop(3)).await, Err(StoreError::Corrupt { .. })));
    let took = until(async || {
        let Ok(Some(list)) = road.look(shop(3)).await else { return false };
        list.is_visible()
            && Writer::OF_THE_DOCUMENT
                .iter()
                .all(|writer| list.revision(*writer) == Some(Revision::new(1, 3)))
    })
    .await;
    assert!(took < Duration::from_secs(660), "healed after {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_document_comes_back_whole_although_one_writer_is_away_for_long() {
    let road = Road::of_three_shops();
    road.start(HOUR, Duration::from_secs(600));
    until(async || road.store.identity().await.unwrap().complete).await;
    road.writer(Writer::Ads).set_away(true);
    road.store.damage(shop(3));
    road.arrived(shop(3), Writer::Reviews, Revision::new(1, 3)).await;
    road.arrived(shop(3), Writer::Shop, Revision::new(1, 3)).await;
    assert!(road.look(shop(3)).await.unwrap().unwrap().is_visible(), "shown without its ad");
    tokio::time::sleep(HOUR * 3).await;
    road.writer(Writer::Ads).set_away(false);
    road.arrived(shop(3), Writer::Ads, Revision::new(1, 3)).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_is_orderly_while_a_writer_is_away() {
    let road = Road::of_three_shops();
    road.writer(Writer::Ads).set_away(true);
    road.start(HOUR, HOUR);
    road.arrived(shop(1), Writer::Shop, Revision::new(1, 1)).await;
    road.context.drain.begin();
    assert!(road.context.drain.finished(Duration::from_secs(10)).await, "something runs on");
}

//! Where resident cards could live: what 25 gets cost, alone and while others read and save.
//!
//! Each candidate holds the same 70,000 list parts and is read the cheapest way it has; pages are asked for as often as those
//! of a real shop were (`benches/data`). Limits and eviction are what they are: ours counts bytes and use bits on every get,
//! moka and quick_cache their own, the bare maps nothing.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use benches::{documents, popularity};
use criterion::{Criterion, criterion_group, criterion_main};
use document_store::memory::MemoryStore;
use document_store::near_cache::NearCacheLimits;
use document_store::{LogFollower as _, NearCache, Position, Stored};
use papaya::ResizeMode;
use quick_cache::UnitWeighter;
use quick_cache::sync::DefaultLifecycle;
use shop_document::ListPart;
use shop_id::ShopId;

type Card = Stored<ListPart>;
type Papaya<V> = papaya::HashMap<ShopId, V, Spread>;

/// The near cache's hash of an ID, for everybody: it is the maps that are compared.
#[derive(Clone, Copy, Default)]
struct Spread;

#[derive(Default)]
struct SpreadHash(u64);

impl BuildHasher for Spread {
    type Hasher = SpreadHash;

    fn build_hasher(&self) -> SpreadHash {
        SpreadHash::default()
    }
}

impl Hasher for SpreadHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }
}

fn blocking<V>() -> Papaya<V> {
    papaya::HashMap::builder().hasher(Spread).resize_mode(ResizeMode::Blocking).build()
}

const ENOUGH: usize = 4 << 30;
const ENTRIES: usize = 100_000;

/// What a place for resident cards has to do.
trait Candidate: Send + Sync + 'static {
    fn save(&self, card: &Card);
    /// Looks at these cards; the sum of their sizes, so that each is touched.
    fn bytes_of(&self, page: &[ShopId]) -> usize;
}

fn bytes(card: &Card) -> usize {
    card.part.card_bytes()
}

/// What is in use.
struct Ours(NearCache<MemoryStore>);

impl Candidate for Ours {
    fn save(&self, card: &Card) {
        self.0.fold(card.part.shop_id(), card);
    }

    fn bytes_of(&self, page: &[ShopId]) -> usize {
        let resident = self.0.pin();
        page.iter().filter_map(|shop_id| resident.get(*shop_id)).map(bytes).sum()
    }
}

struct InPapaya(Papaya<Card>);

impl Candidate for InPapaya {
    fn save(&self, card: &Card) {
        self.0.pin().insert(card.part.shop_id(), card.clone());
    }

    fn bytes_of(&self, page: &[ShopId]) -> usize {
        let map = self.0.pin();
        page.iter().filter_map(|shop_id| map.get(shop_id)).map(bytes).sum()
    }
}

/// Slots that are swapped whole; the map only grows.
struct InSwappedSlots(Papaya<ArcSwap<Card>>);

impl Candidate for InSwappedSlots {
    fn save(&self, card: &Card) {
        let (map, card) = (self.0.pin(), Arc::new(card.clone()));
        map.get_or_insert_with(card.part.shop_id(), || ArcSwap::new(Arc::clone(&card))).store(card);
    }

    fn bytes_of(&self, page: &[ShopId]) -> usize {
        let map = self.0.pin();
        page.iter().filter_map(|shop_id| map.get(shop_id)).map(|slot| bytes(&slot.load())).sum()
    }
}

struct InHashIndex(scc::HashIndex<ShopId, Card, Spread>);

impl Candidate for InHashIndex {
    fn save(&self, card: &Card) {
        match self.0.entry_sync(card.part.shop_id()) {
            scc::hash_index::Entry::Occupied(mut held) => held.update(card.clone()),
            scc::hash_index::Entry::Vacant(vacant) => drop(vacant.insert_entry(card.clone())),
        }
    }

    fn bytes_of(&self, page: &[ShopId]) -> usize {
        let guard = scc::Guard::new();
        page.iter().filter_map(|shop_id| self.0.peek(shop_id, &guard)).map(bytes).sum()
    }
}

struct InDashMap(dashmap::DashMap<ShopId, Card, Spread>);

impl Candidate for InDashMap {
    fn save(&self, card: &Card) {
        self.0.insert(card.part.shop_id(), card.clone());
    }

    fn bytes_of(&self, page: &[ShopId]) -> usize {
        page.iter().filter_map(|shop_id| self.0.get(shop_id)).map(|card| bytes(&card)).sum()
    }
}

struct InMoka(moka::sync::Cache<ShopId, Arc<Card>, Spread>);

impl Candidate for InMoka {
    fn save(&self, card: &Card) {
        self.0.insert(card.part.shop_id(), Arc::new(card.clone()));
    }

    fn bytes_of(&self, page: &[ShopId]) -> usize {
        page.iter().filter_map(|shop_id| self.0.get(shop_id)).map(|card| bytes(&card)).sum()
    }
}

struct InQuickCache(quick_cache::sync::Cache<ShopId, Arc<Card>, UnitWeighter, Spread>);

impl Candidate for InQuickCache {
    fn save(&self, card: &Card) {
        self.0.insert(card.part.shop_id(), Arc::new(card.clone()));
    }

    fn bytes_of(&self, page: &[ShopId]) -> usize {
        page.iter().filter_map(|shop_id| self.0.get(shop_id)).map(|card| bytes(&card)).sum()
    }
}

/// Empty.
type Made = fn() -> Arc<dyn Candidate>;

fn candidates() -> [(&'static str, Made); 7] {
    [
        ("near cache (papaya, blocking resizes, use bits)", || {
            let limits = NearCacheLimits { cards_bytes_max: ENOUGH, details_bytes_max: 0 };
            Arc::new(Ours(NearCache::new(Arc::default(), limits)))
        }),
        ("papaya, blocking resizes", || Arc::new(InPapaya(blocking()))),
        ("arc-swap slots in papaya", || Arc::new(InSwappedSlots(blocking()))),
        ("scc::HashIndex", || Arc::new(InHashIndex(scc::HashIndex::with_hasher(Spread)))),
        ("dashmap", || Arc::new(InDashMap(dashmap::DashMap::with_hasher(Spread)))),
        ("moka", || {
            let builder = moka::sync::Cache::builder().max_capacity(ENTRIES as u64);
            Arc::new(InMoka(builder.build_with_hasher(Spread)))
        }),
        ("quick_cache", || {
            let (weighter, lifecycle) = (UnitWeighter, DefaultLifecycle::default());
            Arc::new(InQuickCache(quick_cache::sync::Cache::with(
                ENTRIES,
                ENTRIES as u64,
                weighter,
                Spread,
                lifecycle,
            )))
        }),
    ]
}

/// A second reader, and a writer that saves 1,000 cards a second, until dropped.
struct Others {
    are_done: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Others {
    fn start(candidate: &Arc<dyn Candidate>, pages: &Arc<Vec<Vec<ShopId>>>, cards: &Arc<Vec<Card>>) -> Self {
        let are_done = Arc::new(AtomicBool::new(false));
        let (candidate_read, pages, done) = (Arc::clone(candidate), Arc::clone(pages), Arc::clone(&are_done));
        let reader = std::thread::spawn(move || {
            for page in pages.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                black_box(candidate_read.bytes_of(page));
            }
        });
        let (candidate, cards, done) = (Arc::clone(candidate), Arc::clone(cards), Arc::clone(&are_done));
        let writer = std::thread::spawn(move || {
            for (sequence, card) in (2..).zip(cards.iter().cycle()) {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let position = Position { activation: 1, sequence };
                candidate.save(&Stored { part: card.part.clone(), position });
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { are_done, threads: vec![reader, writer] }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.are_done.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn near_cache(criterion: &mut Criterion) {
    let position = Position { activation: 1, sequence: 1 };
    let card = |number| Stored { part: documents::document(number, 3).list, position };
    let cards: Arc<Vec<Card>> = Arc::new((1..=documents::shops()).map(card).collect());
    let curve = popularity::curve().unwrap();
    let ranked: Vec<Vec<ShopId>> = (0..curve.len() as u64).map(documents::page_of_ids).collect();
    let asked = popularity::order(&curve, 8_192, 1).unwrap();
    let pages: Arc<Vec<Vec<ShopId>>> = Arc::new(asked.iter().map(|rank| ranked[*rank].clone()).collect());
    for with_others in [false, true] {
        let name = if with_others {
            "near cache, 25 gets beside a reader and 1,000 saves a second"
        } else {
            "near cache, 25 gets"
        };
        let mut group = criterion.benchmark_group(name);
        for (name, candidate) in candidates() {
            let candidate = candidate();
            cards.iter().for_each(|card| candidate.save(card));
            let _others = with_others.then(|| Others::start(&candidate, &pages, &cards));
            let turn = AtomicUsize::new(0);
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let page = &pages[turn.fetch_add(1, Ordering::Relaxed) % pages.len()];
                    candidate.bytes_of(black_box(page))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, near_cache);
criterion_main!(benches);

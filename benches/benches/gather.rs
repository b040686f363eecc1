//! 25 of 70,000 shops, from the memory map and from this process; saving them; starting with them.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

use benches::documents;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use document_store::lmdb::{LmdbOptions, LmdbWriter};
use document_store::near_cache::NearCacheLimits;
use document_store::{
    ChangeLog, DocumentReader, DocumentWriter, LogFollower, NearCache, Projected, Scan, StoreError,
};
use shop_id::ShopId;
use tempfile::TempDir;

/// Pages that are asked for one after the other, so that their cards are not in the CPU's caches all the time.
const PAGES: u64 = 1_000;
/// Details are not read here; short ones keep the setup short.
const MENU_ITEMS: usize = 3;

async fn save(store: &LmdbWriter, number: u64) -> Result<(), StoreError> {
    let document = documents::document(number, MENU_ITEMS);
    let projected = move |_: &_| Projected::Save(Box::new(document.clone()));
    store.update(documents::shop_id(number), projected).await.map(drop)
}

async fn filled(directory: &TempDir) -> Arc<LmdbWriter> {
    let options = LmdbOptions { map_bytes: 4 << 30, shards: 4 };
    let store = LmdbWriter::open(directory.path(), options).unwrap();
    let numbers: Vec<u64> = (1..=documents::shops()).collect();
    for group in numbers.chunks(2_000) {
        let saves = group.iter().map(|number| save(&store, *number));
        futures_util::future::try_join_all(saves).await.unwrap();
    }
    Arc::new(store)
}

async fn scan_all(store: &LmdbWriter, cache: &NearCache<LmdbWriter>) {
    let mut after = None;
    loop {
        let Scan { shops, next, .. } = store.scan(after, 2_000).await.unwrap();
        shops.iter().for_each(|(shop_id, stored)| cache.fold(*shop_id, stored));
        after = next;
        if after.is_none() {
            return;
        }
    }
}

fn gather(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let directory = TempDir::new().unwrap();
    let store = runtime.block_on(filled(&directory));
    let cache = NearCache::new(Arc::clone(&store), NearCacheLimits::default());
    runtime.block_on(scan_all(&store, &cache));
    let empty =
        NearCache::new(Arc::clone(&store), NearCacheLimits { cards_bytes_max: 0, details_bytes_max: 0 });
    let pages: Vec<Vec<ShopId>> = (0..PAGES).map(documents::page_of_ids).collect();
    let turn = Cell::new(0);
    let page = || {
        turn.set((turn.get() + 1) % pages.len());
        &pages[turn.get()]
    };

    let mut group = criterion.benchmark_group("gather 25 of 70,000");
    group.bench_function("from LMDB", |bencher| {
        bencher.iter(|| runtime.block_on(store.gather(black_box(page()))));
    });
    group.bench_function("from a near cache in which nothing is resident", |bencher| {
        bencher.iter(|| runtime.block_on(empty.gather(black_box(page()))));
    });
    group.bench_function("from a near cache, cloned out of it", |bencher| {
        bencher.iter(|| runtime.block_on(cache.gather(black_box(page()))));
    });
    group.bench_function("from a near cache, under one guard", |bencher| {
        bencher.iter(|| {
            let resident = cache.pin();
            page()
                .iter()
                .filter_map(|shop_id| resident.get(*shop_id))
                .map(|stored| stored.part.card_bytes())
                .sum::<usize>()
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("document store");
    group.sample_size(10);
    group.bench_function("first scan of 70,000 into a near cache", |bencher| {
        let fresh = || NearCache::new(Arc::clone(&store), NearCacheLimits::default());
        bencher.iter_batched_ref(
            fresh,
            |cache| runtime.block_on(scan_all(&store, cache)),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("save 500 that arrive together", |bencher| {
        let saves = || futures_util::future::try_join_all((1..=500).map(|number| save(&store, number)));
        bencher.iter(|| runtime.block_on(saves()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, gather);
criterion_main!(benches);

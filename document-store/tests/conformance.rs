//! Every store and every wrapper, one suite.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use document_store::lmdb::{LmdbOptions, LmdbWriter};
use document_store::memory::MemoryStore;
use document_store::near_cache::NearCacheLimits;
use document_store::{StoreError, conformance};

mod wrapped;

fn lmdb(directory: &Path) -> Arc<LmdbWriter> {
    Arc::new(LmdbWriter::open(directory, LmdbOptions { map_bytes: 64 << 20, shards: 4 }).unwrap())
}

/// Directories of one test, removed at its end.
fn directories() -> impl Fn() -> std::path::PathBuf {
    let root = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicUsize::new(0);
    move || root.path().join(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string())
}

#[tokio::test]
async fn memory_keeps_the_promises() {
    conformance::all(|| async { Arc::new(MemoryStore::new()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lmdb_keeps_the_promises() {
    let directory = directories();
    conformance::all(|| async { lmdb(&directory()) }).await;
}

#[tokio::test]
async fn a_near_cache_keeps_the_promises_of_what_it_wraps() {
    conformance::all(|| async {
        wrapped::followed(Arc::new(MemoryStore::new()), NearCacheLimits::default())
    })
    .await;
}

#[tokio::test]
async fn a_near_cache_without_room_keeps_them_too() {
    let none = NearCacheLimits { cards_bytes_max: 0, details_bytes_max: 0 };
    conformance::all(|| async { wrapped::followed(Arc::new(MemoryStore::new()), none) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_near_cache_over_lmdb_keeps_the_promises() {
    let directory = directories();
    let small = NearCacheLimits { cards_bytes_max: 4_000, details_bytes_max: 2_000 };
    conformance::all(|| async { wrapped::followed(lmdb(&directory()), small) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writing_process_is_refused_naming_the_holder() {
    let directory = tempfile::tempdir().unwrap();
    let first = lmdb(directory.path());
    let refused = LmdbWriter::open(directory.path(), LmdbOptions::default()).unwrap_err();
    let own = format!("(process {})", std::process::id());
    assert!(matches!(&refused, StoreError::Locked { holder, .. } if holder.ends_with(&own)), "{refused}");
    drop(first);
}

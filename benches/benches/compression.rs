//! A list page and a detail -> packed bytes: what each coding costs, and in its name what it leaves.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::io::Write as _;

use benches::resident::{LONG_MENUS, ResidentServer, body, get};
use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::write::GzEncoder;
use libdeflater::{CompressionLvl, Compressor};
use query_server::Config;

/// As many as fill a list.
const SHOPS: u64 = 1_500;

fn gzip(level: u32, page: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::with_capacity(page.len() / 2), Compression::new(level));
    packed.write_all(page).unwrap();
    packed.finish().unwrap()
}

fn libdeflate(compressor: &mut Compressor, page: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; compressor.gzip_compress_bound(page.len())];
    let length = compressor.gzip_compress(page, &mut packed).unwrap();
    packed.truncate(length);
    packed
}

fn brotli(quality: u32, page: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(page.len() / 2);
    let mut writer = brotli::CompressorWriter::new(&mut packed, 64 << 10, quality, 22);
    writer.write_all(page).unwrap();
    drop(writer);
    packed
}

/// One coding, with what it leaves of the page in its name.
fn coding(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    page: &[u8],
    mut pack: impl FnMut(&[u8]) -> Vec<u8>,
) {
    let name = format!("{name}: {} bytes", pack(page).len());
    group.bench_function(name, |bencher| bencher.iter(|| pack(black_box(page))));
}

fn codings(criterion: &mut Criterion, what: &str, page: &[u8]) {
    let mut group = criterion.benchmark_group(format!("{what} of {} bytes", page.len()));
    group.throughput(Throughput::Bytes(page.len() as u64));
    for level in [1, 3, 9] {
        coding(&mut group, &format!("zstd {level}"), page, |page| zstd::bulk::compress(page, level).unwrap());
        let mut context = zstd::bulk::Compressor::new(level).unwrap();
        let reused = |page: &[u8]| context.compress(page).unwrap();
        coding(&mut group, &format!("zstd {level}, one context for all"), page, reused);
    }
    for level in [1, 6] {
        coding(&mut group, &format!("gzip {level}"), page, |page| gzip(level, page));
    }
    for level in [1, 6, 8] {
        let mut context = Compressor::new(CompressionLvl::new(level).unwrap());
        let packed = |page: &[u8]| libdeflate(&mut context, page);
        coding(&mut group, &format!("gzip {level} by libdeflate, one context for all"), page, packed);
    }
    for quality in [4, 5, 11] {
        coding(&mut group, &format!("brotli {quality}"), page, |page| brotli(quality, page));
    }
    group.finish();
}

fn compression(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (page, detail): (Bytes, Bytes) = runtime.block_on(async {
        let server = ResidentServer::open(SHOPS, &Config::default()).await.unwrap();
        let lists = server.full_lists(1).await.unwrap();
        let answered =
            async |url: &str| body(server.answer(&get(url).unwrap()).await.unwrap()).await.unwrap();
        (answered(&lists[0].url).await, answered(&format!("/v1/shops/{LONG_MENUS}")).await)
    });
    codings(criterion, "a list", &page);
    codings(criterion, "a detail", &detail);
}

criterion_group!(benches, compression);
criterion_main!(benches);

//! Bytes -> a part that can be read, and what reading it costs from then on.
#![allow(missing_docs)]

use std::hint::black_box;

use benches::documents::{self, MENU_ITEMS};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, Zones};

fn archive(criterion: &mut Criterion) {
    let document = documents::document(7, MENU_ITEMS);
    let (list, detail) = (document.list.bytes(), document.detail.bytes());
    let now = Timestamp::from_second(1_795_455_000).unwrap_or_default();
    let mut group = criterion.benchmark_group("archive");
    // Once, when bytes enter the process: checksum, envelope, bytecheck.
    group.bench_function(format!("checked: list part of {} bytes", list.len()), |bencher| {
        bencher.iter(|| ListPart::validate(black_box(list.clone())));
    });
    group.bench_function(format!("checked: detail part of {} bytes", detail.len()), |bencher| {
        bencher.iter(|| DetailPart::validate(black_box(detail.clone())));
    });
    group.bench_function("copied and checked: list part out of a memory map", |bencher| {
        bencher.iter(|| ListPart::validate(Bytes::copy_from_slice(black_box(list))));
    });
    // Every time from then on.
    group.bench_function("unchecked: five fields of a list part", |bencher| {
        bencher.iter(|| {
            let part = black_box(&document.list);
            (
                part.location(),
                part.stars(),
                part.lowest_fee_amount(),
                part.min_order_amount(),
                part.card_bytes(),
            )
        });
    });
    group.bench_function("unchecked: open or closed", |bencher| {
        bencher.iter(|| black_box(&document.list).state_at(now, Zones));
    });
    group.bench_function("unchecked: next change of state or ads", |bencher| {
        bencher.iter(|| black_box(&document.list).next_change_after(now, Zones));
    });
    group.bench_function("assembled from rendered sections", |bencher| {
        let sections = document.sections();
        bencher.iter(|| shop_document::ShopDocument::assemble(documents::shop_id(7), black_box(&sections)));
    });
    group.finish();
}

/// Five numbers of a shop where the compiler may count on their alignment.
#[derive(rkyv::Portable, rkyv::bytecheck::CheckBytes)]
#[repr(C)]
#[bytecheck(crate = rkyv::bytecheck)]
struct Aligned([rkyv::rend::i64_le; 5]);

/// The same numbers anywhere.
#[derive(rkyv::Portable, rkyv::bytecheck::CheckBytes)]
#[repr(C)]
#[bytecheck(crate = rkyv::bytecheck)]
struct Unaligned([rkyv::rend::unaligned::i64_ule; 5]);

/// What unaligned access costs, which lets parts be read where the store's memory map has them: nothing but the odd read
/// across two cache lines.
fn alignment(criterion: &mut Criterion) {
    const SHOPS: usize = 1_000;
    const BYTES: usize = size_of::<Aligned>();
    let mut bytes: rkyv::util::AlignedVec = rkyv::util::AlignedVec::new();
    bytes.extend_from_slice(&[7; SHOPS * BYTES + 1]);
    let places = || (0..SHOPS).map(|shop| shop * BYTES);
    let aligned: Vec<&Aligned> = places()
        .filter_map(|place| rkyv::access::<Aligned, rkyv::rancor::Error>(&bytes[place..place + BYTES]).ok())
        .collect();
    // One byte further: none of them is aligned.
    let unaligned: Vec<&Unaligned> = places()
        .filter_map(|place| {
            rkyv::access::<Unaligned, rkyv::rancor::Error>(&bytes[place + 1..=place + BYTES]).ok()
        })
        .collect();
    let mut group = criterion.benchmark_group("five numbers of 1,000 shops");
    group.bench_function("aligned", |bencher| {
        bencher.iter(|| {
            let shops = black_box(&aligned).iter();
            shops
                .map(|shop| shop.0.iter().map(|number| number.to_native()).fold(0, i64::wrapping_add))
                .fold(0, i64::wrapping_add)
        });
    });
    group.bench_function("unaligned", |bencher| {
        bencher.iter(|| {
            let shops = black_box(&unaligned).iter();
            shops
                .map(|shop| shop.0.iter().map(|number| number.to_native()).fold(0, i64::wrapping_add))
                .fold(0, i64::wrapping_add)
        });
    });
    group.finish();
}

criterion_group!(benches, archive, alignment);
criterion_main!(benches);

//! 25 resident cards -> bytes on their way: copied into one buffer, or as 25 frames.
#![allow(missing_docs)]

use std::hint::black_box;

use benches::documents;
use bytes::{BufMut, Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use shop_document::{CardOverlay, ListPart, Zones};

fn write(part: &ListPart, now: Timestamp, out: &mut Vec<u8>) {
    let state = part.state_at(now, Zones);
    let ad_label = part.ad_at(now).map(|ad| ad.label.as_str());
    part.write_card(out, &CardOverlay { distance_m: Some(742), state: &state, ad_label });
}

fn page(criterion: &mut Criterion) {
    // Many pages, so that the cards are not in the CPU's nearest cache each time.
    let pages: Vec<Vec<ListPart>> = (0..200)
        .map(|page| (1..=25).map(|place| documents::document(page * 25 + place, 3).list).collect())
        .collect();
    let now = Timestamp::from_second(1_795_455_000).unwrap_or_default();
    let bytes: usize = pages.iter().flatten().map(ListPart::card_bytes).sum::<usize>() / pages.len();
    let mut turn = 0;
    let mut next = || {
        turn = (turn + 1) % pages.len();
        &pages[turn]
    };
    let mut group = criterion.benchmark_group("25 cards");
    group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap_or(0)));
    group.bench_function("copied into one buffer, holes filled", |bencher| {
        let mut out = Vec::with_capacity(64 << 10);
        bencher.iter(|| {
            out.clear();
            for part in black_box(next()) {
                write(part, now, &mut out);
                out.push(b',');
            }
            out.len()
        });
    });
    group.bench_function("copied into one new buffer, holes filled", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::with_capacity(26 * 1_024);
            for part in black_box(next()) {
                write(part, now, &mut out);
                out.push(b',');
            }
            Bytes::from(out)
        });
    });
    group.bench_function("as 25 frames, holes filled", |bencher| {
        bencher.iter(|| {
            let frame = |part: &ListPart| {
                let mut out = Vec::with_capacity(part.card_bytes() + 1);
                write(part, now, &mut out);
                out.push(b',');
                Bytes::from(out)
            };
            black_box(next()).iter().map(frame).collect::<Vec<Bytes>>()
        });
    });
    group.bench_function("copied only, as a bound from below", |bencher| {
        let mut out = BytesMut::with_capacity(64 << 10);
        bencher.iter(|| {
            out.clear();
            for part in black_box(next()) {
                out.put_slice(&part.flat().card);
            }
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, page);
criterion_main!(benches);

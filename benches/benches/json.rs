//! 25 cards -> JSON: rendered fragments with their holes filled, or typed cards through a serialiser.
//!
//! The fragments were rendered once per change of a shop; the usual service keeps typed cards, or parses stored ones, and
//! serialises them for every request.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use benches::card::Card;
use benches::documents;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use shop_document::{CardOverlay, ListPart, Zones};

const PAGES: u64 = 200;
const PAGE_SHOPS: u64 = 25;

fn write(part: &ListPart, now: Timestamp, out: &mut Vec<u8>) {
    let state = part.state_at(now, Zones);
    let ad_label = part.ad_at(now).map(|ad| ad.label.as_str());
    part.write_card(out, &CardOverlay { distance_m: Some(742), state: &state, ad_label });
}

fn rendered(page: &[ListPart], now: Timestamp) -> Vec<u8> {
    let mut out = vec![b'['];
    for part in page {
        write(part, now, &mut out);
        out.push(b',');
    }
    out.pop();
    out.push(b']');
    out
}

fn json(criterion: &mut Criterion) {
    let now = Timestamp::from_second(1_795_455_000).unwrap();
    // Many pages, so that the cards are not in the CPU's nearest cache each time.
    let of_page = |page: u64| (1..=PAGE_SHOPS).map(move |place| page * PAGE_SHOPS + place);
    let pages: Vec<Vec<ListPart>> = (0..PAGES)
        .map(|page| of_page(page).map(|number| documents::document(number, 3).list).collect())
        .collect();
    let rendered: Vec<Vec<u8>> = pages.iter().map(|page| rendered(page, now)).collect();
    let typed: Vec<Vec<Card>> = rendered.iter().map(|page| serde_json::from_slice(page).unwrap()).collect();
    // All write the same, but for the blanks behind what is shorter than its hole.
    let (serde, sonic) = (serde_json::to_vec(&typed[0]).unwrap(), sonic_rs::to_vec(&typed[0]).unwrap());
    assert_eq!(serde, sonic);
    let value = |page: &[u8]| serde_json::from_slice::<serde_json::Value>(page).unwrap();
    assert_eq!(value(&serde), value(&rendered[0]));
    let mean = rendered.iter().map(Vec::len).sum::<usize>() / rendered.len();

    let mut turn = 0;
    let mut next = || {
        turn = (turn + 1) % pages.len();
        turn
    };
    let mut out = Vec::with_capacity(64 << 10);
    let mut group = criterion.benchmark_group("25 cards as JSON");
    group.throughput(Throughput::Bytes(mean as u64));
    group.bench_function("fragments, holes filled", |bencher| {
        bencher.iter(|| {
            out.clear();
            out.push(b'[');
            for part in black_box(&pages[next()]) {
                write(part, now, &mut out);
                out.push(b',');
            }
            out.len()
        });
    });
    group.bench_function("serde_json, typed cards", |bencher| {
        bencher.iter(|| {
            out.clear();
            serde_json::to_writer(&mut out, black_box(&typed[next()])).unwrap();
            out.len()
        });
    });
    group.bench_function("sonic-rs, typed cards", |bencher| {
        bencher.iter(|| {
            out.clear();
            sonic_rs::to_writer(&mut out, black_box(&typed[next()])).unwrap();
            out.len()
        });
    });
    group.bench_function("serde_json, parsed and serialised", |bencher| {
        bencher.iter(|| {
            out.clear();
            let cards: Vec<Card> = serde_json::from_slice(black_box(&rendered[next()])).unwrap();
            serde_json::to_writer(&mut out, &cards).unwrap();
            out.len()
        });
    });
    group.bench_function("sonic-rs, parsed and serialised", |bencher| {
        bencher.iter(|| {
            out.clear();
            let cards: Vec<Card> = sonic_rs::from_slice(black_box(&rendered[next()])).unwrap();
            sonic_rs::to_writer(&mut out, &cards).unwrap();
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, json);
criterion_main!(benches);

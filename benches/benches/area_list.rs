//! 70,000 shops in area lists: reading a page of a ready list, folding a change, publishing.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use benches::documents;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use shop_document::ListPart;
use shop_search::{AreaLists, AreaListsLimits, ListQuestion, ShopIndexer, ShopSearch, Sort};

fn area_list(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let now = Timestamp::from_second(1_795_455_000).unwrap();
    let lists = AreaLists::new(AreaListsLimits::default());
    let parts: Vec<ListPart> =
        (1..=documents::shops()).map(|number| documents::document(number, 3).list).collect();
    parts.iter().for_each(|part| lists.fold(part.shop_id(), part));
    lists.publish(now);
    let questions: Vec<ListQuestion> = lists
        .popular_cells(500)
        .into_iter()
        .map(|(cell, _)| ListQuestion { cell, category: None, sort: Sort::Recommended, cursor: None })
        .collect();
    // Asked for once, they are kept in order.
    questions.iter().for_each(|question| drop(runtime.block_on(lists.list(question, now)).unwrap()));

    let mut group = criterion.benchmark_group("area lists of 70,000 shops");
    let mut turn = 0;
    group.bench_function("the first page of a ready list", |bencher| {
        bencher.iter(|| {
            turn = (turn + 1) % questions.len();
            runtime.block_on(lists.list(black_box(&questions[turn]), now))
        });
    });
    let mut changed = parts.iter().cycle();
    group.bench_function("fold one shop", |bencher| {
        bencher.iter_batched(
            || changed.next().unwrap(),
            |part| lists.fold(part.shop_id(), part),
            BatchSize::SmallInput,
        );
    });
    let mut counter = 1;
    group.bench_function("fold 200 renamed shops and publish", |bencher| {
        let renamed = || {
            counter += 1;
            let document = |number| {
                shop_document::ShopDocument::assemble(
                    documents::shop_id(number),
                    &documents::sections(number, 3, counter),
                )
            };
            (1..=200)
                .map(|number| document(number * 311 % documents::shops() + 1).list)
                .collect::<Vec<ListPart>>()
        };
        bencher.iter_batched(
            renamed,
            |parts| {
                parts.iter().for_each(|part| lists.fold(part.shop_id(), part));
                lists.publish(now);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, area_list);
criterion_main!(benches);

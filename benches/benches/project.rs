//! What is held and what was answered -> what is to be held: a section spliced in, or nothing to do.
#![allow(missing_docs)]

use std::hint::black_box;

use benches::documents::{self, MENU_ITEMS};
use criterion::{Criterion, criterion_group, criterion_main};
use document_store::{Lookup, Position, Stored};
use invalidator::project::project;
use shop_document::Sections;

fn projecting(criterion: &mut Criterion) {
    let shop_id = documents::shop_id(7);
    let position = Position { activation: 1, sequence: 1 };
    let held = Lookup::Found(Stored { part: documents::document(7, MENU_ITEMS), position });
    let newer = documents::sections(7, MENU_ITEMS, 2);
    let reviews = Sections { reviews: newer.reviews.clone(), ..Sections::default() };
    let shop = Sections { shop: newer.shop, ..Sections::default() };
    let replayed = documents::sections(7, MENU_ITEMS, 1);
    let mut group = criterion.benchmark_group("project");
    for (name, offered) in [
        ("a newer reviews section", reviews),
        ("a newer shop section", shop),
        ("a replayed answer", replayed),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| project(shop_id, black_box(&held), black_box(&offered)));
        });
    }
    group.finish();
}

criterion_group!(benches, projecting);
criterion_main!(benches);

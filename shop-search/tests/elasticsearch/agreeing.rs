//! Any shops, any questions: an engine and the embedded index walk through the same pages, with the same cursors.

use std::cell::Cell;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;
use shop_search::{
    AreaLists, AreaListsLimits, ListAnswer, SearchError, SearchText, ShopIndexer, ShopSearch, Sort,
    TextIndex, TextLimits, TextQuestion, TextSearch,
};

use crate::any::{any_question, any_shop, noon, seconds};
use crate::remote::Remote;
use crate::shops::{Shop, block_on, cell, strand};

const CASES: u32 = 24;
const SHOPS: u64 = 90;

struct Embedded {
    lists: Arc<AreaLists>,
    text: TextIndex,
}

impl Embedded {
    fn of(shops: &[Shop]) -> Self {
        let lists = Arc::new(AreaLists::new(AreaListsLimits::default()));
        let text = TextIndex::new(Arc::clone(&lists), TextLimits::default()).unwrap();
        for shop in shops {
            let part = shop.part();
            lists.fold(shop.id(), &part);
            text.fold(shop.id(), &part);
        }
        lists.publish(noon());
        text.try_publish(noon()).unwrap();
        Self { lists, text }
    }
}

/// The shops and nobody else.
fn fill(remote: &Remote, shops: &[Shop]) {
    (1..SHOPS).for_each(|number| remote.remove(crate::shops::id(number)));
    shops.iter().for_each(|shop| remote.fold(shop.id(), &shop.part()));
    remote.publish(noon());
}

/// All pages of both, page by page, while time goes on.
fn walk<Q: Clone>(
    first: &Q,
    (mut now, pace): (Timestamp, i64),
    asking: impl Fn(&Q, Timestamp) -> [Result<ListAnswer, SearchError>; 2],
    follow: impl Fn(&Q, Arc<str>) -> Q,
) -> Result<usize, TestCaseError> {
    let (mut question, mut pages) = (first.clone(), 0);
    loop {
        let [embedded, engine] = asking(&question, now).map(Result::unwrap);
        prop_assert_eq!(&embedded.shop_ids, &engine.shop_ids, "page {} at {}", pages, now);
        prop_assert_eq!(&embedded.next_cursor, &engine.next_cursor, "page {} at {}", pages, now);
        prop_assert_eq!(embedded.changes_at, engine.changes_at, "page {} at {}", pages, now);
        prop_assert_eq!(engine.stale_since, None);
        pages += 1;
        let Some(cursor) = engine.next_cursor else { return Ok(pages) };
        question = follow(&question, cursor);
        now += seconds(pace);
    }
}

/// Shops of few names, many to a place, so that pages are full and places tie.
fn any_named_shop() -> impl Strategy<Value = Shop> {
    let words = ["원조치킨집", "강남", "Chicken", "Café", "Domino's", "Sushi 🍣", "교촌 치킨", "a"];
    let named = (subsequence(words.to_vec(), 1..=3), subsequence(words.to_vec(), 0..=2));
    (any_shop(1..SHOPS), named, prop::bool::weighted(0.8)).prop_map(|(shop, (name, menu), in_middle)| Shop {
        name: name.join(" "),
        menu: menu.into_iter().map(str::to_owned).collect(),
        cells: if in_middle { vec![cell(0), cell(1)] } else { shop.cells.clone() },
        ..shop
    })
}

fn any_text() -> impl Strategy<Value = TextQuestion> {
    let texts = ["치킨", "chickn", "cafe", "dominos sushi", "강", "a", "🍣", "교촌치킨 강남", "zzz", "?!"];
    let category = prop::option::of(select(vec!["pizza", "kebab"]));
    (select(texts.to_vec()), category, prop::option::of(select(Sort::ALL.to_vec()))).prop_map(
        |(text, category, sort)| TextQuestion {
            text: SearchText::parse(text).unwrap(),
            cell: strand(),
            category: category.map(Arc::from),
            sort,
            cursor: None,
        },
    )
}

fn agrees(remote: &Remote) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    let everything = (
        prop::collection::vec(any_named_shop(), 0..SHOPS as usize),
        prop::collection::vec((any_question(), -7_200_i64..7_200, 0_i64..900), 1..6),
        prop::collection::vec((any_text(), -7_200_i64..7_200, 0_i64..900), 1..6),
    );
    let most_pages = Cell::new(0);
    let law = |(shops, lists, texts): (Vec<Shop>, Vec<_>, Vec<_>)| {
        let embedded = Embedded::of(&shops);
        fill(remote, &shops);
        for (first, begin, pace) in lists {
            let ask = |question: &_, now| {
                [block_on(embedded.lists.list(question, now)), block_on(remote.list(question, now))]
            };
            let follow = |question: &shop_search::ListQuestion, cursor| shop_search::ListQuestion {
                cursor: Some(cursor),
                ..question.clone()
            };
            let pages = walk(&first, (noon() + seconds(begin), pace), ask, follow)?;
            most_pages.set(pages.max(most_pages.get()));
        }
        for (first, begin, pace) in texts {
            let ask = |question: &_, now| {
                [block_on(embedded.text.search(question, now)), block_on(remote.search(question, now))]
            };
            let follow =
                |question: &TextQuestion, cursor| TextQuestion { cursor: Some(cursor), ..question.clone() };
            walk(&first, (noon() + seconds(begin), pace), ask, follow)?;
        }
        Ok(())
    };
    TestRunner::new(config).run(&everything, law).unwrap();
    assert!(most_pages.get() > 1, "some lists have more than one page");
}

#[test]
fn elasticsearch_lists_and_finds_what_the_embedded_index_does() {
    agrees(&Remote::elasticsearch());
}

#[test]
fn opensearch_lists_and_finds_what_the_embedded_index_does() {
    agrees(&Remote::opensearch());
}

/// A tower of kitchens: more at one place than a page or a round has room for.
fn shows_a_tower(remote: &Remote) {
    let shops: Vec<Shop> = (1..SHOPS).map(Shop::new).collect();
    let embedded = Embedded::of(&shops);
    fill(remote, &shops);
    let ask = |question: &_, now| {
        [block_on(embedded.lists.list(question, now)), block_on(remote.list(question, now))]
    };
    let follow = |question: &shop_search::ListQuestion, cursor| shop_search::ListQuestion {
        cursor: Some(cursor),
        ..question.clone()
    };
    let pages = walk(&crate::shops::question(Sort::Distance), (noon(), 1), ask, follow).unwrap();
    assert_eq!(pages, 4);
}

#[test]
fn a_tower_of_kitchens_comes_page_by_page() {
    shows_a_tower(&Remote::elasticsearch());
    shows_a_tower(&Remote::opensearch());
}

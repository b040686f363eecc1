//! Any shops, any words, any changes, any moments: what is found is what a naive matcher over all shops finds.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use shop_id::ShopId;
use shop_search::{SearchText, ShopIndexer, Sort, TextLimits, TextQuestion};

use crate::oracle::Oracle;
use crate::shops::{Shop, at, cell, id, ids, strand};
use crate::typed::{Indexes, changes_at, following, order_of_matches, typed};

const CATEGORIES: [&str; 3] = ["pizza", "chicken", "한식"];
const SIGNS: [&str; 12] = [
    "Pizza",
    "Napoli",
    "치킨",
    "원조",
    "집",
    "Chicken",
    "BBQ",
    "Domino's",
    "& Co.",
    "🍕",
    "\"24h\"",
    "떡볶이",
];
const TYPED: [&str; 20] = [
    "pizza",
    "PIZA",
    "pizzza napoli",
    "치킨",
    "킨",
    "원조치킨집",
    "치킨집 bbq",
    "chickn",
    "c",
    "p n",
    "dominos",
    "🍕",
    "떡복이",
    "\"bbq\"",
    "24",
    "co",
    "!",
    "zz",
    "한식 치킨",
    "sushi",
];

fn noon() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// One to four words, with and without blanks between them.
fn any_sign() -> impl Strategy<Value = String> {
    (prop::collection::vec(select(SIGNS.to_vec()), 1..5), select(vec![" ", "", "-"]))
        .prop_map(|(words, between)| words.join(between))
}

/// Few values, so that many tie; a part of them open or close within an hour of noon.
fn any_shop(ids: std::ops::Range<u64>) -> impl Strategy<Value = Shop> {
    let open = prop_oneof![
        2 => Just(vec![(0, 10_080)]),
        1 => Just(vec![]),
        2 => prop::collection::vec((660_u32..780, 1_u32..100), 1..2),
    ];
    let stars = select(vec![[0; 5], [0, 0, 0, 0, 9], [0, 0, 4, 0, 0]]);
    (
        (ids, any_sign(), prop::collection::vec(any_sign(), 0..3)),
        (subsequence(vec![0, 1, 2], 0..=3), subsequence(CATEGORIES.to_vec(), 0..=2)),
        (open, stars, 0_i64..3, prop::bool::weighted(0.95)),
    )
        .prop_map(|((id, name, menu), (cells, words), (open, by_stars, fee, exists))| Shop {
            name,
            menu,
            cells: cells.into_iter().map(cell).collect(),
            categories: words.into_iter().map(str::to_owned).collect(),
            open,
            by_stars,
            fee,
            exists,
            ..Shop::new(id)
        })
}

fn any_question() -> impl Strategy<Value = TextQuestion> {
    let category = prop::option::weighted(0.2, select(CATEGORIES.to_vec()));
    let text = prop_oneof![
        4 => select(TYPED.to_vec()).prop_map(str::to_owned),
        1 => any_sign(),
    ];
    (0..3_usize, category, prop::option::weighted(0.3, select(Sort::ALL.to_vec())), text).prop_map(
        |(number, category, sort, text)| TextQuestion {
            text: SearchText::parse(&text).unwrap(),
            cell: cell(number),
            category: category.map(Arc::from),
            sort,
            cursor: None,
        },
    )
}

#[derive(Clone, Debug)]
enum Event {
    Change(Vec<Shop>),
    Vanish(u64),
    Publish,
    /// After a while somebody pages through what is found, taking his time.
    Ask(TextQuestion, i64, i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => prop::collection::vec(any_shop(1..80), 1..20).prop_map(Event::Change),
        1 => (1_u64..80).prop_map(Event::Vanish),
        3 => Just(Event::Publish),
        6 => (any_question(), -10_i64..900, 0_i64..300).prop_map(|(asked, passed, pace)| Event::Ask(asked, passed, pace)),
    ]
}

/// All pages, checked against the oracle.
fn page_through(
    indexes: &Indexes,
    oracle: &Oracle,
    first: &TextQuestion,
    mut now: Timestamp,
    pace: i64,
) -> Result<(), TestCaseError> {
    let expected = order_of_matches(oracle, first, now);
    let mut seen: Vec<ShopId> = Vec::new();
    let mut asked = first.clone();
    loop {
        let answer = indexes.ask(&asked, now).unwrap();
        prop_assert_eq!(answer.changes_at, changes_at(oracle, first, now), "at {}", now);
        seen.extend(&answer.shop_ids);
        let Some(next) = following(&asked, &answer) else { break };
        prop_assert_eq!(answer.shop_ids.len(), 25, "only the last page is short");
        asked = next;
        now += seconds(pace);
    }
    prop_assert_eq!(seen, expected, "{:?}", first);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_is_typed_finds_what_a_naive_matcher_finds(
        shops in prop::collection::vec(any_shop(1..80), 0..80),
        events in prop::collection::vec(any_event(), 1..40),
        waiting_bytes_max in select(vec![0, 5_000, u64::MAX]),
    ) {
        let indexes = Indexes::with(TextLimits { waiting_bytes_max });
        let mut folded = Oracle::default();
        let mut now = noon() - seconds(3_600);
        shops.iter().for_each(|shop| folded.fold(&indexes, shop));
        indexes.publish(now);
        let mut published = folded.clone();
        for event in events {
            match event {
                Event::Change(shops) => shops.iter().for_each(|shop| folded.fold(&indexes, shop)),
                Event::Vanish(number) => folded.remove(&indexes, id(number)),
                Event::Publish => {
                    indexes.publish(now);
                    published = folded.clone();
                }
                Event::Ask(first, passed, pace) => {
                    now += seconds(passed);
                    page_through(&indexes, &published, &first, now, pace)?;
                }
            }
        }
        // Whoever folds the end only, as another query server does, says the same to the byte.
        indexes.publish(now);
        let other = Indexes::new();
        folded.fold_all(&other);
        other.publish(now);
        for text in TYPED {
            let (mine, its) = (indexes.ask(&typed(text), now).unwrap(), other.ask(&typed(text), now).unwrap());
            prop_assert_eq!(mine, its);
        }
        // And when all shops are gone, nothing is found.
        folded.remove_all(&indexes);
        indexes.publish(now);
        for text in TYPED {
            prop_assert_eq!(indexes.found(text, now), Vec::<u64>::new());
        }
        prop_assert_eq!(indexes.text.figures().shops, 0);
    }

    #[test]
    fn shops_that_did_not_move_are_neither_skipped_nor_repeated(
        shops in prop::collection::vec(any_shop(1..150), 60..120),
        changes in prop::collection::vec(prop::collection::vec(any_shop(1..150), 0..20), 1..4),
        text in select(vec!["p", "치", "pizza", "c", "napoli"]),
        sort in prop::option::of(select(Sort::ALL.to_vec())),
        pace in 0_i64..400,
    ) {
        let indexes = Indexes::new();
        let mut oracle = Oracle::default();
        for shop in shops {
            oracle.fold(&indexes, &Shop { cells: vec![strand()], ..shop });
        }
        let mut now = noon();
        indexes.publish(now);
        let mut asked = TextQuestion { sort, ..typed(text) };
        let expected = order_of_matches(&oracle, &asked, now);
        let mut moved: BTreeSet<ShopId> = BTreeSet::new();
        let mut seen: Vec<ShopId> = Vec::new();
        let mut changes = changes.iter();
        loop {
            let answer = indexes.ask(&asked, now).unwrap();
            seen.extend(&answer.shop_ids);
            let Some(next) = following(&asked, &answer) else { break };
            asked = next;
            for shop in changes.next().into_iter().flatten() {
                moved.insert(shop.id());
                oracle.fold(&indexes, shop);
            }
            now += seconds(pace);
            indexes.publish(now);
        }
        let unmoved = |shop_ids: Vec<ShopId>| -> Vec<ShopId> {
            shop_ids.into_iter().filter(|shop_id| !moved.contains(shop_id)).collect()
        };
        prop_assert_eq!(unmoved(seen), unmoved(expected));
    }

    #[test]
    fn any_text_and_any_cursor_are_answered_or_refused(
        text in "\\PC{1,100}",
        cursor in prop::option::of(".{0,40}"),
    ) {
        let indexes = Indexes::of((1..=30).map(Shop::new), noon());
        if let Ok(text) = SearchText::parse(&text) {
            let question = TextQuestion { text, cursor: cursor.map(Arc::from), ..typed("p") };
            if let Ok(answer) = indexes.ask(&question, noon()) {
                prop_assert!(ids(&answer).len() <= 25 && question.cursor.is_none());
            }
        }
    }
}

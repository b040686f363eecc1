//! Any shops, any changes, any moments: what is listed is what the oracle says.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use shop_document::Place;
use shop_id::ShopId;
use shop_search::{AreaLists, AreaListsLimits, ListQuestion, ShopIndexer, Sort};

use crate::oracle::Oracle;
use crate::shops::{Shop, ask, at, cell, following, id, question};

const CELLS: usize = 3;
const WORDS: [&str; 3] = ["pizza", "kebab", "sushi"];

/// Around this Monday noon everything happens.
fn noon() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// Most of them open or close, pause or advertise within two hours of noon; few values, so that many tie.
fn any_shop(ids: std::ops::Range<u64>) -> impl Strategy<Value = Shop> {
    let noon = noon().as_second();
    let around = move || (noon - 7_200)..(noon + 7_200);
    let open = prop_oneof![
        2 => Just(vec![(0, 10_080)]),
        1 => Just(vec![]),
        3 => prop::collection::vec((600_u32..840, 1_u32..200), 1..3),
    ];
    let money = || select(vec![i64::MIN, -1, 0, 99, 199, i64::MAX]);
    let stars = prop_oneof![Just([0; 5]), any::<[u8; 5]>().prop_map(|counts| counts.map(u32::from))];
    (
        (ids, subsequence((0..CELLS).collect::<Vec<_>>(), 0..=CELLS), subsequence(WORDS.to_vec(), 0..=3)),
        (open, prop::collection::vec((around(), 1_i64..3_000), 0..2)),
        (money(), money(), stars, prop::collection::vec((around(), 1_i64..5_000, 0_u16..3), 0..2)),
        (0_i32..4, prop::bool::weighted(0.95)),
    )
        .prop_map(
            |((id, cells, words), (open, pauses), (fee, min_order, by_stars, ads), (east, exists))| Shop {
                cells: cells.into_iter().map(cell).collect(),
                categories: words.into_iter().map(str::to_owned).collect(),
                place: Place { lat: 51.51, lng: -0.12 + f64::from(east) * 0.001 },
                open,
                pauses: pauses.into_iter().map(|(from, long)| (from, from + long)).collect(),
                fee,
                min_order,
                by_stars,
                ads: ads.into_iter().map(|(from, long, weight)| (from, from + long, weight)).collect(),
                exists,
                ..Shop::new(id)
            },
        )
}

/// Stands in the first cell, so that its list fills pages.
fn any_shop_of_the_strand(ids: std::ops::Range<u64>) -> impl Strategy<Value = Shop> {
    any_shop(ids).prop_map(|shop| Shop { cells: vec![cell(0)], ..shop })
}

fn any_question() -> impl Strategy<Value = ListQuestion> {
    let category = prop::option::of(select(WORDS.to_vec())).prop_map(|word| word.map(Arc::from));
    (0..CELLS, category, select(Sort::ALL.to_vec())).prop_map(|(number, category, sort)| ListQuestion {
        cell: cell(number),
        category,
        sort,
        cursor: None,
    })
}

#[derive(Clone, Debug)]
enum Event {
    Change(Box<Shop>),
    Vanish(u64),
    Publish,
    /// After a while somebody pages through a list, taking his time.
    Ask(ListQuestion, i64, i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => any_shop(1..80).prop_map(|shop| Event::Change(Box::new(shop))),
        1 => (1_u64..80).prop_map(Event::Vanish),
        3 => Just(Event::Publish),
        // Clocks of two requests may also disagree by some seconds.
        6 => (any_question(), -10_i64..900, 0_i64..300).prop_map(|(asked, passed, pace)| Event::Ask(asked, passed, pace)),
    ]
}

fn index() -> AreaLists {
    AreaLists::new(AreaListsLimits::default())
}

/// All pages, checked against the oracle.
fn page_through(
    index: &AreaLists,
    oracle: &Oracle,
    first: &ListQuestion,
    mut now: Timestamp,
    pace: i64,
) -> Result<(), TestCaseError> {
    let expected = oracle.order(first, now);
    let mut seen: Vec<ShopId> = Vec::new();
    let mut asked = first.clone();
    loop {
        let answer = ask(index, &asked, now).unwrap();
        prop_assert_eq!(answer.changes_at, oracle.changes_at(first, now), "at {}", now);
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
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_list_is_what_was_published_sorted_from_scratch(
        shops in prop::collection::vec(any_shop(1..80), 0..80),
        events in prop::collection::vec(any_event(), 1..60),
    ) {
        let index = index();
        let mut folded = Oracle::default();
        let mut now = noon() - seconds(3_600);
        shops.iter().for_each(|shop| folded.fold(&index, shop));
        index.publish(now);
        let mut published = folded.clone();
        for event in events {
            match event {
                Event::Change(shop) => folded.fold(&index, &shop),
                Event::Vanish(number) => folded.remove(&index, id(number)),
                Event::Publish => {
                    index.publish(now);
                    published = folded.clone();
                }
                Event::Ask(first, passed, pace) => {
                    now += seconds(passed);
                    page_through(&index, &published, &first, now, pace)?;
                }
            }
        }
        // Whoever folds the end only, as another query server does, says the same to the byte.
        index.publish(now);
        let other = self::index();
        let mut final_shops = folded.clone();
        folded.fold_all(&other);
        other.publish(now);
        for sort in Sort::ALL {
            let first = question(sort);
            let (mine, its) = (ask(&index, &first, now).unwrap(), ask(&other, &first, now).unwrap());
            prop_assert_eq!(&mine.shop_ids, &its.shop_ids);
            prop_assert_eq!(&mine.next_cursor, &its.next_cursor);
            prop_assert_eq!(mine.changes_at, its.changes_at);
        }
        // And when all shops are gone, nothing is left.
        final_shops.remove_all(&index);
        index.publish(now);
        let figures = index.figures();
        prop_assert_eq!((figures.shops, figures.cells, figures.memberships, figures.index_bytes), (0, 0, 0, 0));
    }

    #[test]
    fn shops_that_did_not_move_are_neither_skipped_nor_repeated(
        shops in prop::collection::vec(any_shop_of_the_strand(1..200), 60..130),
        changes in prop::collection::vec(prop::collection::vec(any_shop(1..200), 0..20), 1..6),
        vanish in prop::collection::vec(1_u64..200, 0..6),
        sort in select(Sort::ALL.to_vec()),
        begin in -3_600_i64..3_600,
        pace in 0_i64..400,
    ) {
        let index = index();
        let mut oracle = Oracle::default();
        shops.iter().for_each(|shop| oracle.fold(&index, shop));
        let mut now = noon() + seconds(begin);
        index.publish(now);
        let mut asked = question(sort);
        let expected = oracle.order(&asked, now);
        let mut moved: BTreeSet<ShopId> = BTreeSet::new();
        let mut seen: Vec<ShopId> = Vec::new();
        let mut changes = changes.iter();
        loop {
            let answer = ask(&index, &asked, now).unwrap();
            seen.extend(&answer.shop_ids);
            let Some(next) = following(&asked, &answer) else { break };
            asked = next;
            for shop in changes.next().into_iter().flatten() {
                moved.insert(shop.id());
                oracle.fold(&index, shop);
            }
            if moved.len().is_multiple_of(2) {
                for number in &vanish {
                    moved.insert(id(*number));
                    oracle.remove(&index, id(*number));
                }
            }
            now += seconds(pace);
            index.publish(now);
        }
        let unmoved = |shop_ids: Vec<ShopId>| -> Vec<ShopId> {
            shop_ids.into_iter().filter(|shop_id| !moved.contains(shop_id)).collect()
        };
        prop_assert_eq!(unmoved(seen), unmoved(expected));
    }
}

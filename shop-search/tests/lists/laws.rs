//! Any shops, any changes, any moments: what is listed is what the oracle says.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use shop_id::ShopId;
use shop_search::{AreaLists, AreaListsLimits, ListQuestion, ShopIndexer, Sort};

use crate::any::{any_question, any_shop, any_shop_of_the_strand, noon, seconds};
use crate::oracle::Oracle;
use crate::shops::{Shop, ask, following, id, question};

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

//! What the embedded index promises beside the traits: what it keeps, shares, drops and counts.

use std::sync::{Arc, Barrier};

use jiff::{SignedDuration, Timestamp};
use shop_search::{
    AreaLists, AreaListsLimits, CellCentre, ListAnswer, ListQuestion, ShopIndexer, ShopSearch, Sort,
};

use crate::shops::{Shop, ask, at, block_on, cell, following, id, ids, listed, question, strand};

fn now() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn index_of(shops: impl IntoIterator<Item = Shop>) -> AreaLists {
    let index = AreaLists::new(AreaListsLimits::default());
    shops.into_iter().for_each(|shop| index.fold(shop.id(), &shop.part()));
    index.publish(now());
    index
}

fn first(index: &AreaLists, sort: Sort) -> ListAnswer {
    ask(index, &question(sort), now()).unwrap()
}

/// Sorted from scratch, renewed by merging.
fn work(index: &AreaLists) -> (u64, u64) {
    (index.figures().sorts, index.figures().merges)
}

#[test]
fn a_list_is_sorted_once_and_then_only_read() {
    let index = index_of((1..=100).map(Shop::new));
    for _ in 0..50 {
        let mut asked = question(Sort::Rating);
        while let Some(next) = following(&asked, &ask(&index, &asked, now()).unwrap()) {
            asked = next;
        }
    }
    assert_eq!(work(&index), (1, 0));
}

#[test]
fn a_changed_name_moves_nothing() {
    let index = index_of((1..=30).map(Shop::new));
    let before = (first(&index, Sort::Rating), work(&index), index.figures().publishes);
    index.fold(id(7), &Shop::with(7, |shop| shop.name = "Sette".to_owned()).part());
    index.publish(now());
    assert_eq!((first(&index, Sort::Rating), work(&index), index.figures().publishes), before);
}

#[test]
fn a_changed_shop_costs_a_merge_and_a_new_generation_only_where_the_order_is_another() {
    let index = index_of((1..=30).map(|id| Shop::with(id, |shop| shop.fee = 100)));
    let (by_fee, by_rating) = (first(&index, Sort::DeliveryFee), first(&index, Sort::Rating));
    assert_eq!(work(&index), (2, 0));
    index.fold(id(7), &Shop::with(7, |shop| shop.fee = 99).part());
    index.publish(now());
    let moved = first(&index, Sort::DeliveryFee);
    assert_eq!(ids(&moved)[..3], [7, 1, 2]);
    assert_ne!(moved.generation, by_fee.generation);
    for _ in 0..5 {
        assert_eq!(first(&index, Sort::DeliveryFee), moved);
        assert_eq!(first(&index, Sort::Rating), by_rating);
    }
    assert_eq!(work(&index), (2, 2));
    // The list of before is forgotten.
    let one_list = 30 * 28;
    assert!((2 * one_list..3 * one_list).contains(&(index.figures().list_bytes - 2 * 400)));
}

#[test]
fn a_change_elsewhere_leaves_a_list_as_it_is() {
    let index = index_of((1..=30).map(Shop::new));
    let before = first(&index, Sort::Distance);
    index.fold(id(99), &Shop::with(99, |shop| shop.cells = vec![cell(1)]).part());
    index.publish(now());
    assert_eq!(first(&index, Sort::Distance), before);
    assert_eq!(work(&index), (1, 0));
}

#[test]
fn a_closing_costs_one_merge_however_many_ask_for_it_at_that_moment() {
    let closing = |number: u64| now() + SignedDuration::from_mins(i64::try_from(number % 24).unwrap() + 1);
    let index = index_of((1..=2_000).map(|number| {
        let closes = closing(number).as_second();
        Shop::with(number, |shop| shop.pauses = vec![(closes, closes + 86_400)])
    }));
    first(&index, Sort::Rating);
    let barrier = Barrier::new(8);
    for round in 0..24 {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let listed = listed(&index, Sort::Rating, closing(round));
                    assert!(listed.iter().all(|number| number % 24 > round || round == 23));
                });
            }
        });
        assert_eq!(work(&index), (1, round + 1));
    }
}

#[test]
fn pages_of_before_and_after_a_closing_are_both_kept_ready() {
    let index = index_of((1..=60).map(|id| Shop::with(id, |shop| shop.open = vec![(11 * 60, 120)])));
    let before_closing = at("2026-11-23T12:59:00Z");
    let first_page = ask(&index, &question(Sort::Rating), before_closing).unwrap();
    let second_page = following(&question(Sort::Rating), &first_page).unwrap();
    let after_closing = at("2026-11-23T13:00:05Z");
    for _ in 0..20 {
        assert_eq!(ids(&ask(&index, &second_page, after_closing).unwrap())[0], 26);
        assert_eq!(listed(&index, Sort::Rating, after_closing)[0], 1);
    }
    let (sorts, merges) = work(&index);
    // All sixty closed at once: that is a sorting from scratch.
    assert_eq!((sorts, merges), (2, 0));
}

#[test]
fn who_pages_through_a_long_past_order_and_who_comes_now_do_not_disturb_each_other() {
    let closings = ["12:50:00", "13:00:00", "13:10:00"].map(|time| at(&format!("2026-11-23T{time}Z")));
    let index = index_of((1..=90).map(|number| {
        let closes = closings[usize::try_from(number % 3).unwrap()].as_second();
        Shop::with(number, |shop| shop.pauses = vec![(closes, closes + 60)])
    }));
    let first_page = ask(&index, &question(Sort::Rating), at("2026-11-23T12:49:00Z")).unwrap();
    let second_page = following(&question(Sort::Rating), &first_page).unwrap();
    for closing in closings {
        listed(&index, Sort::Rating, closing);
    }
    let both =
        || (listed(&index, Sort::Rating, closings[2]), ask(&index, &second_page, closings[2]).unwrap());
    let expected = both();
    assert_eq!(ids(&expected.1), (26..=50).collect::<Vec<_>>());
    let before = work(&index);
    for _ in 0..20 {
        assert_eq!(both(), expected);
    }
    assert_eq!(work(&index), before);
}

#[test]
fn the_bytes_of_a_page_stay_the_same_while_nothing_moves_whoever_answers() {
    // One shop of each closed for a minute at four past twelve.
    let closes = at("2026-11-23T12:04:00Z").as_second();
    let pausing = || Shop::with(7, |shop| shop.pauses = vec![(closes, closes + 60)]);
    let index = || index_of((1..=30).map(|id| if id == 7 { pausing() } else { Shop::new(id) }));
    let (one, other) = (index(), index());
    let cursor = |index: &AreaLists, text: &str| {
        ask(index, &question(Sort::Rating), at(&format!("2026-11-23T{text}Z"))).unwrap().next_cursor
    };
    let opened = cursor(&one, "12:05:30");
    assert_ne!(cursor(&other, "12:03:20"), opened);
    assert_eq!(cursor(&other, "12:09:00"), opened);
    assert_eq!(cursor(&one, "12:14:59"), opened);
    let aged = cursor(&one, "12:15:00");
    assert_ne!(aged, opened, "so that it can age");
    assert_eq!(cursor(&other, "12:29:59"), aged);
    assert_eq!(cursor(&index(), "12:21:00"), aged);
}

#[test]
fn lists_are_said_to_be_stale_when_nobody_publishes_any_more() {
    let index = index_of([Shop::new(1)]);
    let said = |seconds| {
        let later = now() + SignedDuration::from_millis(seconds);
        let answer = ask(&index, &question(Sort::Rating), later).unwrap();
        assert_eq!(ids(&answer), [1]);
        answer.stale_since
    };
    assert_eq!(said(0), None);
    assert_eq!(said(5_000), None);
    assert_eq!(said(5_001), Some(now()));
    assert_eq!(said(3_600_000), Some(now()));
    // Nothing was folded, but somebody looks after it again.
    index.publish(now() + SignedDuration::from_hours(1));
    assert_eq!(said(3_600_000), None);
}

#[test]
fn kept_lists_stay_within_their_bytes() {
    let limits = AreaListsLimits { list_bytes_max: 20_000 };
    let index = AreaLists::new(limits);
    let everywhere: Vec<_> = (0..7).map(cell).collect();
    for number in 1..=40 {
        let shop = Shop::with(number, |shop| shop.cells.clone_from(&everywhere));
        index.fold(shop.id(), &shop.part());
    }
    index.publish(now());
    for _ in 0..3 {
        for &cell in &everywhere {
            for sort in Sort::ALL {
                for category in [None, Some(Arc::from("pizza"))] {
                    let asked = ListQuestion { cell, category, sort, cursor: None };
                    assert_eq!(ids(&ask(&index, &asked, now()).unwrap()), (1..=25).collect::<Vec<_>>());
                    assert!(index.figures().list_bytes <= limits.list_bytes_max);
                }
            }
        }
    }
    assert!(index.figures().lists > 5, "but what fits is kept");
}

#[test]
fn a_list_that_nobody_reads_is_dropped_after_a_while() {
    let index = index_of([Shop::new(1)]);
    first(&index, Sort::Rating);
    first(&index, Sort::Distance);
    for round in 1..=3 {
        let later = now() + SignedDuration::from_secs(31 * round);
        listed(&index, Sort::Rating, later);
        index.publish(later);
    }
    assert_eq!(index.figures().lists, 1);
    assert_eq!(work(&index), (2, 0), "the other one was only read");
}

#[test]
fn figures_count_shops_cells_and_memberships() {
    let index = index_of([
        Shop::with(1, |shop| shop.cells = vec![cell(0), cell(1)]),
        Shop::with(2, |shop| shop.cells = vec![cell(1), cell(2), cell(1)]),
        Shop::with(3, |shop| shop.cells = vec![]),
    ]);
    let figures = index.figures();
    assert_eq!((figures.shops, figures.cells, figures.memberships), (2, 3, 4));
    assert_eq!((figures.folds, figures.publishes), (3, 1));
    assert_eq!(index.popular_cells(2), [(cell(1), 2), (cell(0).min(cell(2)), 1)]);
}

#[test]
fn cells_of_other_resolutions_in_a_list_part_are_passed_over() {
    let wide = strand().parent(h3o::Resolution::Seven).unwrap();
    let index = index_of([Shop::with(1, |shop| shop.cells = vec![wide, strand()])]);
    assert_eq!(index.figures().cells, 1);
    let asked = ListQuestion { cell: wide, ..question(Sort::Rating) };
    assert_eq!(ask(&index, &asked, now()).unwrap().shop_ids, []);
}

#[test]
fn a_question_can_be_asked_from_any_task() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let index = index_of([Shop::new(1)]);
    let asked = question(Sort::Rating);
    let answer = block_on(sent(index.list(&asked, now()))).unwrap();
    assert_eq!(ids(&answer), [1]);
}

#[test]
fn the_list_measures_from_the_centre_that_the_card_shows() {
    let near = |id, metres_north: f64| {
        Shop::with(id, |shop| {
            let centre = h3o::LatLng::from(strand());
            shop.place.lat = centre.lat() + metres_north / 111_195.0;
            shop.place.lng = centre.lng();
        })
    };
    let shops = [near(1, 300.0), near(2, 20.0), near(3, 150.0)];
    let distances = [1, 0, 2].map(|place: usize| CellCentre::of(strand()).distance_m(shops[place].place));
    assert!(distances[0] < 25 && distances[1] > 250, "{distances:?}");
    assert_eq!(listed(&index_of(shops), Sort::Distance, now()), [2, 3, 1]);
}

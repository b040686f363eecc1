//! The suite over the two traits: how an index is fed and asked is all that it knows.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shop_document::Place;
use shop_search::{ListQuestion, PAGE_SHOPS_MAX, SearchError, ShopIndexer, ShopSearch, Sort};

use crate::shops::{Shop, ask, at, cell, following, id, ids, listed, question, strand};

/// Hands all of them to a macro that makes tests of them.
macro_rules! each_promise_of_lists {
    ($make:ident) => {
        $make! {
            an_index_that_was_never_published_is_unavailable
            a_cell_without_shops_has_an_empty_list
            what_is_folded_is_seen_when_it_is_published
            open_shops_come_first_in_every_sort
            every_sort_has_its_order
            equal_shops_stand_in_the_order_of_their_ids
            a_category_lists_its_shops_only
            a_shop_leaves_the_cells_it_no_longer_delivers_to
            a_closed_down_or_vanished_shop_leaves_all_lists_and_may_come_back
            a_long_list_comes_in_pages_and_ends
            a_shop_opens_and_closes_to_the_second
            an_ad_moves_its_shop_while_it_runs
            a_pause_puts_a_shop_behind_the_open_ones
            pages_keep_the_order_of_the_first_one_while_shops_close
            a_cursor_of_another_list_is_refused
            a_cursor_from_the_future_is_refused_and_an_old_one_goes_on_in_the_order_of_today
        }
    };
}

pub(crate) trait Both: ShopIndexer + ShopSearch {}
impl<T: ShopIndexer + ShopSearch> Both for T {}

const NOON: &str = "2026-11-23T12:00:00Z";

fn publish(index: &impl Both, shops: &[Shop]) {
    shops.iter().for_each(|shop| index.fold(shop.id(), &shop.part()));
    index.publish(at(NOON));
}

/// Open on Mondays from 11:00 to 13:00.
fn lunch(id: u64) -> Shop {
    Shop::with(id, |shop| shop.open = vec![(11 * 60, 120)])
}

pub(crate) fn an_index_that_was_never_published_is_unavailable(index: &impl Both) {
    index.fold(id(1), &Shop::new(1).part());
    let refused = ask(index, &question(Sort::Recommended), at(NOON)).unwrap_err();
    assert!(matches!(refused, SearchError::Unavailable { .. }), "{refused}");
    index.publish(at(NOON));
    assert_eq!(listed(index, Sort::Recommended, at(NOON)), [1]);
}

pub(crate) fn a_cell_without_shops_has_an_empty_list(index: &impl Both) {
    publish(index, &[Shop::new(1)]);
    let nowhere = ListQuestion { cell: cell(1), ..question(Sort::Rating) };
    let wide = strand().parent(h3o::Resolution::Seven).unwrap();
    let other_resolution = ListQuestion { cell: wide, ..question(Sort::Rating) };
    let no_category = ListQuestion { category: Some(Arc::from("sushi")), ..question(Sort::Rating) };
    for empty in [nowhere, other_resolution, no_category] {
        let answer = ask(index, &empty, at(NOON)).unwrap();
        assert_eq!((answer.shop_ids, answer.next_cursor), (vec![], None), "{empty:?}");
        assert_eq!((answer.changes_at, answer.stale_since), (None, None), "{empty:?}");
    }
}

pub(crate) fn what_is_folded_is_seen_when_it_is_published(index: &impl Both) {
    publish(index, &[Shop::with(1, |shop| shop.fee = 100), Shop::with(2, |shop| shop.fee = 200)]);
    assert_eq!(listed(index, Sort::DeliveryFee, at(NOON)), [1, 2]);
    index.fold(id(1), &Shop::with(1, |shop| shop.fee = 300).part());
    index.fold(id(3), &Shop::with(3, |shop| shop.fee = 250).part());
    assert_eq!(listed(index, Sort::DeliveryFee, at(NOON)), [1, 2], "not yet");
    index.publish(at(NOON));
    assert_eq!(listed(index, Sort::DeliveryFee, at(NOON)), [2, 3, 1]);
}

pub(crate) fn open_shops_come_first_in_every_sort(index: &impl Both) {
    // The one that is closed would be the first by every value.
    let best = |shop: &mut Shop| {
        shop.open = Vec::new();
        shop.by_stars = [0, 0, 0, 0, 1_000];
        shop.ads = vec![(0, i64::from(u32::MAX), 9)];
        shop.place = Place { lat: 51.5115, lng: -0.1160 };
    };
    let plain = |shop: &mut Shop| (shop.fee, shop.min_order) = (500, 500);
    publish(index, &[Shop::with(1, best), Shop::with(2, plain)]);
    for sort in Sort::ALL {
        assert_eq!(listed(index, sort, at(NOON)), [2, 1], "{}", sort.name());
    }
}

pub(crate) fn every_sort_has_its_order(index: &impl Both) {
    let shop = |id, stars: [u32; 5], weight: Option<u16>, east: f64, fee: i64, min_order: i64| {
        Shop::with(id, |shop| {
            shop.by_stars = stars;
            shop.ads = weight.map(|weight| (0, i64::from(u32::MAX), weight)).into_iter().collect();
            let centre = h3o::LatLng::from(strand());
            shop.place = Place { lat: centre.lat(), lng: centre.lng() + east };
            (shop.fee, shop.min_order) = (fee, min_order);
        })
    };
    publish(
        index,
        &[
            shop(1, [0, 0, 0, 0, 1], None, 0.015, 199, 1_500),
            shop(2, [0, 0, 0, 900, 100], None, -0.010, 0, 2_000),
            shop(3, [5, 5, 0, 0, 0], Some(0), 0.040, 299, 0),
            shop(4, [0; 5], Some(7), -0.030, 99, 500),
            shop(5, [0, 0, 0, 0, 0], None, 0.005, 399, 1_000),
        ],
    );
    for (sort, expected) in [
        // The heavier ad, the ad that weighs nothing, a thousand reviews of 4.1, one of 5, none.
        (Sort::Recommended, [4, 3, 2, 1, 5]),
        (Sort::Distance, [5, 2, 1, 4, 3]),
        // 5.0, 4.1, 1.5, and without reviews by ID.
        (Sort::Rating, [1, 2, 3, 4, 5]),
        (Sort::DeliveryFee, [2, 4, 1, 3, 5]),
        (Sort::MinOrder, [3, 4, 5, 1, 2]),
    ] {
        assert_eq!(listed(index, sort, at(NOON)), expected, "{}", sort.name());
    }
}

pub(crate) fn equal_shops_stand_in_the_order_of_their_ids(index: &impl Both) {
    publish(index, &[3, 1, u64::MAX, 2].map(Shop::new));
    for sort in Sort::ALL {
        assert_eq!(listed(index, sort, at(NOON)), [1, 2, 3, u64::MAX], "{}", sort.name());
    }
}

pub(crate) fn a_category_lists_its_shops_only(index: &impl Both) {
    let serving = |id, words: &[&str]| {
        Shop::with(id, |shop| shop.categories = words.iter().map(|word| (*word).to_owned()).collect())
    };
    publish(index, &[serving(1, &["pizza", "kebab"]), serving(2, &["sushi"]), serving(3, &["kebab"])]);
    let of = |category: &str| {
        let question = ListQuestion { category: Some(Arc::from(category)), ..question(Sort::Recommended) };
        ids(&ask(index, &question, at(NOON)).unwrap())
    };
    assert_eq!((of("pizza"), of("kebab"), of("sushi")), (vec![1], vec![1, 3], vec![2]));
    index.fold(id(3), &serving(3, &["sushi"]).part());
    index.publish(at(NOON));
    assert_eq!((of("pizza"), of("kebab"), of("sushi")), (vec![1], vec![1], vec![2, 3]));
}

pub(crate) fn a_shop_leaves_the_cells_it_no_longer_delivers_to(index: &impl Both) {
    let delivering = |cells: [usize; 2]| Shop::with(1, |shop| shop.cells = cells.map(cell).to_vec());
    let shown = || {
        let shows = |number: &usize| {
            let question = ListQuestion { cell: cell(*number), ..question(Sort::Distance) };
            !ask(index, &question, at(NOON)).unwrap().shop_ids.is_empty()
        };
        (0..4).filter(shows).collect::<Vec<_>>()
    };
    publish(index, &[delivering([0, 1])]);
    assert_eq!(shown(), [0, 1]);
    publish(index, &[delivering([1, 2])]);
    assert_eq!(shown(), [1, 2]);
    // Away and back between two publishings.
    publish(index, &[delivering([3, 0]), delivering([1, 2])]);
    assert_eq!(shown(), [1, 2]);
}

pub(crate) fn a_closed_down_or_vanished_shop_leaves_all_lists_and_may_come_back(index: &impl Both) {
    publish(index, &[Shop::new(1), Shop::new(2), Shop::new(3)]);
    index.fold(id(1), &Shop::with(1, |shop| shop.exists = false).part());
    index.remove(id(2));
    index.remove(id(9));
    assert_eq!(listed(index, Sort::Rating, at(NOON)), [1, 2, 3], "not yet");
    index.publish(at(NOON));
    assert_eq!(listed(index, Sort::Rating, at(NOON)), [3]);
    publish(index, &[Shop::new(2), Shop::new(1)]);
    assert_eq!(listed(index, Sort::Rating, at(NOON)), [1, 2, 3]);
}

pub(crate) fn a_long_list_comes_in_pages_and_ends(index: &impl Both) {
    let full = 2 * PAGE_SHOPS_MAX as u64;
    publish(index, &(1..=full).map(Shop::new).collect::<Vec<_>>());
    let first = ask(index, &question(Sort::Rating), at(NOON)).unwrap();
    let second = ask(index, &following(&question(Sort::Rating), &first).unwrap(), at(NOON)).unwrap();
    assert_eq!(ids(&first), (1..=25).collect::<Vec<_>>());
    assert_eq!(ids(&second), (26..=50).collect::<Vec<_>>());
    assert_eq!(second.next_cursor, None, "a full last page is the last one");
}

pub(crate) fn a_shop_opens_and_closes_to_the_second(index: &impl Both) {
    // 2026-11-23 is a Monday, and London's clock shows UTC.
    publish(index, &[lunch(1), Shop::new(2)]);
    let said = |now: &str| {
        let answer = ask(index, &question(Sort::Recommended), at(now)).unwrap();
        (ids(&answer), answer.changes_at)
    };
    let until = |text: &str| Some(at(text));
    assert_eq!(said("2026-11-23T09:59:59Z"), (vec![2, 1], until("2026-11-23T10:00:00Z")));
    assert_eq!(said("2026-11-23T10:00:00Z"), (vec![2, 1], until("2026-11-23T11:00:00Z")), "it prepares");
    assert_eq!(said("2026-11-23T10:59:59.999Z"), (vec![2, 1], until("2026-11-23T11:00:00Z")));
    assert_eq!(said("2026-11-23T11:00:00Z"), (vec![1, 2], until("2026-11-23T13:00:00Z")));
    assert_eq!(said("2026-11-23T12:59:59.999Z"), (vec![1, 2], until("2026-11-23T13:00:00Z")));
    assert_eq!(said("2026-11-23T13:00:00Z"), (vec![2, 1], until("2026-11-30T10:00:00Z")));
    assert_eq!(said("2026-11-23T11:00:00Z"), (vec![1, 2], until("2026-11-23T13:00:00Z")), "a slow clock");
}

pub(crate) fn an_ad_moves_its_shop_while_it_runs(index: &impl Both) {
    let (begins, ends) = (at("2026-11-23T17:00:00Z"), at("2026-11-23T17:00:01Z"));
    let ad = (begins.as_second(), ends.as_second(), 1);
    publish(index, &[Shop::new(1), Shop::with(2, |shop| shop.ads = vec![ad])]);
    for (now, order, changes_at) in [
        (begins - SignedDuration::from_nanos(1), [1, 2], Some(begins)),
        (begins, [2, 1], Some(ends)),
        (ends - SignedDuration::from_nanos(1), [2, 1], Some(ends)),
        (ends, [1, 2], None),
    ] {
        let answer = ask(index, &question(Sort::Recommended), now).unwrap();
        assert_eq!((ids(&answer), answer.changes_at), (order.to_vec(), changes_at), "at {now}");
        // Elsewhere the ad only puts a label on the card: the same lifetime, another order.
        let by_rating = ask(index, &question(Sort::Rating), now).unwrap();
        assert_eq!((ids(&by_rating), by_rating.changes_at), (vec![1, 2], changes_at), "at {now}");
    }
}

pub(crate) fn a_pause_puts_a_shop_behind_the_open_ones(index: &impl Both) {
    let (begins, ends) = (at("2026-11-23T17:00:10Z"), at("2026-11-23T17:20:00Z"));
    let pause = (begins.as_second(), ends.as_second());
    publish(index, &[Shop::with(1, |shop| shop.pauses = vec![pause]), Shop::new(2)]);
    let second = SignedDuration::from_secs(1);
    assert_eq!(listed(index, Sort::MinOrder, begins - second), [1, 2]);
    assert_eq!(listed(index, Sort::MinOrder, begins), [2, 1]);
    assert_eq!(listed(index, Sort::MinOrder, ends - second), [2, 1]);
    assert_eq!(listed(index, Sort::MinOrder, ends), [1, 2]);
}

pub(crate) fn pages_keep_the_order_of_the_first_one_while_shops_close(index: &impl Both) {
    // 1 to 30 close at 13:00, 31 to 60 never do.
    let shops = (1..=60).map(|id| if id <= 30 { lunch(id) } else { Shop::new(id) });
    publish(index, &shops.collect::<Vec<_>>());
    let mut asked = question(Sort::Rating);
    let mut seen = Vec::new();
    let mut now = at("2026-11-23T12:59:59Z");
    loop {
        let answer = ask(index, &asked, now).unwrap();
        seen.extend(ids(&answer));
        let week_later = Some(at("2026-11-30T10:00:00Z"));
        let closing = Some(at("2026-11-23T13:00:00Z"));
        // The order is an old one, the cards are not: they change with the clock of today.
        assert_eq!(answer.changes_at, if seen.len() == 25 { closing } else { week_later });
        let Some(next) = following(&asked, &answer) else { break };
        asked = next;
        now += SignedDuration::from_mins(20);
    }
    assert_eq!(seen, (1..=60).collect::<Vec<_>>());
    let again = listed(index, Sort::Rating, now);
    assert_eq!(again[0], 31, "a first page is always of today");
}

pub(crate) fn a_cursor_of_another_list_is_refused(index: &impl Both) {
    publish(index, &(1..=30).map(Shop::new).collect::<Vec<_>>());
    let first = question(Sort::Rating);
    let cursor = ask(index, &first, at(NOON)).unwrap().next_cursor;
    let own = ListQuestion { cursor, ..first };
    assert_eq!(ask(index, &own, at(NOON)).unwrap().shop_ids.len(), 5);
    let garbage = Some(Arc::from("AAAA"));
    let cut = own.cursor.as_deref().map(|cursor| Arc::from(&cursor[1..]));
    for foreign in [
        ListQuestion { cell: cell(1), ..own.clone() },
        ListQuestion { category: Some(Arc::from("pizza")), ..own.clone() },
        ListQuestion { sort: Sort::Recommended, ..own.clone() },
        ListQuestion { cursor: garbage, ..own.clone() },
        ListQuestion { cursor: cut, ..own.clone() },
        ListQuestion { cursor: Some(Arc::from("")), ..own },
    ] {
        let refused = ask(index, &foreign, at(NOON)).unwrap_err();
        let given = foreign.cursor.as_deref().unwrap_or_default().to_owned();
        assert_eq!(refused, SearchError::Cursor { given });
    }
}

pub(crate) fn a_cursor_from_the_future_is_refused_and_an_old_one_goes_on_in_the_order_of_today(
    index: &impl Both,
) {
    let shops = (1..=60).map(|id| if id <= 30 { lunch(id) } else { Shop::new(id) });
    publish(index, &shops.collect::<Vec<_>>());
    let first = question(Sort::Rating);
    let made_at = at("2026-11-23T12:59:00Z");
    let next = following(&first, &ask(index, &first, made_at).unwrap()).unwrap();
    let page = |now: Timestamp| ask(index, &next, now).map(|answer| ids(&answer));
    // 1 to 25 were shown.
    let of_then: Vec<u64> = (26..=50).collect();
    assert_eq!(page(made_at + SignedDuration::from_mins(40)), Ok(of_then));
    // Three hours later 1 to 30 are closed, and behind place 25 of the open ones begin those from 31 on.
    let of_today: Vec<u64> = (31..=55).collect();
    assert_eq!(page(made_at + SignedDuration::from_hours(3)), Ok(of_today));
    let refused = page(made_at - SignedDuration::from_hours(1)).unwrap_err();
    assert!(matches!(refused, SearchError::Cursor { .. }), "{refused}");
}

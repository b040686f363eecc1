//! What words find, in which order, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use shop_document::facts::{EtaMinutes, MenuGroup, MenuItem, Money, ShopSectionFacts};
use shop_document::{Area, Held, ListPart, Place, Sections, ShopDocument};
use shop_id::Revision;
use shop_search::{SearchError, SearchText, ShopIndexer, Sort, TextLimits, TextQuestion, TextSearch};

use crate::shops::{Shop, at, block_on, cell, id, ids, strand};
use crate::typed::{Indexes, following, typed};

fn now() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn named(id: u64, name: &str) -> Shop {
    Shop::with(id, |shop| {
        shop.name = name.to_owned();
        shop.categories = Vec::new();
    })
}

fn indexes(shops: impl IntoIterator<Item = Shop>) -> Indexes {
    Indexes::of(shops, now())
}

#[test]
fn names_are_found_in_any_script_and_with_slips_of_the_finger() {
    let indexes = indexes([
        named(1, "원조치킨집 강남점"),
        named(2, "Domino's Pizza"),
        named(3, "Café Crème"),
        named(4, "Kentucky Fried Chicken"),
        named(5, "스시🍣야 Sushi-Ya"),
        named(6, "The \"Best\" Kebab"),
    ]);
    let found: [(&str, &[u64]); 27] = [
        ("치킨", &[1]),
        ("원조 치킨", &[1]),
        ("강남", &[1]),
        ("킨", &[1]),
        ("dominos", &[2]),
        ("DOMINO’S PIZZA", &[2]),
        ("domnos", &[2]),
        ("piza", &[2]),
        ("pizzaa", &[2]),
        ("cafe creme", &[3]),
        ("Cafe\u{301}", &[3]),
        ("creme", &[3]),
        ("chickn", &[4]),
        ("kentuky chicken", &[4]),
        ("chicken fried", &[4]),
        ("sushi", &[5]),
        ("sushiya", &[5]),
        ("🍣", &[5]),
        ("스시", &[5]),
        ("\"best\"", &[6]),
        ("kebap", &[6]),
        ("k", &[4, 6]),
        ("b", &[6]),
        ("pizza chicken", &[]),
        ("치즈", &[]),
        ("🍕", &[]),
        ("?!", &[]),
    ];
    for (text, expected) in found {
        assert_eq!(indexes.found(text, now()), expected, "{text}");
    }
}

#[test]
fn a_real_card_is_searched_by_name_category_and_menu_preview() {
    let gbp = |amount| Money { amount, currency: "GBP".to_owned() };
    let item = |name: &str, sold_out| MenuItem {
        id: name.to_owned(),
        name: name.to_owned(),
        description: None,
        price: gbp(900),
        image_url: Some("https://example.org/\"quoted\".jpg".to_owned()),
        sold_out,
    };
    let section = ShopSectionFacts {
        name: "Luigi \"il\" Forno".to_owned(),
        thumbnail_url: None,
        categories: vec!["italian".to_owned()],
        location: Place { lat: 51.51, lng: -0.12 },
        address: Some("Drury Lane".to_owned()),
        phone: None,
        notices: vec!["Gluten free".to_owned()],
        opening_hours: Vec::new(),
        times: Shop::new(1).times(),
        fee_ladder: Vec::new(),
        min_order: gbp(0),
        eta_minutes: EtaMinutes { from: 20, to: 30 },
        area: Area::Circle(1_000),
        cells: vec![strand().into()],
        menus: vec![MenuGroup {
            name: "Pasta".to_owned(),
            items: vec![item("Lasagne", true), item("Gnocchi \\ Pesto", false)],
        }],
        generated: Vec::new(),
        credit: None,
    }
    .render();
    let sections = Sections { shop: Held::Present(Revision::new(1, 1), section), ..Sections::default() };
    let part: ListPart = ShopDocument::assemble(id(1), &sections).list;
    let indexes = Indexes::new();
    indexes.fold(id(1), &part);
    indexes.publish(now());
    for text in ["luigi", "forno", "italian", "gnocchi pesto"] {
        assert_eq!(indexes.found(text, now()), [1], "{text}");
    }
    // Sold out, of the detail, or what the card says beside.
    for text in ["lasagne", "gluten", "drury", "currency", "location", "quoted"] {
        assert_eq!(indexes.found(text, now()), [0; 0], "{text}");
    }
}

#[test]
fn open_shops_come_first_then_better_matches_then_better_ratings_then_ids() {
    let stars = |mut shop: Shop, five: u32| {
        shop.by_stars = [0, 0, 0, 0, five];
        shop
    };
    let closed = |mut shop: Shop| {
        shop.open = Vec::new();
        shop
    };
    let indexes = indexes([
        closed(stars(named(1, "Chicken"), 99)),
        stars(named(2, "Chickin"), 99),
        named(3, "Chicken"),
        stars(named(4, "Chicken"), 5),
        named(5, "Chicken"),
        closed(named(6, "Chickin")),
    ]);
    assert_eq!(indexes.found("chicken", now()), [4, 3, 5, 2, 1, 6]);
}

#[test]
fn what_is_found_can_be_sorted_and_narrowed_to_a_category() {
    let shop = |id, fee, category: &str| {
        Shop::with(id, |shop| {
            shop.name = "Napoli".to_owned();
            shop.fee = fee;
            shop.categories = vec![category.to_owned()];
        })
    };
    let indexes = indexes([shop(1, 300, "pizza"), shop(2, 100, "pasta"), shop(3, 200, "pizza")]);
    let ask = |category: Option<&str>, sort| {
        let category = category.map(Arc::from);
        ids(&indexes.ask(&TextQuestion { category, sort, ..typed("napoli") }, now()).unwrap())
    };
    assert_eq!(ask(None, Some(Sort::DeliveryFee)), [2, 3, 1]);
    assert_eq!(ask(Some("pizza"), Some(Sort::DeliveryFee)), [3, 1]);
    assert_eq!(ask(Some("pizza"), None), [1, 3]);
    assert_eq!(ask(Some("sushi"), None), [0; 0]);
}

#[test]
fn only_shops_that_deliver_to_the_cell_are_found() {
    let indexes = indexes([Shop::with(1, |shop| shop.cells = vec![cell(1), cell(2)]), Shop::new(2)]);
    let found = |cell| ids(&indexes.ask(&TextQuestion { cell, ..typed("shop") }, now()).unwrap());
    assert_eq!(found(cell(0)), [2]);
    assert_eq!(found(cell(1)), [1]);
    assert_eq!(found(cell(3)), [0; 0]);
    assert_eq!(found(strand().parent(h3o::Resolution::Seven).unwrap()), [0; 0]);
}

#[test]
fn what_is_folded_is_found_when_it_is_published() {
    let indexes = indexes([named(1, "Napoli"), named(2, "Napoli")]);
    let all = |text: &str| indexes.found(text, now());
    indexes.fold(id(1), &named(1, "Roma").part());
    indexes.fold(id(3), &named(3, "Roma").part());
    assert_eq!((all("napoli"), all("roma")), (vec![1, 2], vec![]));
    indexes.publish(now());
    assert_eq!((all("napoli"), all("roma")), (vec![2], vec![1, 3]));
    indexes.remove(id(2));
    indexes.fold(id(3), &Shop::with(3, |shop| shop.exists = false).part());
    indexes.publish(now());
    assert_eq!((all("napoli"), all("roma")), (vec![], vec![1]));
    // Only the last of many changes counts, and a shop may come back.
    for name in ["Napoli", "Roma", "Torino"] {
        indexes.fold(id(2), &named(2, name).part());
    }
    indexes.publish(now());
    assert_eq!((all("napoli"), all("roma"), all("torino")), (vec![], vec![1], vec![2]));
    indexes.remove(id(1));
    indexes.fold(id(1), &named(1, "Roma").part());
    indexes.publish(now());
    assert_eq!(all("roma"), [1]);
}

#[test]
fn stars_hours_and_fees_are_the_ones_of_the_lists_and_index_nothing() {
    let indexes = indexes((1..=3).map(|id| named(id, "Napoli")));
    assert_eq!((indexes.found("napoli", now()), indexes.text.figures().publishes), (vec![1, 2, 3], 1));
    let mut changed = named(3, "Napoli!");
    changed.by_stars = [0, 0, 0, 0, 9];
    changed.fee = 7;
    indexes.fold(id(3), &changed.part());
    indexes.fold(id(1), &Shop { open: Vec::new(), ..named(1, "napoli") }.part());
    // Without waiting for the text index.
    indexes.lists.publish(now());
    assert_eq!(indexes.found("napoli", now()), [3, 2, 1]);
    indexes.publish(now());
    assert_eq!((indexes.found("napoli", now()), indexes.text.figures().publishes), (vec![3, 2, 1], 1));
    // Other cells are something else.
    indexes.fold(id(3), &Shop { cells: vec![cell(1), cell(0)], ..changed }.part());
    indexes.publish(now());
    assert_eq!((indexes.found("napoli", now()), indexes.text.figures().publishes), (vec![3, 2, 1], 2));
}

#[test]
fn a_shop_that_the_lists_have_lost_is_not_found_even_before_the_text_index_knows() {
    let indexes = indexes((1..=3).map(|id| named(id, "Napoli")));
    indexes.lists.remove(id(1));
    indexes.lists.fold(id(2), &Shop { cells: vec![cell(1)], ..named(2, "Napoli") }.part());
    indexes.lists.publish(now());
    assert_eq!(indexes.found("napoli", now()), [3]);
}

#[test]
fn whichever_index_is_told_of_a_shop_first_it_is_found() {
    let indexes = Indexes::new();
    for number in [2, 1] {
        indexes.text.fold(id(number), &named(number, "Napoli").part());
    }
    indexes.text.try_publish(now()).unwrap();
    for number in 1..=3 {
        indexes.lists.fold(id(number), &named(number, "Napoli").part());
    }
    indexes.lists.publish(now());
    assert_eq!(indexes.found("napoli", now()), [1, 2]);
}

#[test]
fn many_publishings_leave_few_segments_and_no_old_words() {
    let indexes = Indexes::new();
    for round in 0..60_u64 {
        for number in 1..=20 {
            let name =
                if number % 4 == round % 4 { format!("Round{round}") } else { format!("Steady{number}") };
            indexes.fold(id(number), &named(number, &name).part());
        }
        indexes.publish(now());
        let expected: Vec<u64> = (1..=20).filter(|number| number % 4 == round % 4).collect();
        assert_eq!(indexes.found(&format!("round{round}"), now()), expected);
        assert_eq!(indexes.found("steady", now()).len(), 15);
    }
    // Merging goes on beside; at the latest after some more publishings it is seen.
    let mut rounds = 0;
    while indexes.text.figures().segments > 8 {
        rounds += 1;
        assert!(rounds < 100_000, "{:?}", indexes.text.figures());
        std::thread::yield_now();
        indexes.text.try_publish(now()).unwrap();
    }
    assert_eq!(indexes.found("steady", now()).len(), 15);
}

#[test]
fn what_waits_is_bounded_and_found_all_the_same() {
    let indexes = Indexes::with(TextLimits { waiting_bytes_max: 10_000 });
    for number in 1..=200 {
        indexes.fold(id(number), &named(number, "Napoli").part());
        assert!(indexes.text.figures().waiting_bytes <= 10_000);
    }
    // Not yet: the first scan is not over.
    let refused = indexes.ask(&typed("napoli"), now()).unwrap_err();
    assert!(matches!(refused, SearchError::Unavailable { .. }), "{refused}");
    indexes.publish(now());
    let figures = indexes.text.figures();
    assert_eq!((figures.shops, figures.waiting_shops, figures.waiting_bytes), (200, 0, 0));
    assert_eq!((figures.folds, figures.failures), (200, 0));
    assert_eq!(indexes.found("napoli", now()), (1..=25).collect::<Vec<_>>());
}

#[test]
fn text_search_is_unavailable_until_both_indexes_are_published_and_says_when_one_is_stale() {
    let indexes = Indexes::new();
    let ask = |later| indexes.ask(&typed("shop"), now() + SignedDuration::from_millis(later));
    let is_unavailable = || matches!(ask(0), Err(SearchError::Unavailable { .. }));
    assert!(is_unavailable());
    indexes.text.try_publish(now()).unwrap();
    assert!(is_unavailable());
    indexes.lists.publish(now() + SignedDuration::from_secs(1));
    assert_eq!(ask(5_000).unwrap().stale_since, None);
    assert_eq!(ask(5_001).unwrap().stale_since, Some(now()));
    indexes.text.try_publish(now() + SignedDuration::from_secs(9)).unwrap();
    assert_eq!(ask(9_000).unwrap().stale_since, Some(now() + SignedDuration::from_secs(1)));
    indexes.lists.publish(now() + SignedDuration::from_secs(9));
    assert_eq!(ask(9_000).unwrap().stale_since, None);
}

#[test]
fn a_cursor_of_another_question_is_refused() {
    let indexes = indexes((1..=30).map(|id| named(id, "Napoli")));
    let first = TextQuestion { sort: Some(Sort::Rating), ..typed("napoli") };
    let next = following(&first, &indexes.ask(&first, now()).unwrap()).unwrap();
    assert_eq!(ids(&indexes.ask(&next, now()).unwrap()), [26, 27, 28, 29, 30]);
    let of_list = crate::shops::question(Sort::Rating);
    let list = block_on(shop_search::ShopSearch::list(&*indexes.lists, &of_list, now())).unwrap();
    let foreign = [
        TextQuestion { text: SearchText::parse("napol").unwrap(), ..next.clone() },
        TextQuestion { cell: cell(1), ..next.clone() },
        TextQuestion { category: Some(Arc::from("pizza")), ..next.clone() },
        TextQuestion { sort: None, ..next.clone() },
        TextQuestion { sort: Some(Sort::Distance), ..next.clone() },
        TextQuestion { cursor: Some(Arc::from("AAAA")), ..next.clone() },
        TextQuestion { cursor: list.next_cursor, ..next },
    ];
    for question in foreign {
        let refused = indexes.ask(&question, now()).unwrap_err();
        let given = question.cursor.as_deref().unwrap_or_default().to_owned();
        assert_eq!(refused, SearchError::Cursor { given });
    }
}

#[test]
fn a_generation_stands_for_one_order() {
    let indexes = indexes((1..=30).map(|id| named(id, "Napoli")));
    let generation = || indexes.ask(&typed("napoli"), now()).unwrap().generation;
    let before = generation();
    indexes.fold(id(29), &Shop { fee: 1, ..named(29, "Napoli") }.part());
    indexes.publish(now());
    assert_eq!(generation(), before, "fees do not matter here");
    indexes.fold(id(30), &Shop { by_stars: [9, 0, 0, 0, 0], ..named(30, "Napoli") }.part());
    indexes.publish(now());
    assert_ne!(generation(), before, "on the second page another shop is the last one");
    indexes.fold(id(30), &named(30, "Napoli").part());
    indexes.publish(now());
    assert_eq!(generation(), before);
}

#[test]
fn readers_page_through_what_they_found_while_others_come_and_go() {
    let indexes = indexes((2..=120).step_by(2).map(|id| named(id, "Napoli")));
    let staying: Vec<u64> = (2..=120).step_by(2).collect();
    let is_over = AtomicBool::new(false);
    let read = || {
        let mut rounds = 0;
        while rounds == 0 || !is_over.load(Ordering::Acquire) {
            let (mut asked, mut seen) = (typed("napoli"), Vec::new());
            loop {
                let answer = indexes.ask(&asked, now()).unwrap();
                seen.extend(ids(&answer).into_iter().filter(|number| number % 2 == 0));
                let Some(next) = following(&asked, &answer) else { break };
                asked = next;
            }
            assert_eq!(seen, staying);
            rounds += 1;
        }
    };
    std::thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        for round in 0..40_u64 {
            for number in (1..120).step_by(2) {
                let name = if (number / 2 + round) % 3 > 0 { "Napoli" } else { "Roma" };
                indexes.fold(id(number), &named(number, name).part());
            }
            indexes.publish(now());
        }
        is_over.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn a_text_question_can_be_asked_from_any_task() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let indexes = indexes([Shop::new(1)]);
    let asked = typed("shop");
    let answer = block_on(sent(indexes.text.search(&asked, now()))).unwrap();
    assert_eq!(ids(&answer), [1]);
}

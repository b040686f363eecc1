//! Any shops and questions at all, around one Monday noon.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use shop_document::Place;
use shop_search::{ListQuestion, Sort};

use crate::shops::{Shop, at, cell};

const CELLS: usize = 3;
/// Noon in London is evening and morning elsewhere.
const ZONES: [&str; 5] =
    ["Europe/London", "Europe/London", "Europe/London", "Asia/Seoul", "Nowhere/Atlantis"];
const WORDS: [&str; 3] = ["pizza", "kebab", "sushi"];

/// Around this Monday noon everything happens.
pub(crate) fn noon() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

pub(crate) fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// Most of them open or close, pause or advertise within two hours of noon; few values, so that many tie.
pub(crate) fn any_shop(ids: std::ops::Range<u64>) -> impl Strategy<Value = Shop> {
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
        (0_i32..4, prop::bool::weighted(0.95), select(ZONES.to_vec())),
    )
        .prop_map(
            |((id, cells, words), (open, pauses), (fee, min_order, by_stars, ads), (east, exists, zone))| {
                Shop {
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
                    zone: zone.to_owned(),
                    ..Shop::new(id)
                }
            },
        )
}

/// Stands in the first cell, so that its list fills pages.
pub(crate) fn any_shop_of_the_strand(ids: std::ops::Range<u64>) -> impl Strategy<Value = Shop> {
    any_shop(ids).prop_map(|shop| Shop { cells: vec![cell(0)], ..shop })
}

pub(crate) fn any_question() -> impl Strategy<Value = ListQuestion> {
    let category = prop::option::of(select(WORDS.to_vec())).prop_map(|word| word.map(Arc::from));
    (0..CELLS, category, select(Sort::ALL.to_vec())).prop_map(|(number, category, sort)| ListQuestion {
        cell: cell(number),
        category,
        sort,
        cursor: None,
    })
}

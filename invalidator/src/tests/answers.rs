//! What writers might say.

use serde_json::json;
use shop_id::{Revision, ShopId, Writer};
use writer_api::facts::Campaign;
use writer_api::{AdFacts, Facts, ReviewFacts, SectionAnswer, SectionState, ShopFacts};

pub(super) fn shop(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

/// A revision of the first epoch.
pub(super) fn at(counter: u64) -> Revision {
    Revision::new(1, counter)
}

pub(super) fn present(facts: Facts) -> SectionState {
    SectionState::Present(Box::new(facts))
}

/// What a writer says when asked right after the commit of this very section.
pub(super) fn answer(
    writer: Writer,
    shop_id: ShopId,
    revision: Revision,
    state: SectionState,
) -> SectionAnswer {
    SectionAnswer { shop_id, writer, revision, as_of_sequence: revision, state }
}

/// A section of any writer that can be told by its revision.
pub(super) fn marked(writer: Writer, shop_id: ShopId, revision: Revision) -> SectionAnswer {
    let facts = match writer {
        Writer::Shop => Facts::Shop(shop_facts(&mark(revision))),
        Writer::Ads => Facts::Ads(ad_facts(&mark(revision))),
        Writer::Reviews => Facts::Reviews(review_facts(revision)),
        other => panic!("{other} has no section"),
    };
    answer(writer, shop_id, revision, present(facts))
}

/// The name of a shop and the label of an ad in [`marked`].
pub(super) fn mark(revision: Revision) -> String {
    format!("at {revision}")
}

pub(super) fn ad_facts(label: &str) -> AdFacts {
    let campaign = Campaign {
        id: "1".to_owned(),
        label: label.to_owned(),
        starts_at: "2020-01-01T00:00:00Z".parse().unwrap(),
        ends_at: "2100-01-01T00:00:00Z".parse().unwrap(),
        weight: 10,
    };
    AdFacts { campaigns: vec![campaign], generated: vec![] }
}

/// Epoch and counter as stars.
pub(super) fn review_facts(revision: Revision) -> ReviewFacts {
    let counter = u32::try_from(revision.counter).unwrap();
    ReviewFacts { by_stars: [revision.epoch, counter, 0, 0, 0], latest: vec![], generated: vec![] }
}

pub(super) fn shop_facts(name: &str) -> ShopFacts {
    let gbp = |amount: u32| json!({"amount": amount, "currency": "GBP"});
    serde_json::from_value(json!({
        "name": name,
        "address": "1 Strand, London",
        "location": {"lat": 51.5115, "lng": -0.1160},
        "time_zone": "Europe/London",
        "categories": ["pizza", "italian"],
        "phone": "+44 20 7946 0000",
        "thumbnail_url": "https://img.example/7.jpg",
        "notices": ["Ring twice"],
        "opening_hours": [
            {"day": "mon", "opens": "17:00", "closes": "01:00"},
            {"day": "tue", "opens": "11:00", "closes": "24:00"},
        ],
        "pauses": [{"from": "2026-11-24T18:00:00Z", "until": "2026-11-24T19:00:00Z"}],
        "delivery": {
            "area": {"radius_m": 600},
            "fee_ladder": [
                {"order_at_least": gbp(2000), "fee": gbp(0)},
                {"order_at_least": gbp(1000), "fee": gbp(199)},
            ],
            "min_order": gbp(1000),
            "eta_minutes": {"from": 20, "to": 35}
        },
        "menu": [
            {"id": "1", "group": "Pizza", "name": "Margherita", "description": "tomato, \"mozzarella\"", "price": gbp(950)},
            {"id": "2", "group": "Drinks", "name": "Water", "price": gbp(200), "sold_out": true},
            {"id": "3", "group": "Pizza", "name": "Diavola", "price": gbp(1150), "image_url": "https://img.example/3.jpg"},
        ],
        "generated": ["menu"],
        "credit": "OpenStreetMap"
    }))
    .unwrap()
}

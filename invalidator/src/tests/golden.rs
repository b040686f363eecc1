//! What people get to see of an answer.

use document_store::{Lookup, Projected};
use expect_test::expect_file;
use jiff::Timestamp;
use shop_document::{CardOverlay, ShopDocument, Zones};
use shop_id::Writer;
use writer_api::facts::Review;
use writer_api::{Facts, SectionState};

use super::answers::{ad_facts, answer, at, present, review_facts, shop, shop_facts};
use crate::flatten::flatten;
use crate::project::project;

fn document() -> ShopDocument {
    let mut reviews = review_facts(at(2));
    let written_at = "2026-11-22T19:00:00Z".parse().unwrap();
    reviews.latest.push(Review { stars: 2, text: "cold".to_owned(), at: written_at });
    let answers = [
        answer(Writer::Ads, shop(7), at(3), present(Facts::Ads(ad_facts("Free drink")))),
        answer(Writer::Reviews, shop(7), at(2), present(Facts::Reviews(reviews))),
        answer(Writer::Shop, shop(7), at(5), present(Facts::Shop(shop_facts("Da \"Mario\"")))),
    ];
    let mut held = Lookup::Unknown;
    for answer in answers {
        let Projected::Save(document) = project(shop(7), &held, &flatten(answer).offered) else {
            panic!("nothing newer")
        };
        held = super::found(*document);
    }
    held.stored().unwrap().part.clone()
}

/// Byte by byte as it goes out, but for a line break before each member.
fn lines(json: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(json).unwrap();
    String::from_utf8(json.to_vec()).unwrap().replace(",\"", ",\n\"") + "\n"
}

#[test]
fn a_card_shows_what_a_list_needs() {
    let list = document().list;
    let now: Timestamp = "2026-11-24T18:30:00Z".parse().unwrap();
    let state = list.state_at(now, Zones);
    let ad_label = list.ad_at(now).map(|ad| ad.label.as_str());
    let mut card = Vec::new();
    list.write_card(&mut card, &CardOverlay { distance_m: Some(1_234), state: &state, ad_label });
    expect_file!["golden/card.txt"].assert_eq(&lines(&card));
    let cells: Vec<String> = list.cells().map(|cell| format!("{cell:x}")).collect();
    assert_eq!(cells, ["88194ad321fffff", "88194ad325fffff", "88194ad327fffff", "88194ad32dfffff"]);
    assert_eq!((list.lowest_fee_amount(), list.min_order_amount()), (0, 1_000));
}

#[test]
fn a_detail_shows_everything() {
    let detail = document().detail;
    // Monday's evening goes on after midnight.
    let now: Timestamp = "2026-11-24T00:30:00Z".parse().unwrap();
    let mut written = Vec::new();
    detail.write_detail(&mut written, now, &detail.state_at(now, Zones));
    expect_file!["golden/detail.txt"].assert_eq(&lines(&written));
}

#[test]
fn an_answer_of_nothing_is_shown_as_nothing() {
    let held = super::found(document());
    let nothing = flatten(answer(Writer::Reviews, shop(7), at(9), SectionState::Nothing)).offered;
    let Projected::Save(document) = project(shop(7), &held, &nothing) else { panic!("nothing newer") };
    let now: Timestamp = "2026-11-24T00:30:00Z".parse().unwrap();
    let mut written = Vec::new();
    document.detail.write_detail(&mut written, now, &document.detail.state_at(now, Zones));
    let shown: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(shown["reviews"], serde_json::Value::Null);
    assert_eq!((&shown["rating"], &shown["review_count"]), (&serde_json::Value::Null, &0.into()));
    assert_eq!(shown["name"], "Da \"Mario\"");
}

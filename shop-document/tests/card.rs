//! Laws of what people see: JSON whatever the words, constant until the moment that was named.
#![allow(missing_docs, clippy::unwrap_used)]

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use shop_document::facts::{EtaMinutes, FeeRung, HoursLine, MenuGroup, MenuItem, Review};
use shop_document::hours::{Times, apart, week};
use shop_document::{
    AdsSectionFacts, Area, Campaign, CardOverlay, Held, Money, Place, ReviewsSectionFacts, Sections,
    ShopDocument, ShopSectionFacts, ShopState, StateNow, Zones,
};
use shop_id::{Revision, ShopId};

/// Quotes, backslashes, control characters, line separators, emoji and ordinary words.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\/\u{0}-\u{1f}\u{7f}\u{2028}\u{2029}{}\\[\\],:a-c]{0,30}",
        Just("피자 나라 치킨 공주 🍗".to_owned()),
        "[a-z ]{0,24}",
    ]
}

fn money(amount: i64) -> Money {
    Money { amount, currency: "GBP".to_owned() }
}

prop_compose! {
    fn shop_facts()(
        name in words(), category in words(), notice in words(), address in prop::option::of(words()),
        dishes in prop::collection::vec((words(), words(), any::<i64>(), any::<bool>()), 0..5),
        lat in -90.0..=90.0_f64, lng in -180.0..=180.0_f64, amount: i64,
    ) -> ShopSectionFacts {
        let items = dishes.into_iter().map(|(id, name, price, sold_out)| MenuItem {
            id, description: Some(name.clone()), image_url: None, name, price: money(price), sold_out,
        });
        ShopSectionFacts {
            name, thumbnail_url: None, categories: vec![category], location: Place { lat, lng },
            address, phone: None, notices: vec![notice],
            opening_hours: vec![HoursLine { day: "mon".into(), opens: "11:00".into(), closes: "23:00".into() }],
            times: Times { time_zone: "Europe/London".into(), open_minutes: vec![(0, 120)], pauses: vec![] },
            fee_ladder: vec![FeeRung { order_at_least: money(0), fee: money(amount) }],
            min_order: money(amount), eta_minutes: EtaMinutes { from: 20, to: 35 },
            area: Area::Circle(2_000), cells: vec![],
            menus: vec![MenuGroup { name: "All".into(), items: items.collect() }],
            generated: vec![], credit: None,
        }
    }
}

fn assembled(shop: ShopSectionFacts, labels: &[String], review: String) -> ShopDocument {
    let campaigns = labels.iter().zip(0_i64..);
    let campaigns = campaigns
        .map(|(label, at)| Campaign { label: label.clone(), starts: at, ends: at + 1, weight: 1 })
        .collect();
    let latest = vec![Review { stars: 5, text: review, at: "2026-11-23T17:00:00Z".to_owned() }];
    let reviews = ReviewsSectionFacts { by_stars: [0, 1, 0, 0, 9], latest, generated: vec![] };
    let sections = Sections {
        shop: Held::Present(Revision::new(1, 1), shop.render()),
        ads: Held::Present(Revision::new(1, 1), AdsSectionFacts { campaigns }.render()),
        reviews: Held::Present(Revision::new(1, 1), reviews.render()),
    };
    ShopDocument::assemble(ShopId::new(7).unwrap(), &sections)
}

fn states() -> impl Strategy<Value = StateNow> {
    use ShopState::{Closed, Open, Paused, Preparing};
    let state = prop::sample::select(vec![Open, Paused, Preparing, Closed]);
    let at = prop::option::of(0_i64..253_402_207_200);
    (state, at, -93_599..=93_599_i32).prop_map(|(state, at, offset_seconds)| StateNow {
        state,
        next_change_at: at.map(|second| Timestamp::from_second(second).unwrap()),
        offset_seconds,
    })
}

proptest! {
    #[test]
    fn card_and_detail_are_json_whatever_the_words(
        facts in shop_facts(), labels in prop::collection::vec(words(), 0..3), review in words(),
        state in states(), distance_m: Option<u32>, foreign in words(),
    ) {
        let name = facts.name.clone();
        let document = assembled(facts, &labels, review.clone());
        let own = labels.iter().map(String::as_str).map(Some);
        for ad_label in own.chain([None, Some(foreign.as_str())]) {
            let mut card = Vec::new();
            document.list.write_card(&mut card, &CardOverlay { distance_m, state: &state, ad_label });
            prop_assert_eq!(card.len(), document.list.card_bytes());
            let card: Value = serde_json::from_slice(&card).unwrap();
            prop_assert_eq!(&card["name"], &name);
            prop_assert_eq!(&card["state"], state.state.name());
            prop_assert_eq!(&card["distance_m"], &distance_m.map_or(Value::Null, |metres| metres.min(999_999).into()));
            // A label that is not this shop's own may not fit; then there is none.
            let is_own = ad_label.is_none_or(|label| labels.iter().any(|own| own == label));
            let expected = ad_label.map_or(Value::Null, Value::from);
            prop_assert!(card["ad_label"] == expected || (!is_own && card["ad_label"].is_null()), "{:?}", card["ad_label"]);
        }
        for second in 0..4 {
            let mut detail = Vec::new();
            document.detail.write_detail(&mut detail, Timestamp::from_second(second).unwrap(), &state);
            let detail: Value = serde_json::from_slice(&detail).unwrap();
            prop_assert_eq!(&detail["name"], &name);
            prop_assert_eq!(&detail["reviews"]["latest"][0]["text"], &review);
            let running = usize::try_from(second).ok().and_then(|at| labels.get(at));
            prop_assert_eq!(&detail["ad_label"], &running.map_or(Value::Null, |label| Value::from(label.as_str())));
        }
    }

    /// Two pauses, hours and campaigns around one moment: nothing that the clock decides moves before the
    /// moment that is named.
    #[test]
    fn nothing_changes_before_the_next_change(
        ranges in prop::collection::vec((0_u32..10_080, 1_u32..600), 0..6),
        pauses in prop::collection::vec((-2_000_i64..100_000, 1_i64..50_000), 0..3),
        windows in prop::collection::vec((-50_000_i64..200_000, -10_i64..100_000, 1_u16..4), 0..5),
        now in 1_774_600_000_i64..1_774_900_000,
    ) {
        let times = Times {
            time_zone: "Europe/London".to_owned(),
            open_minutes: week(ranges.iter().map(|(from, long)| (*from, from + long))),
            pauses: apart(pauses.iter().map(|(from, long)| (now + from, now + from + long)).collect()),
        };
        let campaigns = windows.iter().enumerate().map(|(number, (from, long, weight))| Campaign {
            label: number.to_string(), starts: now + from, ends: now + from + long, weight: *weight,
        });
        let shop = shop_document::ShopSection { times, ..Default::default() };
        let sections = Sections {
            shop: Held::Present(Revision::new(1, 1), shop),
            ads: Held::Present(Revision::new(1, 1), AdsSectionFacts { campaigns: campaigns.collect() }.render()),
            ..Sections::default()
        };
        let document = ShopDocument::assemble(ShopId::new(7).unwrap(), &sections);
        let at = |second| Timestamp::from_second(second).unwrap();
        let shown = |second| {
            let ad = document.list.ad_at(at(second)).map(|ad| ad.label.as_str().to_owned());
            (document.list.state_at(at(second), Zones).state, ad)
        };
        let next = document.list.next_change_after(at(now), Zones);
        prop_assert_eq!(document.detail.next_change_after(at(now), Zones), next);
        let next = next.map_or(now + 7 * 86_400, |next| next.as_second());
        prop_assert!(next > now);
        let last = next - 1;
        for second in (now..next).step_by(601).take(1_500).chain([last]) {
            prop_assert_eq!(shown(second), shown(now), "{} of {}", second - now, next - now);
        }
    }
}

#[test]
fn an_invisible_shop_with_a_running_campaign_and_reviews_shows_nothing() {
    let campaign = Campaign { label: "Ad".to_owned(), starts: 0, ends: i64::MAX, weight: 1 };
    let reviews = ReviewsSectionFacts { by_stars: [1; 5], latest: vec![], generated: vec![] };
    let sections = Sections {
        ads: Held::Present(Revision::new(1, 1), AdsSectionFacts { campaigns: vec![campaign] }.render()),
        reviews: Held::Present(Revision::new(1, 1), reviews.render()),
        ..Sections::default()
    };
    let gone = Sections { shop: Held::Gone(Revision::new(1, 9)), ..sections.clone() };
    let now = "2026-11-23T17:00:00Z".parse().unwrap();
    for sections in [sections, gone] {
        let document = ShopDocument::assemble(ShopId::new(7).unwrap(), &sections);
        assert_eq!(document.sections(), sections, "what was heard is kept");
        let state = document.list.state_at(now, Zones);
        let mut out = Vec::new();
        document
            .list
            .write_card(&mut out, &CardOverlay { distance_m: None, state: &state, ad_label: Some("Ad") });
        document.detail.write_detail(&mut out, now, &state);
        assert!(out.is_empty(), "{}", String::from_utf8_lossy(&out));
    }
}

#[test]
fn of_several_campaigns_the_first_of_the_heaviest_runs_from_its_first_moment_to_its_last() {
    let campaign =
        |label: &str, starts, ends, weight| Campaign { label: label.to_owned(), starts, ends, weight };
    let campaigns = vec![
        campaign("light", 100, 500, 1),
        campaign("heavy", 200, 300, 9),
        campaign("as heavy", 250, 400, 9),
    ];
    let ads = AdsSectionFacts { campaigns }.render();
    let sections = Sections { ads: Held::Present(Revision::new(1, 1), ads), ..Sections::default() };
    let list = ShopDocument::assemble(ShopId::new(7).unwrap(), &sections).list;
    for (second, label) in [
        (99, None),
        (100, Some("light")),
        (199, Some("light")),
        (200, Some("heavy")),
        (299, Some("heavy")),
        (300, Some("as heavy")),
        (400, Some("light")),
        (500, None),
    ] {
        let ad = list.ad_at(Timestamp::from_second(second).unwrap());
        assert_eq!(ad.map(|ad| ad.label.as_str()), label, "second {second}");
    }
}

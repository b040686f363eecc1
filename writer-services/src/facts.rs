//! Every documented bound, from both sides.

use serde_json::{Value, json};

use crate::merge_patch;
use crate::owner::{Ads, Owner, Reviews, Shops};
use crate::ready::ReadyFacts;

fn shop() -> Value {
    let gbp = |amount: u32| json!({"amount": amount, "currency": "GBP"});
    json!({
        "name": "Napoli",
        "location": {"lat": 51.5, "lng": -0.1},
        "time_zone": "Europe/London",
        "categories": ["pizza"],
        "opening_hours": [{"day": "mon", "opens": "09:00", "closes": "24:00"}],
        "pauses": [{"from": "2026-11-23T17:00:00Z", "until": "2026-11-23T18:00:00Z"}],
        "delivery": {
            "area": {"radius_m": 1500},
            "fee_ladder": [{"order_at_least": gbp(1000), "fee": gbp(199)}, {"order_at_least": gbp(2000), "fee": gbp(0)}],
            "min_order": gbp(1000),
            "eta_minutes": {"from": 20, "to": 35}
        },
        "menu": [{"id": "1", "group": "Pizza", "name": "Margherita", "price": gbp(950)}]
    })
}

fn ads() -> Value {
    json!({"campaigns": [campaign("1", "Two for one", 10)]})
}

fn campaign(id: &str, label: &str, weight: u32) -> Value {
    json!({"id": id, "label": label, "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z", "weight": weight})
}

fn reviews() -> Value {
    json!({"by_stars": [0, 0, 0, 2, 0], "latest": [
        {"stars": 4, "text": "Good.", "at": "2026-11-23T18:00:00Z"},
        {"stars": 4, "text": "Fine.", "at": "2026-11-23T17:00:00Z"}
    ]})
}

/// What is said about facts after a patch: nothing (they are good), or what is wrong.
fn said<O: Owner>(mut facts: Value, patch: Value) -> String {
    merge_patch::apply(&mut facts, patch);
    let checked = ReadyFacts::read::<O>(facts.to_string().as_bytes());
    checked.map_or_else(|refused| refused.to_string(), |_| String::new())
}

fn holds<O: Owner>(facts: &Value, patches: Vec<Value>) {
    for patch in patches {
        assert_eq!(said::<O>(facts.clone(), patch.clone()), "", "{patch}");
    }
}

fn refuses<O: Owner>(facts: &Value, patches: Vec<(Value, &str)>) {
    for (patch, expected) in patches {
        assert_eq!(said::<O>(facts.clone(), patch.clone()), expected, "{patch}");
    }
}

fn letters(count: usize) -> String {
    "é".repeat(count)
}

fn hours(opens: &str, closes: &str) -> Value {
    json!({"opening_hours": [{"day": "sun", "opens": opens, "closes": closes}]})
}

fn ladder(at_least: &[i64]) -> Value {
    let gbp = |amount: i64| json!({"amount": amount, "currency": "GBP"});
    let rungs: Vec<Value> =
        at_least.iter().map(|amount| json!({"order_at_least": gbp(*amount), "fee": gbp(0)})).collect();
    json!({"delivery": {"fee_ladder": rungs}})
}

/// Around the kitchen, some 700 metres away.
fn polygon(corners: u32) -> Value {
    let angle = |index| std::f64::consts::TAU * f64::from(index) / f64::from(corners);
    ring((0..corners).map(|index| [51.5 + angle(index).sin() / 150.0, -0.1 + angle(index).cos() / 100.0]))
}

fn ring(corners: impl IntoIterator<Item = [f64; 2]>) -> Value {
    let corners: Vec<[f64; 2]> = corners.into_iter().collect();
    json!({"delivery": {"area": {"radius_m": null, "polygon": corners}}})
}

#[test]
fn a_shop_at_the_edge_of_what_is_allowed_is_good() {
    let eight: Vec<String> = (0..8).map(|number| format!("word-{number}")).collect();
    holds::<Shops>(
        &shop(),
        vec![
            json!({}),
            json!({"name": letters(200)}),
            json!({"location": {"lat": 51.5, "lng": -0.1}, "unknown": "members are passed over"}),
            json!({"time_zone": "Asia/Seoul"}),
            json!({"time_zone": "UTC"}),
            json!({"categories": eight}),
            json!({"categories": ["치킨", "7-eleven"]}),
            json!({"categories": null, "opening_hours": null, "pauses": null, "menu": null}),
            json!({"thumbnail_url": "https://example.org/a.jpg"}),
            hours("00:00", "24:00"),
            hours("23:59", "00:00"),
            hours("18:00", "18:00"),
            json!({"delivery": {"area": {"radius_m": 100}}}),
            json!({"delivery": {"area": {"radius_m": 15_000}}}),
            polygon(3),
            polygon(200),
            ladder(&[0, 500]),
            ladder(&[1_000]),
            json!({"delivery": {"eta_minutes": {"from": 30, "to": 30}}}),
        ],
    );
}

#[test]
fn a_shop_with_wrong_words_or_places_is_refused_by_path() {
    let nine: Vec<String> = (0..9).map(|number| format!("word-{number}")).collect();
    refuses::<Shops>(
        &shop(),
        vec![
            (json!({"name": null}), "`name` is missing, expected text, 1 to 200 characters"),
            (json!({"name": "  "}), "`name` is `  `, expected 1 to 200 characters, not only blanks"),
            (
                json!({"name": letters(201)}),
                &format!("`name` is `{}…`, expected 1 to 200 characters, not only blanks", letters(80)),
            ),
            (json!({"address": ""}), "`address` is ``, expected 1 to 500 characters, not only blanks"),
            (json!({"location": {"lat": 90.01}}), "`location.lat` is `90.01`, expected -90 to 90 degrees"),
            (json!({"location": {"lng": -181}}), "`location.lng` is `-181`, expected -180 to 180 degrees"),
            (
                json!({"time_zone": "Europe/Londn"}),
                "`time_zone` is `Europe/Londn`, expected an IANA time zone, for example `Europe/London`",
            ),
            (
                json!({"time_zone": "europe/london"}),
                "`time_zone` is `europe/london`, expected an IANA time zone, for example `Europe/London`",
            ),
            (json!({"categories": nine}), "`categories` is `9 elements`, expected at most 8"),
            (
                json!({"categories": ["Pizza"]}),
                "`categories[0]` is `Pizza`, expected a lower-case word of 1 to 50 characters, for example `pizza`",
            ),
            (
                json!({"categories": ["pizza", "pizza"]}),
                "`categories[1]` is `pizza`, expected each category once",
            ),
            (
                json!({"thumbnail_url": "javascript:alert(1)"}),
                "`thumbnail_url` is `javascript:alert(1)`, expected a URL that begins with https:// or http://, without blanks, at most 2000 bytes",
            ),
            (
                json!({"notices": ["ok", ""]}),
                "`notices[1]` is ``, expected 1 to 2000 characters, not only blanks",
            ),
        ],
    );
}

#[test]
fn a_shop_with_wrong_times_is_refused_by_path() {
    refuses::<Shops>(
        &shop(),
        vec![
            (
                hours("9:00", "10:00"),
                "`opening_hours[0].opens` is `9:00`, expected `HH:MM` from 00:00 to 23:59",
            ),
            (
                hours("24:00", "24:00"),
                "`opening_hours[0].opens` is `24:00`, expected `HH:MM` from 00:00 to 23:59",
            ),
            (
                hours("09:00", "24:01"),
                "`opening_hours[0].closes` is `24:01`, expected `HH:MM` from 00:00 to 24:00",
            ),
            (
                hours("09:00", "10:60"),
                "`opening_hours[0].closes` is `10:60`, expected `HH:MM` from 00:00 to 24:00",
            ),
            (
                hours("09:00", "+1:00"),
                "`opening_hours[0].closes` is `+1:00`, expected `HH:MM` from 00:00 to 24:00",
            ),
            (
                json!({"opening_hours": [{"day": "monday", "opens": "09:00", "closes": "10:00"}]}),
                "`opening_hours[0].day` is `\"monday\"`, expected one of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`",
            ),
            (
                json!({"pauses": [{"from": "2026-11-23T17:00:00Z", "until": "2026-11-23T17:00:00Z"}]}),
                "`pauses[0].until` is `2026-11-23T17:00:00Z`, expected a moment after `from`, 2026-11-23T17:00:00Z",
            ),
            (
                json!({"delivery": {"eta_minutes": {"from": 40, "to": 35}}}),
                "`delivery.eta_minutes.to` is `35`, expected `from`, 40, to 1440",
            ),
        ],
    );
}

#[test]
fn a_shop_with_wrong_areas_or_prices_is_refused_by_path() {
    let euros = json!({"amount": 950, "currency": "EUR"});
    refuses::<Shops>(
        &shop(),
        vec![
            (
                json!({"delivery": {"area": {"radius_m": 99}}}),
                "`delivery.area.radius_m` is `99`, expected 100 to 15000 metres",
            ),
            (
                json!({"delivery": {"area": {"radius_m": 15_001}}}),
                "`delivery.area.radius_m` is `15001`, expected 100 to 15000 metres",
            ),
            (polygon(2), "`delivery.area.polygon` is `2 corners`, expected 3 to 200"),
            (polygon(201), "`delivery.area.polygon` is `201 corners`, expected 3 to 200"),
            (
                json!({"delivery": {"area": {"radius_m": null, "polygon": [[51.5, 0.0], [51.6, 0.1], [-0.1, 51.5]]}}}),
                "`delivery.area.polygon[2]` is `[-0.1,51.5]`, expected `[lat, lng]` at most 50000 metres from `location`",
            ),
            (ladder(&[]), "`delivery.fee_ladder` is `0 rungs`, expected 1 to 20"),
            (
                ladder(&[500, 2_000]),
                "`delivery.fee_ladder[0].order_at_least.amount` is `500`, expected 0 or the minimum order, 1000",
            ),
            (
                ladder(&[0, 2_000, 2_000]),
                "`delivery.fee_ladder[2].order_at_least.amount` is `2000`, expected more than the rung before it, 2000",
            ),
            (
                json!({"delivery": {"min_order": {"amount": -1}}}),
                "`delivery.min_order.amount` is `-1`, expected 0 to 1000000000000 in minor units; `delivery.fee_ladder[0].order_at_least.amount` is `1000`, expected 0 or the minimum order, -1",
            ),
            (
                json!({"menu": [{"id": "1", "group": "Pizza", "name": "Margherita", "price": euros}]}),
                "`menu[0].price.currency` is `EUR`, expected the currency of `delivery.min_order`, `GBP`",
            ),
            (
                json!({"menu": [{"id": "1", "group": "Pizza", "name": "Margherita", "price": {"amount": 1, "currency": "gbp"}}]}),
                "`menu[0].price.currency` is `gbp`, expected an ISO 4217 code, for example `GBP`",
            ),
        ],
    );
}

#[test]
fn an_area_that_encloses_nothing_is_refused() {
    let expected = |given: &str| {
        format!(
            "`delivery.area.polygon` is `an area of {given} m²`, expected corners in the order in which they stand around an area of at least 1000 m²"
        )
    };
    let corner = [51.5, -0.1];
    let crossed = [[51.5, -0.1], [51.51, -0.09], [51.51, -0.1], [51.5, -0.09]];
    refuses::<Shops>(
        &shop(),
        vec![
            (ring([corner; 3]), &expected("0")),
            (ring((0..200).map(|index| [51.5, f64::from(index) / 1_000.0])), &expected("0")),
            (ring([corner, [51.51, -0.09], [51.52, -0.12], [51.51, -0.09]]), &expected("0")),
            (ring([corner, [51.5001, -0.1], [51.5001, -0.0999]]), &expected("38")),
            (ring(crossed), &expected("0")),
        ],
    );
    holds::<Shops>(&shop(), vec![ring([crossed[0], crossed[2], crossed[1], crossed[3]])]);
    // A street beside the date line.
    let place = json!({"location": {"lat": -16.8, "lng": 179.999}});
    let mut across = ring([[-16.8, 179.999], [-16.79, 179.999], [-16.79, -179.999], [-16.8, -179.999]]);
    merge_patch::apply(&mut across, place);
    holds::<Shops>(&shop(), vec![across]);
}

#[test]
fn what_nobody_sees_stands_in_no_text_and_line_breaks_only_where_there_are_lines() {
    let one_line = "expected one line without control characters";
    refuses::<Shops>(
        &shop(),
        vec![
            (json!({"name": "Na\u{0}poli"}), &format!("`name` is `Na\\u0000poli`, {one_line}")),
            (json!({"name": "Na\npoli"}), &format!("`name` is `Na\\u000apoli`, {one_line}")),
            (json!({"address": "1\tStrand"}), &format!("`address` is `1\\u0009Strand`, {one_line}")),
            (json!({"phone": "\u{7f}1"}), &format!("`phone` is `\\u007f1`, {one_line}")),
            (
                json!({"notices": ["\u{1b}[31mred"]}),
                "`notices[0]` is `\\u001b[31mred`, expected text without control characters but line breaks and tabs",
            ),
        ],
    );
    holds::<Shops>(&shop(), vec![json!({"notices": ["Closed\r\n\ton Monday\n"], "credit": "A\nB"})]);
    let review =
        json!({"latest": [{"stars": 5, "text": "Hot.\nWell packed.", "at": "2026-11-23T18:00:00Z"}]});
    holds::<Reviews>(&reviews(), vec![review]);
}

#[test]
fn menu_items_are_told_apart_by_their_ids() {
    let item = |id: &str| json!({"id": id, "group": "Pizza", "name": "Marinara", "price": {"amount": 1, "currency": "GBP"}});
    refuses::<Shops>(
        &shop(),
        vec![(
            json!({"menu": [item("1"), item("2"), item("1")]}),
            "`menu[2].id` is `1`, expected an ID that is unique within the shop",
        )],
    );
}

#[test]
fn many_mistakes_are_cut_to_a_few_sentences() {
    let wrong: Vec<&str> = vec![""; 100];
    let said = said::<Shops>(shop(), json!({"name": "", "categories": wrong}));
    assert!(said.ends_with("; and 17 more"), "{said}");
}

#[test]
fn campaigns_fit_on_a_card_and_end_after_they_start() {
    holds::<Ads>(
        &ads(),
        vec![
            json!({"campaigns": []}),
            json!({"campaigns": [campaign("1", &letters(24), 1), campaign("2", "x", 1_000)]}),
        ],
    );
    let lasting = |until: &str| json!({"id": "1", "label": "x", "starts_at": "2026-02-01T00:00:00Z", "ends_at": until, "weight": 1});
    holds::<Ads>(&ads(), vec![json!({"campaigns": [lasting("2026-02-01T00:00:01Z")]})]);
    refuses::<Ads>(
        &ads(),
        vec![
            (
                json!({"campaigns": [campaign("1", &letters(25), 1)]}),
                &format!(
                    "`campaigns[0].label` is `{}`, expected 1 to 24 characters, not only blanks",
                    letters(25)
                ),
            ),
            (
                json!({"campaigns": [campaign("1", "x", 0)]}),
                "`campaigns[0].weight` is `0`, expected 1 to 1000",
            ),
            (
                json!({"campaigns": [campaign("1", "x", 1_001)]}),
                "`campaigns[0].weight` is `1001`, expected 1 to 1000",
            ),
            (
                json!({"campaigns": [lasting("2026-02-01T00:00:00Z")]}),
                "`campaigns[0].ends_at` is `2026-02-01T00:00:00Z`, expected at least one second after `starts_at`, 2026-02-01T00:00:00Z",
            ),
            (
                json!({"campaigns": [lasting("2026-02-01T00:00:00.999999Z")]}),
                "`campaigns[0].ends_at` is `2026-02-01T00:00:00.999999Z`, expected at least one second after `starts_at`, 2026-02-01T00:00:00Z",
            ),
            (
                json!({"campaigns": [lasting("2026-01-01T00:00:00Z")]}),
                "`campaigns[0].ends_at` is `2026-01-01T00:00:00Z`, expected at least one second after `starts_at`, 2026-02-01T00:00:00Z",
            ),
            (
                json!({"campaigns": [campaign("1", "x", 1), campaign("1", "y", 1)]}),
                "`campaigns[1].id` is `1`, expected an ID that is unique within the shop",
            ),
        ],
    );
}

#[test]
fn reviews_have_one_to_five_stars_and_stand_newest_first() {
    let review = |stars: u8, at: &str| json!({"stars": stars, "text": "x", "at": at});
    holds::<Reviews>(
        &reviews(),
        vec![json!({"latest": null}), json!({"latest": vec![review(5, "2026-11-23T18:00:00Z"); 10]})],
    );
    refuses::<Reviews>(
        &reviews(),
        vec![
            (
                json!({"latest": [review(0, "2026-11-23T18:00:00Z")]}),
                "`latest[0].stars` is `0`, expected 1 to 5",
            ),
            (
                json!({"latest": [review(6, "2026-11-23T18:00:00Z")]}),
                "`latest[0].stars` is `6`, expected 1 to 5",
            ),
            (
                json!({"latest": vec![review(5, "2026-11-23T18:00:00Z"); 11]}),
                "`latest` is `11 elements`, expected at most 10",
            ),
            (
                json!({"latest": [review(5, "2026-11-23T18:00:00Z"), review(5, "2026-11-23T18:00:01Z")]}),
                "`latest[1].at` is `2026-11-23T18:00:01Z`, expected the newest first",
            ),
            (
                json!({"by_stars": [1, 2, 3, 4]}),
                "`by_stars` is `[1,2,3,4]`, expected a list of five whole numbers: how many gave 1, 2, 3, 4, 5 stars",
            ),
            (
                json!({"by_stars": [1, 2, 3, 4, -5]}),
                "`by_stars[4]` is `-5`, expected a whole number, 0 to 4294967295",
            ),
        ],
    );
}

#[test]
fn facts_that_grow_too_large_are_refused() {
    let notices: Vec<String> = vec!["x".repeat(2_000); 20];
    let item = |id: usize| json!({"id": id.to_string(), "group": "G", "name": "N", "description": "x".repeat(1_000), "price": {"amount": 1, "currency": "GBP"}});
    let menu: Vec<Value> = (0..600).map(item).collect();
    let said = said::<Shops>(shop(), json!({"notices": notices, "menu": menu}));
    assert!(said.starts_with("facts of ") && said.ends_with("expected at most 524288"), "{said}");
}

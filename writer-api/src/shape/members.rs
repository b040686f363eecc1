//! A member's path -> what belongs there, as somebody reads it who has never seen the types.

/// Where nothing better is known.
const DOCUMENTED: &str = "a value of the documented form";
/// Of whatever is read.
pub(super) const WHOLE: &str = "an object";
const TIME: &str = r#"a time, for example `"2026-11-23T17:00:00Z"`"#;
const REVISION: &str = r#"a revision as text, `"<epoch>-<counter>"`"#;
const SHOP_ID: &str = r#"a shop ID as text, `"1"` to `"18446744073709551615"` without leading zeros"#;
const MONEY: &str =
    r#"an amount in minor units with its currency, for example `{"amount": 250, "currency": "GBP"}`"#;
const AMOUNT: &str = "a whole number from 0, in minor units";
const CURRENCY: &str = r#"an ISO 4217 code as text, for example `"GBP"`"#;
const PARTS: &str = "a list of texts, the names of generated parts";

/// By path, elements of lists as `[]`. A path that begins otherwise is looked up by its end.
const MEMBERS: &[(&str, &str)] = &[
    // What the shop's owner says.
    ("name", "text, 1 to 200 characters"),
    ("address", "text"),
    ("location", r#"degrees, for example `{"lat": 51.5, "lng": -0.12}`"#),
    ("location.lat", "a number, -90 to 90 degrees"),
    ("location.lng", "a number, -180 to 180 degrees"),
    ("time_zone", r#"an IANA time zone as text, for example `"Europe/London"`"#),
    ("categories", r#"a list of at most 8 lower-case words, for example `["pizza"]`"#),
    ("categories[]", r#"a lower-case word, for example `"pizza"`"#),
    ("phone", "text"),
    ("thumbnail_url", "a URL as text"),
    ("notices", "a list of texts"),
    ("notices[]", "text"),
    (
        "opening_hours",
        r#"a list of ranges, for example `[{"day": "fri", "opens": "17:00", "closes": "23:00"}]`"#,
    ),
    ("opening_hours[]", "an object with `day`, `opens` and `closes`"),
    ("opening_hours[].day", "one of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`"),
    ("opening_hours[].opens", "`HH:MM` as text, from 00:00 to 23:59"),
    ("opening_hours[].closes", "`HH:MM` as text, from 00:00 to 24:00"),
    ("pauses", "a list of pauses, each an object with `from` and `until`"),
    ("pauses[]", "an object with `from` and `until`"),
    ("pauses[].from", TIME),
    ("pauses[].until", TIME),
    ("delivery", "an object with `area`, `fee_ladder`, `min_order` and `eta_minutes`"),
    ("area", r#"`{"radius_m": 1500}` or `{"polygon": [[lat, lng], …]}`, one of the two"#),
    ("area.radius_m", "a whole number, 100 to 15000 metres"),
    ("area.polygon", "a list of 3 to 200 corners, `[lat, lng]` each"),
    ("area.polygon[]", "a corner, `[lat, lng]`"),
    ("area.polygon[][]", "a number of degrees"),
    ("fee_ladder", "a list of rungs, each an object with `order_at_least` and `fee`"),
    ("fee_ladder[]", "an object with `order_at_least` and `fee`"),
    ("order_at_least", MONEY),
    ("fee", MONEY),
    ("min_order", MONEY),
    ("price", MONEY),
    ("amount", AMOUNT),
    ("currency", CURRENCY),
    ("eta_minutes", r#"minutes, for example `{"from": 20, "to": 35}`"#),
    ("eta_minutes.from", "a whole number of minutes, 0 to 1440"),
    ("eta_minutes.to", "a whole number of minutes, `from` to 1440"),
    ("menu", "a list of items, each an object with `id`, `group`, `name` and `price`"),
    ("menu[]", "an object with `id`, `group`, `name` and `price`"),
    ("menu[].id", "text, unique within the shop"),
    ("menu[].group", "text, 1 to 200 characters"),
    ("menu[].name", "text, 1 to 300 characters"),
    ("menu[].description", "text"),
    ("menu[].image_url", "a URL as text"),
    ("menu[].sold_out", "`true` or `false`"),
    ("generated", PARTS),
    ("generated[]", "text"),
    ("credit", "text"),
    // What the ads writer says.
    ("campaigns", "a list of campaigns, `[]` for none"),
    ("campaigns[]", "an object with `id`, `label`, `starts_at`, `ends_at` and `weight`"),
    ("campaigns[].id", "text, unique within the shop"),
    ("campaigns[].label", "text, 1 to 24 characters"),
    ("campaigns[].starts_at", TIME),
    ("campaigns[].ends_at", TIME),
    ("campaigns[].weight", "a whole number, 1 to 1000"),
    // What the reviews writer says.
    ("by_stars", "a list of five whole numbers: how many gave 1, 2, 3, 4, 5 stars"),
    ("by_stars[]", "a whole number, 0 to 4294967295"),
    ("latest", "a list of at most 10 reviews, the newest first"),
    ("latest[]", "an object with `stars`, `text` and `at`"),
    ("latest[].at", TIME),
    ("stars", "a whole number, 1 to 5"),
    ("text", "text, 1 to 2000 characters"),
    // What stands around facts, on their way in and out.
    ("facts", "an object, the shop's facts"),
    ("source", r#"where the shop comes from, `{"name": "…", "key": "…"}`"#),
    ("source.name", "text, 1 to 100 characters"),
    ("source.key", "text, 1 to 200 characters"),
    ("of", "one of `shop`, `ads`, `reviews`"),
    ("shop_id", SHOP_ID),
    ("writer", "one of `shop`, `ads`, `reviews`"),
    ("revision", REVISION),
    ("as_of_sequence", REVISION),
    ("next_cursor", REVISION),
    ("state", "one of `present`, `nothing`, `gone`"),
    ("sections", "a list of sections"),
    ("sections[]", "a section, an object with `shop_id`, `writer`, `revision`, `as_of_sequence` and `state`"),
    ("next_page_after", "the last shop ID of the page as text, or `null` on the last page"),
    ("changes", "a list of changes"),
    ("changes[]", "an object with `shop_id`, `revision` and `time`"),
    ("changes[].time", TIME),
    ("has_more", "`true` or `false`"),
];

/// What belongs at a path such as `facts.menu[3].price.amount`.
pub(super) fn expected(path: &str) -> String {
    known(path).unwrap_or(DOCUMENTED).to_owned()
}

/// The same, if it is known.
pub(super) fn known(path: &str) -> Option<&'static str> {
    let general = general(path);
    let mut end = general.as_str();
    loop {
        if let Some((_, expected)) = MEMBERS.iter().find(|(member, _)| *member == end) {
            return Some(expected);
        }
        end = end.split_once('.')?.1;
    }
}

/// `menu[3].price` -> `menu[].price`.
fn general(path: &str) -> String {
    let (mut general, mut is_inside) = (String::with_capacity(path.len()), false);
    for letter in path.chars() {
        is_inside &= letter != ']';
        if !is_inside {
            general.push(letter);
        }
        is_inside |= letter == '[';
    }
    general
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_known_wherever_its_facts_stand() {
        for (path, said) in [
            ("name", "text, 1 to 200 characters"),
            ("facts.name", "text, 1 to 200 characters"),
            ("sections[17].facts.menu[200].name", "text, 1 to 300 characters"),
            ("source.name", "text, 1 to 100 characters"),
            ("facts.delivery.area.polygon[3][1]", "a number of degrees"),
            ("menu[0].price.amount", AMOUNT),
            ("colour", DOCUMENTED),
        ] {
            assert_eq!(expected(path), said, "{path}");
        }
    }
}

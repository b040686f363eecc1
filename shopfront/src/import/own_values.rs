//! What a mapping itself puts into rows (constants, defaults, the right sides of tables) -> refused where it can never
//! be right: otherwise every row would be a bad one, one by one.

use writer_api::check;

use super::toml_keys::{MappingError, Node, nearest};
use super::{currencies, hours, shape};

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An IANA name.
    TimeZone,
    /// A lower-case word.
    Category,
    /// Weekly hours.
    Hours,
    /// Degrees, up to so many.
    Degrees(u16),
    /// From 0.
    Number,
    /// Major units of money.
    Amount,
    /// Of a picture.
    Url,
}

/// Why a text cannot stand in a field: what is expected, and what was probably meant.
fn wrong(kind: Kind, text: &str) -> Option<String> {
    let number = || text.trim().parse::<f64>().ok();
    let (holds, expected) = match kind {
        Kind::TimeZone => {
            (check::is_time_zone(text), "an IANA time zone, for example `Europe/London`".to_owned())
        }
        Kind::Category => {
            (check::is_category(text), "a lower-case word of 1 to 50 characters without blanks".to_owned())
        }
        Kind::Hours => {
            let expected = "weekly hours, for example `Mo-Fr 09:00-18:00; Sa 10:00-16:00`".to_owned();
            (hours::parse(text).is_some(), expected)
        }
        Kind::Degrees(most) => {
            let holds = number().is_some_and(|number| number.abs() <= f64::from(most));
            (holds, format!("degrees, -{most} to {most}"))
        }
        Kind::Number => {
            (number().is_some_and(|number| (0.0..=1e6).contains(&number)), "a number from 0".to_owned())
        }
        Kind::Amount => {
            (shape::money(text, "GBP").is_ok(), "an amount in major units, for example `1.99`".to_owned())
        }
        Kind::Url => {
            let holds = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
            (holds, "a URL that begins with https:// or http://".to_owned())
        }
    };
    (!holds).then(|| format!("{expected}{}", suggestion(meant(kind, text).as_deref())))
}

fn meant(kind: Kind, text: &str) -> Option<String> {
    match kind {
        Kind::TimeZone => {
            let names: Vec<String> =
                jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            nearest(text, &names).map(str::to_owned)
        }
        Kind::Category => {
            let word = text.trim().to_lowercase().split_whitespace().collect::<Vec<_>>().join("_");
            check::is_category(&word).then_some(word)
        }
        Kind::Hours | Kind::Degrees(_) | Kind::Number | Kind::Amount | Kind::Url => None,
    }
}

fn suggestion(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// The one currency of a mapping.
pub(super) fn currency(node: &Node<'_>) -> Result<String, MappingError> {
    let (given, codes) = (node.text()?, currencies::codes());
    if codes.contains(&given) {
        return Ok(given.to_owned());
    }
    // One letter too many, too few, wrong, or two swapped.
    let is_near = |code: &&&str| strsim::osa_distance(&given.to_uppercase(), code) <= 1;
    let meant = suggestion(codes.iter().find(is_near).copied());
    Err(node.refuse(format!("`currency` is `{given}`, expected an ISO 4217 code, for example `GBP`{meant}")))
}

/// Refuses texts of the mapping that come out of this value and cannot stand in such a field. `tables` are those of
/// `[tables]`.
pub(super) fn check<'d>(
    field: &str,
    kind: Kind,
    node: &Node<'d>,
    tables: Option<&Node<'d>>,
) -> Result<(), MappingError> {
    let mut own = Vec::new();
    collect(node, tables, &mut own);
    for node in own {
        let text = node.scalar()?;
        // Empty means nothing, which may stand anywhere.
        if let Some(expected) = wrong(kind, &text).filter(|_| !text.is_empty()) {
            return Err(node.refuse(format!("`{field}` is `{text}`, expected {expected}")));
        }
    }
    Ok(())
}

/// The last step that makes a text is the one that counts: a table, else words, else where texts come from.
fn collect<'d>(node: &Node<'d>, tables: Option<&Node<'d>>, own: &mut Vec<Node<'d>>) {
    if node.is_list() {
        node.items().iter().for_each(|node| collect(node, tables, own));
        return;
    }
    own.extend(node.member("default").iter().flat_map(Node::items));
    if let Some(table) = node.member("table").or_else(|| node.member("words")) {
        let named = || tables?.member(table.text().ok()?);
        let table = if table.is_table() { Some(table.clone()) } else { named() };
        let entries = table.and_then(|table| table.entries().ok()).unwrap_or_default();
        own.extend(entries.iter().flat_map(|(_, value)| value.items()));
    } else if node.member("split").is_none() {
        own.extend(node.member("constant").iter().flat_map(Node::items));
        let several = ["first_of", "all_of"].map(|key| node.member(key));
        several.iter().flatten().for_each(|several| collect(several, tables, own));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::import::mapping::Mapping;

    const SHOP: &str = r#"
generate = ["delivery"]
[source]
name = "x"
key = "id"
[shop]
name = "name"
location = { lat = "lat", lng = "lng" }
time_zone = { constant = "Europe/London" }
currency = "GBP"
"#;

    fn refused(text: &str) -> String {
        Mapping::parse(Path::new("x.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_value_of_the_mapping_that_would_cost_every_row_is_refused_at_its_line_with_the_right_one() {
        let zone = |zone: &str| SHOP.replace("{ constant = \"Europe/London\" }", zone);
        let with = |line: &str| format!("{SHOP}{line}");
        for (text, expected) in [
            (
                zone(r#"{ constant = "Europe/Lodnon" }"#),
                "x.toml:9: `time_zone` is `Europe/Lodnon`, expected an IANA time zone, for example `Europe/London`; did you mean `Europe/London`?",
            ),
            (zone(r#"{ constant = "europe/london" }"#), "did you mean `Europe/London`?"),
            (zone(r#"{ path = "zone", default = "Asia/Soul" }"#), "x.toml:9: `time_zone` is `Asia/Soul`"),
            (
                zone(r#"{ first_of = ["zone", { constant = "Europ/Paris" }] }"#),
                "did you mean `Europe/Paris`?",
            ),
            (
                SHOP.replace("\"GBP\"", "\"GPB\""),
                "x.toml:10: `currency` is `GPB`, expected an ISO 4217 code, for example `GBP`; did you mean `GBP`?",
            ),
            (
                with(r#"categories = { path = "kind", table = { Cafe = "Coffee shop" } }"#),
                "x.toml:11: `categories` is `Coffee shop`, expected a lower-case word of 1 to 50 characters without blanks; did you mean `coffee_shop`?",
            ),
            (
                with("categories = { path = \"kind\", words = \"kinds\" }\n[tables.kinds]\ncafe = \"Cafe\""),
                "x.toml:13: `categories` is `Cafe`",
            ),
            (with(r#"opening_hours = { constant = "always" }"#), "x.toml:11: `opening_hours` is `always`"),
            (
                with("[shop.delivery]\nradius_m = { constant = \"two miles\" }"),
                "x.toml:12: `radius_m` is `two miles`, expected a number from 0",
            ),
            (with("[shop.delivery]\nfee = { constant = \"free\" }"), "`fee` is `free`, expected an amount"),
            (with(r#"thumbnail_url = { constant = "a.jpg" }"#), "`thumbnail_url` is `a.jpg`, expected a URL"),
            (
                SHOP.replace("lat = \"lat\"", "lat = { constant = 515 }"),
                "x.toml:8: `lat` is `515`, expected degrees, -90 to 90",
            ),
        ] {
            let said = refused(&text);
            assert!(said.contains(expected), "{said}\nexpected: {expected}");
        }
    }

    #[test]
    fn what_a_later_step_replaces_or_means_nothing_is_not_judged() {
        for line in [
            r#"categories = { constant = "Coffee shop", table = { "Coffee shop" = "cafe" } }"#,
            r#"categories = { constant = "cafe;pub", split = ";" }"#,
            r#"categories = { path = "kind", table = { Other = "" }, default = "" }"#,
            r#"categories = { template = "{Kind}" }"#,
        ] {
            assert!(Mapping::parse(Path::new("x.toml"), &format!("{SHOP}{line}")).is_ok(), "{line}");
        }
    }
}

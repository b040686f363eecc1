//! Bytes of JSON -> their type, or which member is not as it should be, in words that need no Rust.
//!
//! Whoever sends or answers JSON here may write any language, so what a parser says of its own types is never
//! passed on: a finding has the member's path, what stands there, and what belongs there.

mod members; // a member's path -> what belongs there

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Segment};

/// Characters of a wrong value that are repeated to its sender.
pub const GIVEN_CHARS_MAX: usize = 80;

/// How the parser calls lists in lists in lists.
const TOO_DEEP: &str = "recursion limit exceeded";

/// Why JSON was not read. Never transient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Not even JSON, or more than one value of it: what is wrong, and where.
    #[error("{0}")]
    NotJson(String),
    /// One member is not as it should be.
    #[error("{0}")]
    Wrong(WrongMember),
}

/// A member that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrongMember {
    /// Where, for example `delivery.fee_ladder[1].fee.amount`; `.` for the whole.
    pub path: String,
    /// What stands there, shortened; nothing if the member is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// What belongs there.
    pub expected: String,
}

impl Display for WrongMember {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, given, expected } = self;
        match given {
            Some(given) => write!(out, "`{path}` is `{given}`, expected {expected}"),
            None => write!(out, "`{path}` is missing, expected {expected}"),
        }
    }
}

/// Reads JSON. What is wrong is looked for by reading a second time, which only bad JSON pays for.
///
/// # Errors
/// See [`Unread`].
pub fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Unread> {
    serde_json::from_slice(json).map_err(|error| {
        if error.to_string().starts_with(TOO_DEEP) {
            return Unread::NotJson(syntax(json, &error));
        }
        // Some wrong shapes are called wrong syntax: an area that is a circle and a polygon, for example.
        if let Err(error) = serde_json::from_slice::<IgnoredAny>(json) {
            return Unread::NotJson(syntax(json, &error));
        }
        let mut again = serde_json::Deserializer::from_slice(json);
        match serde_path_to_error::deserialize::<_, T>(&mut again) {
            Err(error) => wrong(json, error.path(), &error.inner().to_string()),
            // Good of itself and good as JSON: then only this reading of it is at odds.
            Ok(_) => Unread::NotJson(syntax(json, &error)),
        }
    })
}

/// What a parser of JSON says, without its own words.
fn syntax(json: &[u8], error: &serde_json::Error) -> String {
    if json.iter().all(u8::is_ascii_whitespace) {
        return "nothing was given, expected one JSON value".to_owned();
    }
    let (line, column) = (error.line(), error.column());
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    let said = match said {
        _ if error.is_eof() => "it ends too soon",
        "trailing characters" => "something follows the value, expected its end",
        "expected ident" => "expected `true`, `false` or `null`",
        TOO_DEEP => "lists and objects stand more than 127 deep in each other",
        said => said,
    };
    format!("line {line}, column {column}: {said}")
}

/// Of the parser's own words only two are looked at: that a member is missing, or stands there twice.
fn wrong(json: &[u8], path: &Path, reason: &str) -> Unread {
    let named = |kind: &str| {
        let rest = reason.strip_prefix(kind)?.strip_prefix(" field `")?;
        rest.split_once('`').map(|(name, _)| name.to_owned())
    };
    let below = |name: &str| match path.to_string().as_str() {
        "." => name.to_owned(),
        parent => format!("{parent}.{name}"),
    };
    Unread::Wrong(if let Some(name) = named("missing") {
        let path = below(&name);
        WrongMember { expected: members::expected(&path), path, given: None }
    } else if let Some(name) = named("duplicate") {
        let expected = "each member once".to_owned();
        WrongMember { path: below(&name), given: Some("given twice".to_owned()), expected }
    } else {
        standing_at(json, path)
    })
}

/// The innermost place on a path of which is known what belongs there, and what stands there. A list in the place of
/// an object leads on to elements that no object has.
fn standing_at(json: &[u8], path: &Path) -> WrongMember {
    let (mut reached, mut place) = (String::new(), serde_json::from_slice::<&RawValue>(json).ok());
    let whole = place.map(shown);
    let mut found = WrongMember { path: ".".to_owned(), given: whole, expected: members::WHOLE.to_owned() };
    for segment in path.iter() {
        let Some(inner) = place.and_then(|place| member(place, segment)) else { break };
        match segment {
            // Writing into a string cannot fail.
            Segment::Seq { index } => {
                let _ = write!(reached, "[{index}]");
            }
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                reached.push_str(if reached.is_empty() { "" } else { "." });
                reached.push_str(name);
            }
            Segment::Unknown => {}
        }
        if let Some(expected) = members::known(&reached) {
            found = WrongMember {
                path: reached.clone(),
                given: Some(shown(inner)),
                expected: expected.to_owned(),
            };
        }
        place = Some(inner);
    }
    found
}

/// One level at a time and by reference: a broken page may be large.
fn member<'j>(place: &'j RawValue, segment: &Segment) -> Option<&'j RawValue> {
    match segment {
        Segment::Seq { index } => {
            serde_json::from_str::<Vec<&RawValue>>(place.get()).ok()?.get(*index).copied()
        }
        Segment::Map { key: name } | Segment::Enum { variant: name } => {
            serde_json::from_str::<BTreeMap<String, &RawValue>>(place.get()).ok()?.remove(name)
        }
        Segment::Unknown => None,
    }
}

/// As it was written, so that `"5"` and `5` are told apart.
fn shown(place: &RawValue) -> String {
    shortened(place.get())
}

/// A given value as it may be repeated to its sender: not whole, and without characters nobody sees.
#[must_use]
pub fn shortened(given: &str) -> String {
    let mut shown = String::new();
    for (index, letter) in given.chars().enumerate() {
        if index == GIVEN_CHARS_MAX {
            shown.push('…');
            break;
        }
        if letter.is_control() {
            // Writing into a string cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(letter));
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdFacts, BulkShop, ReviewFacts, SectionsAnswer, ShopFacts};

    fn said<T: for<'a> Deserialize<'a> + std::fmt::Debug>(json: &str) -> String {
        read::<T>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_member_is_named_with_what_stands_there_and_what_belongs_there() {
        for (json, expected) in [
            ("7", "`.` is `7`, expected an object"),
            ("{}", "`campaigns` is missing, expected a list of campaigns, `[]` for none"),
            (r#"{"campaigns":null}"#, "`campaigns` is `null`, expected a list of campaigns, `[]` for none"),
            (
                r#"{"campaigns":[{"id":7}]}"#,
                "`campaigns[0].id` is `7`, expected text, unique within the shop",
            ),
            (
                r#"{"campaigns":[{"id":"1","label":"x","starts_at":"soon"}]}"#,
                r#"`campaigns[0].starts_at` is `"soon"`, expected a time, for example `"2026-11-23T17:00:00Z"`"#,
            ),
            (
                r#"{"campaigns":[{"id":"1","id":"2"}]}"#,
                "`campaigns[0].id` is `given twice`, expected each member once",
            ),
        ] {
            assert_eq!(said::<AdFacts>(json), expected, "{json}");
        }
        assert_eq!(
            said::<ReviewFacts>(r#"{"by_stars":[1,2,3,4]}"#),
            "`by_stars` is `[1,2,3,4]`, expected a list of five whole numbers: how many gave 1, 2, 3, 4, 5 stars"
        );
        assert_eq!(
            said::<BulkShop>(r#"{"facts":{"name":"A","location":{"lat":"51.5"}}}"#),
            r#"`facts.location.lat` is `"51.5"`, expected a number, -90 to 90 degrees"#
        );
    }

    #[test]
    fn an_area_of_no_known_kind_is_refused_where_it_stands() {
        for area in [
            r#"{"circle":500}"#,
            r#"{"radius_m":500,"polygon":[[51.5,-0.1],[51.6,-0.1],[51.6,0.0]]}"#,
            "500",
            "{}",
        ] {
            let delivery = format!("{{\"area\":{area}}}");
            let said = said::<crate::facts::Delivery>(&delivery);
            assert!(said.starts_with(&format!("`area` is `{area}`, expected ")), "{said}");
        }
    }

    #[test]
    fn what_is_no_json_is_said_with_its_place() {
        for (json, expected) in [
            ("", "nothing was given, expected one JSON value"),
            (" \n", "nothing was given, expected one JSON value"),
            ("{", "line 1, column 1: it ends too soon"),
            ("{}\n{}", "line 2, column 1: something follows the value, expected its end"),
            ("{\"campaigns\":nil}", "line 1, column 15: expected `true`, `false` or `null`"),
            ("{\"campaigns\":[],}", "line 1, column 17: key must be a string"),
        ] {
            assert_eq!(said::<AdFacts>(json), expected, "{json}");
        }
        let deep = said::<serde_json::Value>(&["[".repeat(200), "]".repeat(200)].concat());
        assert!(deep.ends_with("more than 127 deep in each other"), "{deep}");
    }

    #[test]
    fn a_long_or_invisible_value_is_shown_short_and_visible() {
        let long = said::<AdFacts>(&format!("{{\"campaigns\":\"{}\"}}", "é".repeat(500)));
        assert!(long.contains(&format!("{}…`", "é".repeat(79))), "{long}");
        assert_eq!(shortened("Na\0poli\n"), "Na\\u0000poli\\u000a");
    }

    #[test]
    fn an_answer_of_a_writer_is_judged_by_the_same_words() {
        assert_eq!(
            said::<SectionsAnswer>(r#"{"as_of_sequence":5,"sections":[]}"#),
            "`as_of_sequence` is `5`, expected a revision as text, `\"<epoch>-<counter>\"`"
        );
    }

    /// Every member of every kind of facts, wrong in every way and missing, is described by its own words.
    #[test]
    fn no_refusal_speaks_rust() {
        const RUST: [&str; 14] = [
            "struct",
            "invalid",
            "sequence",
            "f64",
            "u8",
            "u16",
            "u32",
            "i64",
            "enum",
            "variant",
            "EOF",
            "tuple",
            "map",
            "a value of the documented form",
        ];
        let facts = |name: &str| {
            let contract = include_str!("../CONTRACT.md");
            let (_, block) = contract.split_once(&format!("```json {name} GET /v1/sections/7\n")).unwrap();
            let answer: serde_json::Value = serde_json::from_str(block.split_once("```").unwrap().0).unwrap();
            answer["facts"].clone()
        };
        let mut refusals = 0;
        for (whole, read) in [
            (facts("shop"), (|json| read::<ShopFacts>(json).map(drop)) as fn(&[u8]) -> Result<(), Unread>),
            (facts("ads"), |json| read::<AdFacts>(json).map(drop)),
            (facts("reviews"), |json| read::<ReviewFacts>(json).map(drop)),
        ] {
            let mut pointers = Vec::new();
            pointers_of(&whole, String::new(), &mut pointers);
            for pointer in pointers {
                let wrong = [
                    serde_json::json!(true),
                    serde_json::json!("x"),
                    serde_json::json!(-7.5),
                    serde_json::json!([[]]),
                    serde_json::json!({"x": 1}),
                ];
                for wrong in wrong.into_iter().map(Some).chain([None]) {
                    let mut json = whole.clone();
                    spoil(&mut json, &pointer, wrong);
                    let Err(refusal) = read(json.to_string().as_bytes()) else { continue };
                    refusals += 1;
                    let said = refusal.to_string();
                    let expected = said.rsplit_once(", expected ").unwrap().1;
                    assert!(!RUST.iter().any(|word| said.contains(word)), "{pointer}: {said}");
                    assert!(!expected.is_empty(), "{pointer}: {said}");
                }
            }
        }
        assert!(refusals > 200, "{refusals}");
    }

    fn pointers_of(value: &serde_json::Value, here: String, all: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(members) => {
                members.iter().for_each(|(name, inner)| pointers_of(inner, format!("{here}/{name}"), all));
            }
            serde_json::Value::Array(elements) => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(at, inner)| pointers_of(inner, format!("{here}/{at}"), all));
            }
            _ => {}
        }
        all.push(here);
    }

    fn spoil(json: &mut serde_json::Value, pointer: &str, wrong: Option<serde_json::Value>) {
        let Some(wrong) = wrong else {
            let Some((parent, name)) = pointer.rsplit_once('/') else { return };
            if let Some(members) = json.pointer_mut(parent).and_then(serde_json::Value::as_object_mut) {
                members.remove(name);
            }
            return;
        };
        *json.pointer_mut(pointer).unwrap() = wrong;
    }
}

//! `CONTRACT.md` is what others build from: every example in it is read as the client reads answers.

use serde_json::Value;
use shop_id::{Revision, ShopId, Writer};

use crate::parse;
use crate::{AdFacts, Facts, ReviewFacts, SectionState, ShopFacts};

const CONTRACT: &str = include_str!("../CONTRACT.md");

/// What stands behind ```` ```json ````, and the example.
fn examples() -> Vec<(&'static str, &'static str)> {
    let blocks = CONTRACT.split("```json ").skip(1);
    blocks
        .map(|block| {
            let (about, rest) = block.split_once('\n').unwrap();
            (about, rest.split("```").next().unwrap())
        })
        .collect()
}

fn parameter<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn read(writer: Writer, path: &str, json: &[u8]) {
    if path.starts_with("/v1/changes") {
        let after: Revision = parameter(path, "after").unwrap().parse().unwrap();
        parse::changes(json, after).unwrap();
    } else if let Some(ids) = parameter(path, "ids") {
        let shop_ids: Vec<ShopId> = ids.split(',').map(|id| id.parse().unwrap()).collect();
        parse::sections(json, writer, &shop_ids).unwrap();
    } else if let Some(after) = parameter(path, "page_after") {
        parse::page(json, writer, Some(after.parse().unwrap())).unwrap();
    } else {
        let shop_id = path.rsplit('/').next().unwrap().parse().unwrap();
        parse::section(json, writer, shop_id).unwrap();
    }
}

#[test]
fn every_example_of_the_contract_is_one() {
    let examples = examples();
    assert_eq!(examples.len(), CONTRACT.matches("```json").count());
    let mut counts = (0, 0, 0);
    for (about, json) in examples {
        let value: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{about}: {error}"));
        match about.split(' ').collect::<Vec<_>>()[..] {
            ["event"] => {
                counts.0 += 1;
                assert_eq!(value.as_object().unwrap().len(), 7, "an event has seven attributes and no data");
            }
            [status @ ("400" | "410"), "GET", _] => {
                counts.1 += 1;
                assert_eq!(value["status"].to_string(), status);
                assert!(value["detail"].is_string() && value["code"].is_string(), "{about}");
            }
            [writer, "GET", path] => {
                counts.2 += 1;
                read(writer.parse().unwrap(), path, json.as_bytes());
            }
            _ => panic!("nobody knows how to read an example of `{about}`"),
        }
    }
    assert_eq!(counts, (1, 2, 8));
}

/// The facts of the first example of a writer.
fn facts(writer: Writer) -> (Facts, Value) {
    let about = format!("{writer} GET /v1/sections/7");
    let (_, json) = examples().into_iter().find(|(of, _)| *of == about).unwrap();
    let section = parse::section(json.as_bytes(), writer, ShopId::new(7).unwrap()).unwrap();
    let SectionState::Present(facts) = section.state else { panic!("{about} is not present") };
    (*facts, serde_json::from_str::<Value>(json).unwrap()["facts"].clone())
}

#[test]
fn what_the_examples_show_is_all_there_is() {
    for writer in Writer::OF_THE_DOCUMENT {
        let (facts, shown) = facts(writer);
        // What is left out of the example by being a default would be written here.
        assert_eq!(serde_json::to_value(&facts).unwrap(), shown, "{writer}");
    }
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    let optional = |row: &str| -> Vec<String> {
        let row = CONTRACT.lines().find(|line| line.starts_with(&format!("| {row} |"))).unwrap();
        row.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let can_be_read = |writer: Writer, facts: &Value| match writer {
        Writer::Shop => serde_json::from_value::<ShopFacts>(facts.clone()).is_ok(),
        Writer::Ads => serde_json::from_value::<AdFacts>(facts.clone()).is_ok(),
        _ => serde_json::from_value::<ReviewFacts>(facts.clone()).is_ok(),
    };
    for writer in Writer::OF_THE_DOCUMENT {
        let (_, shown) = facts(writer);
        let names: Vec<String> = shown.as_object().unwrap().keys().cloned().collect();
        let optional = optional(writer.name());
        for name in names.iter().filter(|name| *name != "of") {
            let mut without = shown.clone();
            without.as_object_mut().unwrap().remove(name);
            assert_eq!(can_be_read(writer, &without), optional.contains(name), "{writer} without {name}");
        }
    }
    let optional = optional("shop, each of `menu`");
    let (_, shown) = facts(Writer::Shop);
    for name in ["id", "group", "name", "description", "price", "image_url", "sold_out"] {
        let mut without = shown.clone();
        without["menu"][0].as_object_mut().unwrap().remove(name);
        let may = optional.iter().any(|optional| optional == name);
        assert_eq!(can_be_read(Writer::Shop, &without), may, "a dish without {name}");
    }
}

#[test]
fn the_bounds_on_the_page_are_those_of_the_code() {
    use crate::answer::{IDS_MAX, LIMIT_MAX};
    assert!(CONTRACT.contains(&format!("1 to {IDS_MAX} IDs")));
    assert_eq!((LIMIT_MAX, CONTRACT.matches("1 to 1,000)").count()), (1_000, 2));
    assert!(CONTRACT.contains(&format!("up to {} MiB of one answer", crate::ANSWER_BYTES_MAX >> 20)));
}

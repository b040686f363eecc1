//! FORMAT.md is what others read our bytes by: its tables agree with the code.
#![allow(missing_docs, clippy::unwrap_used)]

use std::mem::{offset_of, size_of};

use shop_document::archive::{ArchivedDetailArchive, ArchivedListArchive, DetailArchive, ListArchive};
use shop_document::card::Holes;
use shop_document::detail::Fragments;
use shop_document::envelope::{ENVELOPE_BYTES, Part, SectionState};
use shop_document::holes::{DISTANCE_WIDTH, STATE_WIDTH, TIME_WIDTH};
use shop_document::hours::{PREPARING_MINUTES, Times, WEEK_MINUTES};
use shop_document::{Area, Campaign, Place, SCHEMA_VERSION};
use shop_id::Writer;
use xxhash_rust::xxh3::xxh3_64;

mod shops;

/// Cells of the rows of the table under a heading, without the head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = include_str!("../FORMAT.md");
    let after = text.split_once(&format!("\n#### {heading}\n"));
    let (_, after) = after.unwrap_or_else(|| panic!("FORMAT.md has no heading `{heading}`"));
    let lines = after.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

fn number(cell: &str) -> usize {
    cell.parse().unwrap_or_else(|_| panic!("`{cell}` is no number"))
}

#[test]
fn the_envelope_is_laid_out_as_its_table_says() {
    let document = shops::document(&shops::rich());
    let bytes = document.list.bytes();
    let archive = bytes.len() - ENVELOPE_BYTES;
    let hashed = [&bytes[..24], &bytes[32..]].concat();
    let section = |writer: Writer, epoch: u32, counter: u64| {
        let head = [writer.number(), SectionState::Present as u8, 0, 0];
        [head.as_slice(), &epoch.to_le_bytes(), &counter.to_le_bytes()].concat()
    };
    let expected: [(&str, Vec<u8>); 11] = [
        ("magic", b"SHPF".to_vec()),
        ("schema version", SCHEMA_VERSION.to_le_bytes().to_vec()),
        ("part", vec![Part::List as u8]),
        ("flags", vec![0]),
        ("archive length", u32::try_from(archive).unwrap().to_le_bytes().to_vec()),
        ("reserved", vec![0; 4]),
        ("shop ID", shops::SHOP.to_le_bytes().to_vec()),
        ("checksum", xxh3_64(&hashed).to_le_bytes().to_vec()),
        ("section of shop", section(Writer::Shop, 1, 42)),
        ("section of ads", section(Writer::Ads, 2, 7)),
        ("section of reviews", section(Writer::Reviews, 1, u64::MAX)),
    ];
    let rows = table("Envelope");
    let named: Vec<&str> = rows.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(named, expected.clone().map(|(name, _)| name));
    let mut at = 0;
    for (row, (name, value)) in rows.iter().zip(expected) {
        assert_eq!((number(&row[0]), number(&row[1])), (at, value.len()), "{name}");
        assert_eq!(bytes[at..at + value.len()], value, "{name}");
        at += value.len();
    }
    assert_eq!(at, ENVELOPE_BYTES);
}

#[test]
fn the_section_states_are_numbered_as_their_table_says() {
    let states = [
        (SectionState::Unheard, "unheard"),
        (SectionState::Nothing, "nothing"),
        (SectionState::Present, "present"),
        (SectionState::Gone, "gone"),
    ];
    let said: Vec<(usize, String)> =
        table("Section states").iter().map(|row| (number(&row[0]), row[1].clone())).collect();
    assert_eq!(said, states.map(|(state, name)| (state as usize, name.to_owned())));
}

fn type_name<T>(_: &T) -> String {
    let name = std::any::type_name::<T>();
    [
        "alloc::vec::",
        "alloc::string::",
        "shop_document::sections::",
        "shop_document::hours::",
        "shop_document::card::",
    ]
    .iter()
    .chain(&["shop_document::detail::"])
    .fold(name.to_owned(), |name, path| name.replace(path, ""))
}

/// Name, type and offset of each field; a field that is forgotten here does not compile.
macro_rules! fields {
    ($owned:ident, $archived:ident, $($field:ident),*) => {{
        let $owned { $($field),* } = $owned::default();
        vec![$((stringify!($field).to_owned(), type_name(&$field), offset_of!($archived, $field))),*]
    }};
}

fn assert_table(heading: &str, fields: &[(String, String, usize)], bytes: usize) {
    let rows = table(heading);
    let said: Vec<_> = rows.iter().map(|row| (row[1].clone(), row[2].clone(), number(&row[0]))).collect();
    let (last, said) = said.split_last().unwrap();
    assert_eq!(said, fields, "{heading}");
    assert_eq!((last.0.as_str(), last.2), ("end", bytes), "{heading}");
}

#[test]
fn the_archives_hold_what_their_tables_say() {
    let list = fields!(
        ListArchive,
        ArchivedListArchive,
        categories,
        location,
        times,
        lowest_fee_amount,
        min_order_amount,
        cells,
        campaigns,
        by_stars,
        card,
        holes,
        fragment
    );
    assert_table("List archive", &list, size_of::<ArchivedListArchive>());
    let detail =
        fields!(DetailArchive, ArchivedDetailArchive, times, campaigns, area, detail, holes, fragments);
    assert_table("Detail archive", &detail, size_of::<ArchivedDetailArchive>());
}

#[test]
fn the_parts_of_the_archives_hold_what_their_table_says() {
    // Destructured, so that a new field does not compile before it is told.
    let Place { lat, lng } = Place::default();
    let Times { time_zone, open_minutes, pauses } = Times::default();
    let Campaign { label, starts, ends, weight } =
        Campaign { label: String::new(), starts: 0, ends: 0, weight: 0 };
    let Holes { state, next_change_at, distance_m, ad_label, ad_label_width } = Holes::default();
    let Fragments { shop, reviews } = Fragments::default();
    let area = match Area::default() {
        Area::Circle(metres) => format!("0: Circle({}); 1: Ring(Vec<Place>)", type_name(&metres)),
        Area::Ring(corners) => format!("0: Circle(u32); 1: Ring({})", type_name(&corners)),
    };
    let fields = |fields: &[(&str, String)]| {
        fields.iter().map(|(name, kind)| format!("{name}: {kind}")).collect::<Vec<_>>().join("; ")
    };
    let expected = [
        ("Place", fields(&[("lat", type_name(&lat)), ("lng", type_name(&lng))])),
        (
            "Times",
            fields(&[
                ("time_zone", type_name(&time_zone)),
                ("open_minutes", type_name(&open_minutes)),
                ("pauses", type_name(&pauses)),
            ]),
        ),
        (
            "Campaign",
            fields(&[
                ("label", type_name(&label)),
                ("starts", type_name(&starts)),
                ("ends", type_name(&ends)),
                ("weight", type_name(&weight)),
            ]),
        ),
        (
            "Holes",
            fields(&[
                ("state", type_name(&state)),
                ("next_change_at", type_name(&next_change_at)),
                ("distance_m", type_name(&distance_m)),
                ("ad_label", type_name(&ad_label)),
                ("ad_label_width", type_name(&ad_label_width)),
            ]),
        ),
        ("Fragments", fields(&[("shop", type_name(&shop)), ("reviews", type_name(&reviews))])),
        ("Area", area),
    ];
    let said: Vec<(String, String)> =
        table("Parts of the archives").iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(said, expected.map(|(name, fields)| (name.to_owned(), fields)));
}

#[test]
fn the_holes_are_as_wide_as_their_table_says() {
    let said: Vec<(String, String)> =
        table("Holes").iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let expected = [
        ("state", STATE_WIDTH.to_string()),
        ("next_change_at", TIME_WIDTH.to_string()),
        ("distance_m", DISTANCE_WIDTH.to_string()),
        ("ad_label", "ad_label_width".to_owned()),
    ];
    assert_eq!(said, expected.map(|(name, width)| (name.to_owned(), width)));
}

#[test]
fn the_numbers_in_the_text_are_the_ones_in_the_code() {
    let text = include_str!("../FORMAT.md");
    for sentence in [
        format!("This page describes schema version {SCHEMA_VERSION}."),
        format!("an envelope of {ENVELOPE_BYTES} bytes"),
        format!("within a week of {WEEK_MINUTES} minutes"),
        format!("opens within {PREPARING_MINUTES} minutes"),
    ] {
        assert!(text.contains(&sentence), "FORMAT.md does not say `{sentence}`");
    }
}

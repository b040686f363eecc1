//! A check, from files to counts.

use std::fmt::Write as _;
use std::path::Path;

use super::mapping::Mapping;
use super::report::{Counts, check_summary};
use super::{ImportOptions, import};
use crate::say::Say;

const MAPPING: &str = r#"
generate = ["menu", "opening_hours", "delivery", "ads", "reviews"]
[source]
name = "leeds-cafes"
key = "id"
[[skip]]
field = "state"
in = ["gone"]
[shop]
name = "title"
location = { lat = "y", lng = "x" }
time_zone = "zone"
currency = "GBP"
categories = "kind"
"#;
const HEAD: &str = "id,title,kind,y,x,zone,state\n";
const GOOD: &str = "Blue Door,cafe,53.79,-1.54,Europe/London,\n";

async fn checked(rows: &str) -> (Counts, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cafes.csv");
    std::fs::write(&file, format!("{HEAD}{rows}")).unwrap();
    let mapping = Mapping::parse(Path::new("cafes.toml"), MAPPING).unwrap();
    let errors = Some(directory.path().join("errors.txt"));
    let options = ImportOptions { files: vec![file], errors, seed: 1, targets: None };
    let (counts, _) = import(&options, mapping, Say::default()).await.unwrap();
    let written = std::fs::read_to_string(directory.path().join("errors.txt")).unwrap();
    assert_eq!(written.lines().count() as u64, counts.bad_rows());
    let said = check_summary(&counts, 0.0).replace(&format!("{}/", directory.path().display()), "");
    (counts, said)
}

#[tokio::test]
async fn a_check_counts_what_would_be_imported_and_shows_the_first_row_of_each_reason() {
    let mut rows = format!("1,{GOOD}2,{GOOD}1,{GOOD}3,Shut,cafe,1,1,Europe/London,gone\n");
    rows.push_str("4,No place,cafe,,,Europe/London,\n5,Nowhere,cafe,,,Europe/London,\n");
    rows.push_str("6,Nu\0l,cafe,53.79,-1.54,Europe/London,\n");
    rows.push_str("7,Two words,coffee shop,53.79,-1.54,Europe/London,\n");
    rows.push_str("8,Lost in time,cafe,53.79,-1.54,Europe/Lodnon,\n");
    let (counts, said) = checked(&rows).await;
    assert_eq!((counts.importable, counts.skipped, counts.bad_rows()), (2, 1, 6));
    expect_test::expect![[r#"
        2 shops would be imported; 1 rows skipped by the mapping, 6 bad (checked in 0.0 s, nothing was sent)
                1 bad: `categories[]` is not a lower-case word of 1 to 50 characters, for example `pizza`
                  first: cafes.csv:9: `categories[]` is not a lower-case word of 1 to 50 characters, for example `pizza`, given `coffee shop`
                1 bad: `name` is not one line without control characters
                  first: cafes.csv:8: `name` is not one line without control characters, given `Nu\u0000l`
                1 bad: `time_zone` is not an IANA time zone, for example `Europe/London`
                  first: cafes.csv:10: `time_zone` is not an IANA time zone, for example `Europe/London`, given `Europe/Lodnon`
                2 bad: coordinates are missing
                  first: cafes.csv:6: coordinates are missing
                1 bad: key stands on an earlier row already
                  first: cafes.csv:4: key stands on an earlier row already, given `1`"#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn a_check_of_thousands_of_good_rows_finds_nothing() {
    let rows = (0..2_500).fold(String::new(), |mut rows, key| {
        let _ = write!(rows, "{key},{GOOD}");
        rows
    });
    let (counts, said) = checked(&rows).await;
    assert_eq!((counts.importable, counts.bad_rows()), (2_500, 0), "{said}");
}

//! Mappings that can be read, and what is said of others.

use super::*;

fn refused(text: &str) -> String {
    Mapping::parse(FilePath::new("x.toml"), text).unwrap_err().to_string()
}

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

#[test]
fn every_mapping_of_the_reference_can_be_read() {
    let reference = include_str!("../../../../docs/IMPORT.md");
    let mappings: Vec<&str> =
        reference.split("```").filter_map(|block| block.strip_prefix("toml\n")).collect();
    assert!(mappings.len() >= 4, "{}", mappings.len());
    for text in mappings {
        Mapping::parse(FilePath::new("docs/IMPORT.md"), text).unwrap();
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
    let said = refused(&SHOP.replace("currency =", "curency ="));
    assert!(
        said.starts_with("x.toml:10: unknown key `curency` in `shop`; did you mean `currency`?"),
        "{said}"
    );
    let said = refused(&SHOP.replace("lat = \"lat\"", "latt = \"lat\""));
    assert!(said.starts_with("x.toml:8: unknown key `latt` in `location`; did you mean `lat`?"), "{said}");
    let said = refused(&format!("{SHOP}categories = {{ path = \"a\", tabel = {{}} }}"));
    assert!(said.contains("x.toml:11: unknown key `tabel` in `categories`; did you mean `table`?"), "{said}");
}

#[test]
fn what_is_missing_or_of_the_wrong_kind_is_refused_with_its_line() {
    let cases = [
        (SHOP.replace("key = \"id\"", ""), "`key` is missing"),
        (SHOP.replace("generate = [\"delivery\"]", ""), "nothing says how the shops deliver"),
        (
            SHOP.replace("[\"delivery\"]", "[\"deliveries\"]"),
            "x.toml:2: `generate` is `deliveries`, expected one of",
        ),
        (SHOP.replace("\"GBP\"", "\"pounds\""), "x.toml:10: `currency` is `pounds`"),
        (
            SHOP.replace("name = \"name\"", "name = 7"),
            "x.toml:7: `name` is number `7`, expected text in quotes",
        ),
        (SHOP.replace("{ constant = \"Europe/London\" }", "{ default = \"x\" }"), "0 of `path`, `constant`"),
        (format!("{SHOP}phone = \"a[\""), "x.toml:11: path `a[` has `[` without `]`"),
        (format!("{SHOP}phone = {{ path = \"a\", table = \"none\" }}"), "`table` is `none`, expected one of"),
        (format!("{SHOP}[input]\nencoding = \"klingon\""), "x.toml:12: `encoding` is `klingon`"),
        ("[source".to_owned(), "x.toml:1: "),
    ];
    for (text, expected) in cases {
        let said = refused(&text);
        assert!(said.contains(expected), "{said}\nexpected: {expected}");
    }
}

#[test]
fn cp949_is_known_by_its_name() {
    let mapping =
        Mapping::parse(FilePath::new("x"), &format!("{SHOP}[input]\nencoding = \"CP949\"")).unwrap();
    assert_eq!(mapping.input.encoding, Some(encoding_rs::EUC_KR));
}

//! Rows, and the shops that they become.

use super::*;

const MAPPING: &str = r#"
[source]
name = "x"
key = "id"
[input]
empty = ["-"]
[[skip]]
field = "state"
in = ["gone"]
[shop]
name = "name"
location = { pair = "at", order = "lng,lat" }
time_zone = { constant = "Asia/Seoul" }
currency = "KRW"
phone = "phone"
opening_hours = "hours"
[shop.delivery]
fee = "fee"
[[shop.menu]]
each = "dishes"
name = "dish"
price = "price"
"#;

fn shaped(json: &str) -> Result<Option<ShapedShop>, Problem> {
    let mapping = Mapping::parse(std::path::Path::new("x.toml"), MAPPING).unwrap();
    shape(&mapping, 1, &serde_json::from_str(json).unwrap()).map(|shaped| match shaped {
        Shaped::Shop(shop) => Some(*shop),
        Shaped::Skipped => None,
    })
}

#[test]
fn a_row_becomes_a_shop() {
    let json = r#"{"id":7,"name":" 동네식당 ","at":"POINT (126.9 37.5)","phone":"-","fee":"1,500","dishes":
        [{"dish":"김밥","price":"6,900원"},{"dish":"물","price":"free"},{"price":1}],"hours":"by appointment"}"#;
    let shop = shaped(json).unwrap().unwrap();
    assert_eq!((shop.key.as_str(), shop.facts.name.as_str()), ("7", "동네식당"));
    assert_eq!(shop.facts.location, Location { lat: 37.5, lng: 126.9 });
    assert_eq!(shop.facts.phone, None);
    assert_eq!(shop.facts.menu[0].price, Money { amount: 6_900, currency: "KRW".to_owned() });
    assert_eq!(shop.facts.delivery.fee_ladder[0].fee.amount, 1_500);
    assert_eq!(shop.facts.menu.len(), 1);
    assert_eq!(shop.notes.len(), 2, "{:?}", shop.notes);
    assert_eq!(shop.facts.generated, Vec::<String>::new());
}

#[test]
fn a_row_that_is_no_shop_says_why() {
    let cases = [
        (r#"{"name":"a","at":[1,2]}"#, "key is missing", ""),
        (r#"{"id":1,"name":" ","at":[1,2]}"#, "name is missing", ""),
        (r#"{"id":1,"name":"a"}"#, "coordinates are missing", ""),
        (r#"{"id":1,"name":"a","at":[1,91.5]}"#, "latitude is not between -90 and 90", "91.5, 1"),
        (r#"{"id":1,"name":"a","at":[0,0]}"#, "coordinates are 0, 0", "0, 0"),
        (r#"{"id":1,"name":"a","at":"somewhere"}"#, "coordinates are not two numbers", "somewhere"),
        (
            r#"{"id":1,"name":"a\ufffd","at":[1,2]}"#,
            "name has bytes that are not of the stated encoding",
            "a\u{fffd}",
        ),
    ];
    for (json, reason, given) in cases {
        assert_eq!(shaped(json).unwrap_err(), Problem::new(reason, given), "{json}");
    }
}

/// With everything that can be generated.
fn completed(json: &str) -> ShopFacts {
    let head = r#"generate = ["categories", "menu", "opening_hours", "delivery"]"#;
    let text = format!("{head}\n{MAPPING}").replace("phone =", "categories = \"kinds\"\nphone =");
    let mapping = Mapping::parse(std::path::Path::new("x.toml"), &text).unwrap();
    match shape(&mapping, 1, &serde_json::from_str(json).unwrap()).unwrap() {
        Shaped::Shop(shop) => shop.facts,
        Shaped::Skipped => panic!("{json} is skipped"),
    }
}

#[test]
fn a_shop_that_says_it_is_closed_gets_no_generated_hours() {
    let with = |hours: &str| completed(&format!(r#"{{"id":1,"name":"a","at":[1,2],"hours":{hours}}}"#));
    for closed in [r#""closed""#, r#""Mo-Su off""#] {
        let facts = with(closed);
        assert!(facts.opening_hours.is_empty(), "{closed}");
        assert!(!facts.generated.contains(&"opening_hours".to_owned()), "{closed}");
    }
    for unknown in ["null", r#""by appointment""#, r#""PH off""#] {
        let facts = with(unknown);
        assert!(!facts.opening_hours.is_empty(), "{unknown}");
        assert!(facts.generated.contains(&"opening_hours".to_owned()), "{unknown}");
    }
}

#[test]
fn a_kitchen_is_generated_only_where_the_data_names_none() {
    let with =
        |kinds: &str| completed(&format!(r#"{{"id":1,"name":"a","at":[1,2],"kinds":{kinds}}}"#)).categories;
    assert_eq!(with(r#"["mexican"]"#), ["mexican"], "one that has no dishes here is one all the same");
    assert_eq!(with(r#"["takeaway","pizza"]"#), ["takeaway", "pizza"]);
    assert_eq!(with("null").len(), 1);
    let place = with(r#"["restaurant"]"#);
    assert!(place.len() == 2 && place[0] == "restaurant", "{place:?}");
}

#[test]
fn a_name_that_was_broken_to_fit_is_one_line() {
    let shop = shaped(r#"{"id":1,"name":"The\r\n  Blue\tDoor","at":[1,2]}"#).unwrap().unwrap();
    assert_eq!(shop.facts.name, "The Blue Door");
}

#[test]
fn rows_that_the_mapping_leaves_out_are_not_bad() {
    assert!(shaped(r#"{"id":1,"state":"gone"}"#).unwrap().is_none());
}

//! Every row of the contract about URLs.

use shop_search::SearchText;

use super::*;
use crate::tests::shops::{CELL, id};

/// `ok`, `308 …`, or status, code and parameter of a refusal.
fn said(url: &str) -> String {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    match route(path, query) {
        Ok(_) => "ok".to_owned(),
        Err(NotRouted::Moved { location }) => format!("308 {location}"),
        Err(NotRouted::Refused(problem)) => {
            let parameter = problem.parameter.as_deref().unwrap_or("-");
            format!("{} {} {parameter}", problem.status.as_u16(), problem.code)
        }
    }
}

fn check(table: &[(&str, &str)]) {
    for (url, expected) in table {
        assert_eq!(&said(url), expected, "{url}");
    }
}

#[test]
fn canonical_urls_are_understood() {
    let question = ListQuestion {
        cell: CELL.parse().unwrap(),
        category: Some("fish & chips".into()),
        sort: Sort::MinOrder,
        cursor: Some("abc-_1".into()),
    };
    let url = list_url(&question);
    assert_eq!(
        url,
        "/v1/cells/88195da49bfffff/shops?category=fish%20%26%20chips&sort=min_order&cursor=abc-_1"
    );
    let (path, query) = url.split_once('?').unwrap();
    assert_eq!(route(path, Some(query)), Ok(Request::List(question)));
    let plain =
        ListQuestion { cell: CELL.parse().unwrap(), category: None, sort: Sort::default(), cursor: None };
    assert_eq!(
        route("/v1/shops", Some("lat=51.5076&lng=-0.1303")),
        Ok(Request::ListNear(plain)),
        "the same question, asked by a place"
    );
    let token: RevisionToken = "shop:1-42".parse().unwrap();
    assert_eq!(
        route("/v1/shops/7", Some("min_revision=shop:1-42")),
        Ok(Request::Detail { shop_id: id(7), min_revision: Some(token) })
    );
    assert_eq!(
        route("/v1/shops", Some("ids=9,2,7")),
        Ok(Request::Batch { shop_ids: vec![id(9), id(2), id(7)], min_revision: None })
    );
    let search = TextQuestion {
        text: SearchText::parse("원조 치킨 & co").unwrap(),
        cell: CELL.parse().unwrap(),
        category: Some("pizza".into()),
        sort: Some(Sort::Recommended),
        cursor: Some("abc-_1".into()),
    };
    let query = "q=%EC%9B%90%EC%A1%B0%20%EC%B9%98%ED%82%A8%20%26%20co&cell=88195da49bfffff\
                 &category=pizza&sort=recommended&cursor=abc-_1";
    assert_eq!(route("/v1/search", Some(query)), Ok(Request::Search(search)));
    let place = Place { lat: 51.5, lng: -0.1 };
    assert_eq!(
        route("/v1/availability", Some("ids=9,2&lat=51.50&lng=-0.1")),
        Ok(Request::Availability(AvailabilityAsked { shop_ids: vec![id(9), id(2)], place }))
    );
    assert_eq!(route("/", None), Ok(Request::Home));
}

#[test]
fn other_orders_cases_and_defaults_lead_to_the_canonical_url() {
    let list = format!("/v1/cells/{CELL}/shops");
    let search = format!("/v1/search?q=pizza&cell={CELL}");
    check(&[
        ("/v1/cells/88195DA49BFFFFF/shops", &format!("308 {list}")),
        (&format!("{list}?sort=recommended"), &format!("308 {list}")),
        (&format!("{list}?sort="), &format!("308 {list}")),
        (&format!("{list}?"), &format!("308 {list}")),
        (&format!("{list}?&&"), &format!("308 {list}")),
        (&format!("{list}?sort=Rating"), &format!("308 {list}?sort=rating")),
        (&format!("{list}?sort=rating&category=Pizza"), &format!("308 {list}?category=pizza&sort=rating")),
        (&format!("{list}?category=fish+shop"), &format!("308 {list}?category=fish%20shop")),
        (&format!("{list}?category=%70izza"), &format!("308 {list}?category=pizza")),
        ("/v1/shops?lng=0.5&lat=51&sort=RATING", "308 /v1/shops?lat=51&lng=0.5&sort=rating"),
        ("/v1/shops?ids=1%2C2", "308 /v1/shops?ids=1,2"),
        ("/v1/shops?ids=1,2,1", "308 /v1/shops?ids=1,2"),
        ("/v1/shops?ids=1&lat=", "308 /v1/shops?ids=1"),
        ("/v1/shops?ids=&lat=51&lng=0.5", "308 /v1/shops?lat=51&lng=0.5"),
        ("/v1/availability?lng=0.5&lat=51&ids=2%2C1,2", "308 /v1/availability?ids=2,1&lat=51&lng=0.5"),
        ("/v1/shops?min_revision=ads:1-1&ids=1", "308 /v1/shops?ids=1&min_revision=ads:1-1"),
        ("/v1/search?cell=88195DA49BFFFFF&q=pizza", &format!("308 {search}")),
        (&format!("/v1/search?cell={CELL}&q=Pizza"), &format!("308 {search}")),
        (&format!("/v1/search?q=+PI%7aZA%0A&cell={CELL}"), &format!("308 {search}")),
        (&format!("{search}&category=&sort=&cursor="), &format!("308 {search}")),
        (
            &format!("{search}&cursor=abc&sort=Rating&category=A+b"),
            &format!("308 {search}&category=a%20b&sort=rating&cursor=abc"),
        ),
        ("/v1/shops/%37", "308 /v1/shops/7"),
        ("/v1/shops/7?min_revision=", "308 /v1/shops/7"),
        ("/v1/shops/7?min_revision=shop%3A1-42", "308 /v1/shops/7?min_revision=shop:1-42"),
    ]);
}

#[test]
fn wrong_values_are_refused_by_name() {
    let list = format!("/v1/cells/{CELL}/shops");
    let long = format!("{list}?cursor={}", "x".repeat(513));
    let search = format!("/v1/search?q=pizza&cell={CELL}");
    let many = (1..=51).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    check(&[
        ("/v1/cells/88195da49bffff/shops", "400 malformed_cell cell"),
        ("/v1/cells/8g195da49bfffff/shops", "400 malformed_cell cell"),
        ("/v1/cells/%ff/shops", "400 no_text cell"),
        ("/v1/cells//shops", "400 malformed_cell cell"),
        ("/v1/cells/87195da49ffffff/shops", "400 wrong_resolution cell"),
        (&format!("{list}?sort=stars"), "400 unknown_sort sort"),
        (&format!("{list}?category={}", "x".repeat(65)), "400 malformed_category category"),
        (&format!("{list}?category=a%00b"), "400 malformed_category category"),
        (&format!("{list}?category=%ff"), "400 no_text category"),
        (&format!("{list}?cursor=%20"), "400 malformed_cursor cursor"),
        (&long, "400 malformed_cursor cursor"),
        (&format!("{list}?page=2"), "400 unknown_parameter page"),
        (&format!("{list}?%ff=2"), "400 no_text %ff"),
        (&format!("{list}?sort=rating&sort=rating"), "400 repeated_parameter sort"),
        ("/v1/shops", "400 missing_parameter lat"),
        ("/v1/shops?lat=1", "400 missing_parameter lng"),
        ("/v1/shops?lng=1", "400 missing_parameter lat"),
        ("/v1/shops?lat=91&lng=1", "400 malformed_number lat"),
        ("/v1/shops?lat=1&lng=-180.1", "400 malformed_number lng"),
        ("/v1/shops?lat=1e1&lng=1", "400 malformed_number lat"),
        ("/v1/shops?lat=NaN&lng=1", "400 malformed_number lat"),
        ("/v1/shops?lat=%2B1&lng=1", "400 malformed_number lat"),
        ("/v1/shops?lat=1.&lng=1", "400 malformed_number lat"),
        ("/v1/shops?lat=.5&lng=1", "400 malformed_number lat"),
        ("/v1/shops?lat=1&lng=1&min_revision=shop:1-1", "400 unknown_parameter min_revision"),
        ("/v1/shops?ids=1&lat=1", "400 unknown_parameter lat"),
        ("/v1/shops?ids=", "400 missing_parameter ids"),
        ("/v1/shops?ids=&min_revision=", "400 missing_parameter ids"),
        ("/v1/shops?ids=&lat=1", "400 missing_parameter lng"),
        ("/v1/availability", "400 missing_parameter ids"),
        ("/v1/availability?ids=&lat=1&lng=1", "400 missing_parameter ids"),
        ("/v1/availability?ids=1", "400 missing_parameter lat"),
        ("/v1/availability?ids=1&lat=1", "400 missing_parameter lng"),
        ("/v1/availability?ids=1&lng=1", "400 missing_parameter lat"),
        ("/v1/availability?ids=x&lat=1&lng=1", "400 malformed_id ids"),
        ("/v1/availability?ids=1&lat=91&lng=1", "400 malformed_number lat"),
        ("/v1/availability?ids=1&lat=1&lng=181", "400 malformed_number lng"),
        ("/v1/availability?ids=1&lat=1&lng=1&cell=x", "400 unknown_parameter cell"),
        (&format!("/v1/availability?ids={many}&lat=1&lng=1"), "400 too_many_ids ids"),
        ("/v1/shops?ids=1,,2", "400 malformed_id ids"),
        ("/v1/shops?ids=0", "400 malformed_id ids"),
        ("/v1/shops?ids=07", "400 malformed_id ids"),
        ("/v1/shops?ids=18446744073709551616", "400 malformed_id ids"),
        (&format!("/v1/shops?ids={many}"), "400 too_many_ids ids"),
        ("/v1/shops/abc", "400 malformed_id shop_id"),
        ("/v1/shops/-1", "400 malformed_id shop_id"),
        ("/v1/shops/7?lang=en", "400 unknown_parameter lang"),
        ("/v1/shops/7?min_revision=42", "400 malformed_revision min_revision"),
        ("/v1/shops/7?min_revision=orders:1-42", "400 malformed_revision min_revision"),
        ("/v1/search", "400 missing_parameter q"),
        (&format!("/v1/search?q=&cell={CELL}"), "400 missing_parameter q"),
        ("/v1/search?q=pizza", "400 missing_parameter cell"),
        ("/v1/search?q=pizza&cell=london", "400 malformed_cell cell"),
        ("/v1/search?q=pizza&cell=87195da49ffffff", "400 wrong_resolution cell"),
        (&format!("/v1/search?q=%20+%00&cell={CELL}"), "400 nothing_to_search q"),
        (&format!("/v1/search?q={}&cell={CELL}", "x".repeat(101)), "400 text_too_long q"),
        (&format!("/v1/search?q=%ff&cell={CELL}"), "400 no_text q"),
        (&format!("{search}&q=pizza"), "400 repeated_parameter q"),
        (&format!("{search}&sort=best"), "400 unknown_sort sort"),
        (&format!("{search}&cursor=%20"), "400 malformed_cursor cursor"),
        (&format!("{search}&lat=1"), "400 unknown_parameter lat"),
        ("/?utm=1", "400 unknown_parameter utm"),
    ]);
}

#[test]
fn other_paths_are_not_found() {
    for path in [
        "/v1",
        "/v1/",
        "/v1/shops/",
        "/v1/search/",
        "/v1/availability/",
        "/v1/search/pizza",
        "/v1/shops/7/",
        "/v1/shops/7/x",
        "/V1/shops/7",
        "",
        "*",
        "//",
        "/metrics",
    ] {
        assert_eq!(said(path), "404 no_such_path -", "{path}");
    }
}

#[test]
fn fifty_shops_are_a_batch() {
    let ids = (1..=50).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(said(&format!("/v1/shops?ids={ids}")), "ok");
}

proptest::proptest! {
    /// Whatever is asked, the canonical URL of it is canonical.
    #[test]
    fn who_is_sent_elsewhere_is_sent_once(query in "[a-z=&%0-9+A-F,:.-]{0,60}", which in 0_usize..6) {
        let path = ["/v1/shops", "/v1/shops/7", "/v1/cells/88195DA49bfffff/shops", "/", "/v1/search", "/v1/availability"]
            [which];
        for query in [
            format!("sort=Rating&{query}"),
            format!("category={query}"),
            format!("ids=1&{query}"),
            format!("lat=1&lng=2&ids=1,{query}"),
            format!("cell=88195DA49bfffff&q={query}"),
            query,
        ] {
            if let Err(NotRouted::Moved { location }) = route(path, Some(&query)) {
                proptest::prop_assert_eq!(said(&location), "ok", "{} {}", path, query);
            }
        }
    }
}

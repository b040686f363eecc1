//! What Nori makes of names, pinned: a dictionary of another line cuts other words, and shops would be found no more.

use expect_test::{Expect, expect};
use jiff::Timestamp;
use shop_search::elasticsearch::IndexLayout;
use shop_search::{SearchText, ShopIndexer, TextQuestion, TextSearch};

use crate::remote::{ELASTICSEARCH, LAYOUT, OPENSEARCH, Remote, engine};
use crate::shops::{Shop, at, block_on, ids, strand};
use crate::writing::raw;

const NAMES: [&str; 8] = [
    "배달의민족 치킨집에서 먹었다",
    "원조치킨집 강남점",
    "치킨",
    "치킨을",
    "교촌치킨",
    "할매순대국밥",
    "김밥천국 역삼동",
    "Domino's 피자",
];

fn now() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn cut(variable: &str) -> String {
    let cut = |name: &&str| {
        let body = format!("{{\"analyzer\":\"nori\",\"text\":\"{name}\"}}");
        let answer: serde_json::Value =
            serde_json::from_str(&raw(variable, "POST", "_analyze", &body)).unwrap();
        let tokens = answer["tokens"].as_array().unwrap().iter();
        let tokens: Vec<&str> = tokens.map(|token| token["token"].as_str().unwrap()).collect();
        format!("{name} -> {}\n", tokens.join("|"))
    };
    NAMES.iter().map(cut).collect()
}

#[test]
fn nori_cuts_names_as_it_always_did() {
    let expected: Expect = expect![[r#"
        배달의민족 치킨집에서 먹었다 -> 배달|민족|치키|집|먹
        원조치킨집 강남점 -> 원조|치키|집|강|남점
        치킨 -> 치킨
        치킨을 -> 치킨
        교촌치킨 -> 교촌|치킨
        할매순대국밥 -> 할매|순대|국|밥
        김밥천국 역삼동 -> 김밥|천국|역삼|동
        Domino's 피자 -> domino|s|피자
    "#]];
    expected.assert_eq(&cut(ELASTICSEARCH));
    assert_eq!(cut(OPENSEARCH), cut(ELASTICSEARCH), "one line of Lucene");
}

fn shops() -> Vec<Shop> {
    let named = |id, name: &str| {
        Shop::with(id, |shop| {
            shop.name = name.to_owned();
            shop.categories = Vec::new();
        })
    };
    vec![named(1, "교촌치킨"), named(2, "원조치킨집 강남점"), named(3, "김밥천국"), named(4, "치킨을 치킨을")]
}

fn found(remote: &Remote, text: &str) -> Vec<u64> {
    let text = SearchText::parse(text).unwrap();
    let question = TextQuestion { text, cell: strand(), category: None, sort: None, cursor: None };
    ids(&block_on(remote.search(&question, now())).unwrap())
}

#[test]
fn an_index_with_nori_finds_more_and_loses_nothing() {
    for variable in [ELASTICSEARCH, OPENSEARCH] {
        let (plain, nori) = (
            Remote::with(engine(variable), LAYOUT),
            Remote::with(engine(variable), IndexLayout { nori: true, ..LAYOUT }),
        );
        for remote in [&plain, &nori] {
            shops().iter().for_each(|shop| remote.fold(shop.id(), &shop.part()));
            remote.publish(now());
        }
        // By pairs 치킨 is in all of them, however a dictionary cuts 치킨집.
        assert_eq!((found(&plain, "치킨"), found(&nori, "치킨")), (vec![1, 2, 4], vec![1, 2, 4]));
        // With a particle behind it only morphemes find the others, and they stand behind what matches to the letter.
        assert_eq!((found(&plain, "치킨을"), found(&nori, "치킨을")), (vec![4], vec![4, 1]), "{variable}");
        assert_eq!((found(&plain, "김밥"), found(&nori, "김밥")), (vec![3], vec![3]));
    }
}

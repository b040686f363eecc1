//! Bulks in any order, indexes beside each other: on real engines.

use std::io::{Read, Write};

use jiff::{SignedDuration, Timestamp};
use shop_search::elasticsearch::{Asking, Bulk, Engine, EngineError, Index, IndexLayout, Version};
use shop_search::{ShopSearch, Sort};

use crate::remote::{ELASTICSEARCH, LAYOUT, OPENSEARCH, PATIENCE, discard_all, engine};
use crate::shops::{Shop, at, id, ids, question};

/// Once on each engine; nothing is left behind.
macro_rules! on_both {
    ($($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
        async fn $name() {
            for variable in [ELASTICSEARCH, OPENSEARCH] {
                let engine = engine(variable);
                promises::$name(&engine).await;
                discard_all(&engine).await;
            }
        })*
    };
}

on_both! {
    a_late_change_never_overwrites_a_newer_one
    what_an_index_refuses_for_good_is_named_and_the_rest_goes_on
    a_cursor_is_kept_with_what_it_covers
    a_new_index_takes_the_place_of_the_old_one_and_gives_it_back
    an_index_that_would_lose_shops_does_not_take_the_place
    an_index_that_was_deleted_does_not_come_back_by_writing
    a_full_disk_makes_changes_wait_and_says_so
}

fn now() -> Timestamp {
    at("2026-11-24T15:41:05Z")
}

async fn listed(engine: &Engine) -> Vec<u64> {
    let asking = Asking::new(engine.clone(), PATIENCE);
    ids(&ShopSearch::list(&asking, &question(Sort::DeliveryFee), now()).await.unwrap())
}

async fn live(engine: &Engine) -> Index {
    let made = engine.create(LAYOUT, now()).await.unwrap();
    engine.indexes().await.unwrap().replace(&made, 1).await.unwrap();
    made
}

async fn beside(engine: &Engine, minutes: i64, shops: u64) -> Index {
    let made = engine.create(LAYOUT, now() + SignedDuration::from_mins(minutes)).await.unwrap();
    made.write(&bulk(1..=shops)).await.unwrap();
    made.save_cursor("1.1").await.unwrap();
    made
}

fn bulk(shops: impl IntoIterator<Item = u64>) -> Bulk {
    let mut bulk = Bulk::default();
    for number in shops {
        bulk.put(id(number), Version::of(ACTIVATION, number), &Shop::new(number).part(), false);
    }
    bulk
}

/// One request as it is, for what the crate does not do.
pub(crate) fn raw(variable: &str, method: &str, path: &str, body: &str) -> String {
    let base = std::env::var(variable).unwrap();
    let host = base.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    let length = body.len();
    write!(stream, "{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{method} {path}: {answer}");
    body.to_owned()
}

#[test]
fn a_name_of_somebody_else_is_left_alone() {
    for variable in [ELASTICSEARCH, OPENSEARCH] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let refused = |engine: &Engine| runtime.block_on(engine.indexes()).unwrap_err().to_string();
        let own = engine(variable);
        raw(variable, "PUT", own.name(), "{}");
        let said = refused(&own);
        assert!(said.contains("is not an alias of one of our indexes (an index"), "{said}");
        let aliased = engine(variable);
        let theirs = format!("{}-of-another-program", aliased.name());
        raw(variable, "PUT", &theirs, &format!("{{\"aliases\":{{\"{}\":{{}}}}}}", aliased.name()));
        let said = refused(&aliased);
        assert!(said.contains("mark of ours"), "{said}");
        for index in [own.name(), &theirs] {
            raw(variable, "DELETE", index, "");
        }
    }
}

/// As stores count them: in seconds since 1970.
const ACTIVATION: u32 = 1_795_542_188;

mod promises {
    use super::*;

    pub(super) async fn a_late_change_never_overwrites_a_newer_one(engine: &Engine) {
        let index = live(engine).await;
        let priced = |sequence, number, fee| {
            let mut bulk = Bulk::default();
            let shop = Shop::with(number, |shop| shop.fee = fee);
            bulk.put(id(number), Version::of(ACTIVATION, sequence), &shop.part(), false);
            bulk
        };
        let taken = |written: shop_search::elasticsearch::Written| (written.taken, written.unchanged);
        let write = async |bulk: &Bulk| taken(index.write(bulk).await.unwrap());
        assert_eq!(write(&priced(5, 1, 100)).await, (1, 0));
        assert_eq!(write(&priced(6, 2, 200)).await, (1, 0));
        assert_eq!(write(&priced(9, 1, 300)).await, (1, 0));
        assert_eq!(write(&priced(7, 1, 100)).await, (0, 1), "late");
        assert_eq!(write(&priced(9, 1, 300)).await, (0, 1), "twice");
        let mut removal = Bulk::default();
        removal.remove(id(2), Version::of(ACTIVATION, 8));
        assert_eq!(write(&removal).await, (1, 0));
        assert_eq!(write(&priced(6, 2, 200)).await, (0, 1), "a closed shop stays closed");
        index.refresh().await.unwrap();
        assert_eq!(listed(engine).await, [1]);
        // A store that lost saves counts anew, in a higher activation.
        let mut lost = Bulk::default();
        lost.put(id(2), Version::of(ACTIVATION + 1, 1), &Shop::new(2).part(), false);
        assert_eq!(write(&lost).await, (1, 0));
        index.refresh().await.unwrap();
        assert_eq!(listed(engine).await, [2, 1]);
    }

    pub(super) async fn what_an_index_refuses_for_good_is_named_and_the_rest_goes_on(engine: &Engine) {
        let index = live(engine).await;
        let mut bulk = bulk([1]);
        // More nested documents than engines take.
        let busy = Shop::with(2, |shop| shop.ads = (0..10_001).map(|start| (start, start + 1, 1)).collect());
        bulk.put(id(2), Version::of(ACTIVATION, 2), &busy.part(), false);
        bulk.put(id(3), Version::of(ACTIVATION, 3), &Shop::new(3).part(), false);
        let written = index.write(&bulk).await.unwrap();
        assert_eq!((written.taken, written.refused), (2, 1));
        assert_eq!(written.named[0].0, id(2));
        assert!(written.named[0].1.contains("nested documents"), "{written:?}");
        assert_eq!(index.count().await.unwrap(), 2);
    }

    pub(super) async fn a_cursor_is_kept_with_what_it_covers(engine: &Engine) {
        let index = live(engine).await;
        assert_eq!(index.cursor().await.unwrap(), None);
        index.save_cursor("1.7,1.9").await.unwrap();
        index.save_cursor("1.8,1.9").await.unwrap();
        let again = engine.indexes().await.unwrap().live.unwrap();
        assert_eq!(again.cursor().await.unwrap().as_deref(), Some("1.8,1.9"));
        assert_eq!(again.count().await.unwrap(), 0, "it is no shop");
    }

    pub(super) async fn a_new_index_takes_the_place_of_the_old_one_and_gives_it_back(engine: &Engine) {
        let first = beside(engine, 0, 3).await;
        engine.indexes().await.unwrap().replace(&first, 1).await.unwrap();
        assert_eq!(listed(engine).await, [1, 2, 3]);
        let second = beside(engine, 1, 4).await;
        assert_eq!(listed(engine).await, [1, 2, 3], "beside");
        engine.indexes().await.unwrap().replace(&second, 1).await.unwrap();
        assert_eq!(listed(engine).await, [1, 2, 3, 4]);
        // Somebody was stopped while he filled it.
        engine.create(LAYOUT, now() + SignedDuration::from_secs(30)).await.unwrap();
        let back = engine.indexes().await.unwrap().roll_back(engine).await.unwrap();
        assert_eq!(back.name(), first.name());
        assert_eq!(listed(engine).await, [1, 2, 3]);
        let third = beside(engine, 2, 5).await;
        engine.indexes().await.unwrap().replace(&third, 1).await.unwrap();
        let indexes = engine.indexes().await.unwrap();
        assert_eq!(indexes.live.unwrap().name(), third.name());
        let others: Vec<&str> = indexes.others.iter().map(Index::name).collect();
        assert_eq!(others, [first.name()], "one is kept for the way back, the others are gone");
    }

    pub(super) async fn an_index_that_would_lose_shops_does_not_take_the_place(engine: &Engine) {
        let nothing = engine.indexes().await.unwrap();
        assert!(nothing.live.is_none());
        let first = beside(engine, 0, 100).await;
        nothing.replace(&first, 1).await.unwrap();
        let refused = engine.indexes().await.unwrap().roll_back(engine).await.unwrap_err();
        assert!(matches!(refused, EngineError::NothingBefore { .. }), "{refused}");
        let fewer = beside(engine, 1, 98).await;
        let refused = engine.indexes().await.unwrap().replace(&fewer, 1).await.unwrap_err();
        let said = refused.to_string();
        assert!(
            said.contains("has 98 shops") && said.contains("raise `search_index.loss_percent_max`"),
            "{said}"
        );
        assert_eq!(engine.indexes().await.unwrap().live.unwrap().name(), first.name());
        let nearly_all = beside(engine, 2, 99).await;
        engine.indexes().await.unwrap().replace(&nearly_all, 1).await.unwrap();
        let fewer = beside(engine, 3, 98).await;
        engine.indexes().await.unwrap().replace(&fewer, 100).await.unwrap();
        assert_eq!(engine.indexes().await.unwrap().live.unwrap().name(), fewer.name());
    }

    pub(super) async fn an_index_that_was_deleted_does_not_come_back_by_writing(engine: &Engine) {
        let index = live(engine).await;
        index.clone().discard().await.unwrap();
        for error in [
            index.write(&bulk([1])).await.unwrap_err(),
            index.save_cursor("1.1").await.unwrap_err(),
            index.cursor().await.unwrap_err(),
        ] {
            assert!(matches!(error, EngineError::Missing { .. }), "{error}");
        }
        assert!(engine.indexes().await.unwrap().live.is_none());
    }

    pub(super) async fn a_full_disk_makes_changes_wait_and_says_so(engine: &Engine) {
        let variable = [ELASTICSEARCH, OPENSEARCH].into_iter().find(|variable| {
            let base = std::env::var(variable).unwrap();
            format!("{engine:?}").contains(&base)
        });
        let index = live(engine).await;
        // What an engine does to its indexes at the flood stage of a disk.
        let settings = format!("{}/_settings", index.name());
        let block = |set: &str| {
            let body = format!("{{\"index.blocks.read_only_allow_delete\":{set}}}");
            raw(variable.unwrap(), "PUT", &settings, &body);
        };
        block("true");
        for error in [index.write(&bulk([1])).await.unwrap_err(), index.save_cursor("1.1").await.unwrap_err()]
        {
            assert!(matches!(error, EngineError::Blocked { .. }) && error.is_transient(), "{error}");
            assert!(error.to_string().contains("make room on the engine's disks"), "{error}");
        }
        assert_eq!(listed(engine).await, [0; 0], "lists go on");
        block("null");
        index.write(&bulk([1])).await.unwrap();
    }
}

/// For the layouts that only a cluster can hold: what is said of them.
#[tokio::test]
async fn a_layout_that_an_engine_refuses_is_said() {
    let engine = engine(ELASTICSEARCH);
    let error = engine.create(IndexLayout { shards: 0, ..LAYOUT }, now()).await.unwrap_err();
    assert!(error.to_string().contains("number_of_shards"), "{error}");
}

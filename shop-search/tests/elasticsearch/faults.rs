//! What is said and served while an engine is away, late, busy, or not what it should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use shop_search::elasticsearch::{
    Asking, Bulk, Engine, EngineError, EngineLimits, EngineSearch, Index, IndexLayout, Version,
};
use shop_search::{EngineAddress, ListQuestion, SearchAccess, SearchError, ShopSearch, Sort};

use crate::fake::{Fake, Heard, Reply, items, reply};
use crate::shops::{Shop, at, id, ids, question};

const MARK: &str =
    r#"{"shops-20261124t154105123":{"mappings":{"_meta":{"shopfront":{"mapping_version":1,"nori":false}}}}}"#;
/// Shop 7, open, and nothing that the clock changes.
const SHOP_7: &str = r#"{"responses":[{"status":200,"hits":{"hits":[{"sort":[1048576.0,3500000,-9223372036854775801]}]}},{"status":200}]}"#;

/// Of whom lateness is not the subject.
const LONG: Duration = Duration::from_secs(20);

fn noon() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn millis(count: i64) -> SignedDuration {
    SignedDuration::from_millis(count)
}

/// Says its mark, and to all else this.
fn well_but(
    says: impl Fn(&Heard) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Heard) -> Reply + Send + Sync {
    move |heard| if heard.line.contains("/_mapping") { reply(200, MARK) } else { says(heard) }
}

fn well() -> impl Fn(&Heard) -> Reply + Send + Sync {
    well_but(|_| reply(200, SHOP_7))
}

fn search(fake: &Fake) -> EngineSearch {
    let limits = EngineLimits { patience: LONG, ..EngineLimits::default() };
    EngineSearch::new(fake.engine(&SearchAccess::default()), limits)
}

async fn refused(fake: &Fake) -> String {
    let asking = Asking::new(fake.engine(&SearchAccess::default()), Duration::from_millis(300));
    let refused = ShopSearch::list(&asking, &question(Sort::Rating), noon()).await.unwrap_err();
    assert!(matches!(refused, SearchError::Unavailable { .. }), "{refused}");
    refused.to_string()
}

#[tokio::test]
async fn an_engine_that_does_not_answer_well_is_named_with_what_it_said() {
    for (answer, said) in [
        (reply(503, ""), "answered 503"),
        (
            reply(429, r#"{"error":{"type":"circuit_breaking_exception","reason":"Data too large"}}"#),
            "Data too large",
        ),
        (reply(502, "<html>Bad Gateway</html>"), "answered 502: <html>Bad Gateway"),
        (
            reply(401, r#"{"error":{"type":"security_exception","reason":"missing authentication"}}"#),
            "`search_access`",
        ),
        (reply(200, "<html>"), "an answer that cannot be read"),
        (reply(200, "{}"), "an answer without `responses`"),
        (
            reply(200, r#"{"responses":[{"status":200,"timed_out":true},{"status":200}]}"#),
            "did not answer in time",
        ),
        (
            reply(200, r#"{"responses":[{"status":200,"_shards":{"failed":1}},{"status":200}]}"#),
            "some shards failed",
        ),
        (
            reply(
                200,
                r#"{"responses":[{"status":503,"error":{"type":"no_shard_available_action_exception"}},{"status":200}]}"#,
            ),
            "answered 503: no_shard_available_action_exception",
        ),
        (
            reply(
                200,
                r#"{"responses":[{"status":404,"error":{"type":"index_not_found_exception"}},{"status":200}]}"#,
            ),
            "has no `shops`; an invalidator with this `search` builds it",
        ),
        (
            reply(
                200,
                r#"{"responses":[{"status":200,"hits":{"hits":[{"sort":[1.0,"?",5]}]}},{"status":200}]}"#,
            ),
            "a hit of no shop",
        ),
        (Reply { after: Duration::from_secs(20), ..reply(200, SHOP_7) }, "did not answer within 300 ms"),
    ] {
        let fake = Fake::start(well_but(move |_| answer.clone())).await;
        let refused = refused(&fake).await;
        assert!(refused.contains(said), "{refused}\nexpected: {said}");
    }
}

#[tokio::test]
async fn an_index_of_another_version_is_refused_with_what_to_do() {
    let old = MARK.replace("\"mapping_version\":1", "\"mapping_version\":9");
    let fake = Fake::start(move |_| reply(200, &old)).await;
    let refused = refused(&fake).await;
    assert!(
        refused.contains("has mapping version 9, this program reads 1; let an invalidator of this"),
        "{refused}"
    );
    assert_eq!(fake.searches(), 0);
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    for scheme in ["http", "https"] {
        let address = EngineAddress::parse(&format!("{scheme}://127.0.0.1:9/shops")).unwrap();
        let engine = Engine::new(address, &SearchAccess::default()).unwrap();
        let error = engine.indexes().await.unwrap_err();
        assert!(matches!(error, EngineError::Unreachable { .. }) && error.is_transient(), "{error}");
        assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_is_trusted_when_it_is_named_and_not_otherwise() {
    let (fake, certificate) = Fake::start_tls(well()).await;
    let ca_file = Some(certificate.path().to_owned());
    let trusting = fake.engine(&SearchAccess { ca_file, ..SearchAccess::default() });
    assert!(trusting.indexes().await.unwrap().live.is_some());
    let error = fake.engine(&SearchAccess::default()).indexes().await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn who_asks_is_told_by_a_header_and_by_nothing_else() {
    let fake = Fake::start(|_| reply(403, r#"{"error":{"type":"security_exception","reason":"no"}}"#)).await;
    let secret = |text: &str| Some(SecretString::from(text));
    for (access, header) in [
        (SearchAccess { api_key: secret("a2V5"), ..SearchAccess::default() }, "authorization: ApiKey a2V5"),
        (
            SearchAccess { basic_auth: secret("shops:pw"), ..SearchAccess::default() },
            "authorization: Basic c2hvcHM6cHc=",
        ),
    ] {
        let engine = fake.engine(&access);
        let error = engine.indexes().await.unwrap_err();
        let heard = fake.heard().pop().unwrap();
        assert!(heard.head.contains(header), "{}", heard.head);
        let said = format!("{error} {error:?} {engine:?} {access:?}");
        assert!(!said.contains("a2V5") && !said.contains("c2hv") && !said.contains("pw"), "{said}");
    }
}

#[tokio::test]
async fn a_hundred_who_ask_the_same_are_answered_by_one_search_and_for_a_second() {
    let fake =
        Fake::start(well_but(|_| Reply { after: Duration::from_millis(50), ..reply(200, SHOP_7) })).await;
    let search = search(&fake);
    let all = (0..100).map(|_| {
        let search = search.clone();
        tokio::spawn(async move { search.list(&question(Sort::Rating), noon()).await })
    });
    for answer in all.collect::<Vec<_>>() {
        assert_eq!(ids(&answer.await.unwrap().unwrap()), [7]);
    }
    assert_eq!(fake.searches(), 1);
    for (later, searches) in [(999, 1), (1_000, 2), (1_500, 2)] {
        search.list(&question(Sort::Rating), noon() + millis(later)).await.unwrap();
        assert_eq!(fake.searches(), searches, "after {later} ms");
    }
}

#[tokio::test]
async fn who_gives_up_takes_no_answer_from_the_others() {
    let fake =
        Fake::start(well_but(|_| Reply { after: Duration::from_millis(50), ..reply(200, SHOP_7) })).await;
    let search = search(&fake);
    let asked = question(Sort::Rating);
    // Polled once, as the query server does before it waits, and dropped.
    let at_once = tokio::time::timeout(Duration::ZERO, search.list(&asked, noon())).await;
    assert!(at_once.is_err());
    assert_eq!(ids(&search.list(&asked, noon()).await.unwrap()), [7]);
    assert_eq!(fake.searches(), 1);
}

#[tokio::test]
async fn while_the_engine_is_away_the_last_good_list_is_served_and_said() {
    let fake = Fake::start(well()).await;
    let search = search(&fake);
    let asked = question(Sort::Rating);
    search.list(&asked, noon()).await.unwrap();
    fake.now_says(|_| reply(503, ""));
    for later in [2_000, 60_000, 3_600_000] {
        let answer = search.list(&asked, noon() + millis(later)).await.unwrap();
        assert_eq!((ids(&answer), answer.stale_since), (vec![7], Some(noon())), "after {later} ms");
    }
    let unknown = ListQuestion { category: Some(Arc::from("sushi")), ..asked.clone() };
    let refused = search.list(&unknown, noon() + millis(3_600_000)).await.unwrap_err();
    assert!(refused.to_string().contains("answered 503"), "{refused}");
    fake.now_says(well());
    let answer = search.list(&asked, noon() + millis(3_602_000)).await.unwrap();
    assert_eq!(answer.stale_since, None);
    assert_eq!(search.figures().stale, 3);
}

#[tokio::test]
async fn an_engine_that_keeps_failing_is_asked_twice_a_second_and_no_more() {
    let fake = Fake::start(well()).await;
    let search = search(&fake);
    let asked = question(Sort::Rating);
    search.list(&asked, noon()).await.unwrap();
    fake.now_says(|_| reply(503, ""));
    let before = search.figures().asked;
    // Ten seconds of a hundred requests each.
    for later in (2_000..12_000).step_by(10) {
        let answer = search.list(&asked, noon() + millis(later)).await.unwrap();
        assert_eq!(answer.stale_since, Some(noon()));
    }
    let asked = search.figures().asked - before;
    assert!((20..=24).contains(&asked), "asked {asked} times");
}

#[tokio::test]
async fn what_is_kept_is_bounded_in_bytes() {
    let fake = Fake::start(well()).await;
    let limits = EngineLimits { kept_bytes_max: 100_000, ..EngineLimits::default() };
    let search = EngineSearch::new(fake.engine(&SearchAccess::default()), limits);
    for number in 0..500 {
        let category = Some(Arc::from(format!("category {number}")));
        let asked = ListQuestion { category, ..question(Sort::Recommended) };
        search.list(&asked, noon()).await.unwrap_or_else(|error| panic!("{error}"));
    }
    let figures = search.figures();
    assert!(figures.kept > 20 && figures.kept_bytes <= 50_000, "{figures:?}");
}

async fn index(fake: &Fake) -> Index {
    fake.engine(&SearchAccess::default()).create(IndexLayout::default(), noon()).await.unwrap()
}

fn bulk(shops: u64) -> Bulk {
    let mut bulk = Bulk::default();
    (1..=shops)
        .for_each(|number| bulk.put(id(number), Version::of(1, number), &Shop::new(number).part(), false));
    bulk
}

#[tokio::test]
async fn changes_that_find_no_room_are_sent_again_alone() {
    let bulks = AtomicUsize::new(0);
    let fake = Fake::start(move |heard| {
        if !heard.line.contains("/_bulk") {
            return reply(200, "{}");
        }
        match bulks.fetch_add(1, Ordering::Relaxed) {
            0 => reply(200, &items(&[201, 429, 409, 429])),
            _ => reply(200, &items(&[201, 200])),
        }
    })
    .await;
    let written = index(&fake).await.write(&bulk(4)).await.unwrap();
    assert_eq!((written.taken, written.unchanged, written.refused), (3, 1, 0));
    let sent: Vec<usize> =
        fake.heard().iter().filter(|heard| heard.line.contains("_bulk")).map(Heard::changes).collect();
    assert_eq!(sent, [4, 2]);
    let again = fake.heard().pop().unwrap().body;
    assert!(again.contains("\"_id\":\"2\"") && again.contains("\"_id\":\"4\""), "{again}");
}

#[tokio::test]
async fn an_engine_that_has_no_room_for_long_makes_changes_wait() {
    let fake = Fake::start(|heard| {
        if heard.line.contains("/_bulk") { reply(200, &items(&[429])) } else { reply(200, "{}") }
    })
    .await;
    let error = index(&fake).await.write(&bulk(1)).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("queue is full"), "{error}");
}

#[tokio::test]
async fn an_engine_that_makes_no_new_index_for_want_of_room_is_waited_for() {
    let said = r#"{"error":{"type":"index_create_block_exception","reason":"blocked by: [FORBIDDEN/10/cluster create-index blocked (api)];"}}"#;
    let fake = Fake::start(move |_| reply(403, said)).await;
    let engine = fake.engine(&SearchAccess::default());
    let error = engine.create(IndexLayout::default(), noon()).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("make room on the engine's disks"), "{error}");
}

#[tokio::test]
async fn a_bulk_that_is_too_large_is_halved_and_a_shop_that_is_too_large_is_named() {
    let fake = Fake::start(|heard| match heard.changes() {
        _ if !heard.line.contains("/_bulk") => reply(200, "{}"),
        0..3 if !heard.body.contains("\"_id\":\"3\"") => reply(200, &items(&vec![201; heard.changes()])),
        _ => reply(413, ""),
    })
    .await;
    let written = index(&fake).await.write(&bulk(7)).await.unwrap();
    assert_eq!((written.taken, written.refused), (6, 1));
    let (shop_id, why) = &written.named[0];
    assert_eq!(*shop_id, id(3));
    assert!(why.ends_with("bytes are more than the engine accepts"), "{why}");
}

//! What is concluded from what cargo says.

use super::*;

const MESSAGES: &str = r#"
{"reason":"compiler-artifact","manifest_path":"/w/document-store/Cargo.toml","target":{"name":"redis"},"executable":"/t/debug/deps/redis-11"}
{"reason":"compiler-artifact","manifest_path":"/w/shop-search/Cargo.toml","target":{"name":"elasticsearch"},"executable":"/t/debug/deps/elasticsearch-22"}
{"reason":"compiler-artifact","manifest_path":"/w/invalidator/Cargo.toml","target":{"name":"elasticsearch"},"executable":"/t/debug/deps/elasticsearch-33"}
{"reason":"compiler-artifact","manifest_path":"/w/shop-id/Cargo.toml","target":{"name":"shop-id"},"executable":null}
{"reason":"build-finished","success":true}
"#;

fn suite(package: &str, target: &str) -> &'static Suite {
    SUITES.iter().find(|suite| suite.package == package && suite.target == target).unwrap()
}

fn heard(lines: &str) -> Ear {
    let suites = vec![suite("document-store", "redis"), suite("shop-search", "elasticsearch")];
    let mut ear = Ear::new(suites, Binaries::read(MESSAGES).unwrap());
    lines.lines().for_each(|line| ear.hear(line));
    ear
}

fn verdict(ear: &Ear, missing: &[&str], server: &str) -> Verdict {
    let missing = missing.iter().copied().collect();
    let found = ear.verdicts(&missing).into_iter().find(|(name, ..)| *name == server);
    found.map(|(.., verdict)| verdict).unwrap()
}

const REDIS: &str = "     Running tests/redis/main.rs (target/debug/deps/redis-11)
test conforming::redis_keeps_the_promises ... ok
test conforming::a_replicated_pair_keeps_the_promises ... ok
test conforming::a_redis_cluster_keeps_the_promises ... ok
test conforming::a_valkey_cluster_keeps_the_promises ... FAILED
test lost::a_flushed_store_is_never_taken_for_an_empty_one ... ok
test faults::too_slow ... ignored
test result: FAILED. 4 passed; 1 failed; 1 ignored
";

#[test]
fn a_test_speaks_for_the_backend_it_names_and_otherwise_for_all() {
    let ear = heard(REDIS);
    assert_eq!(verdict(&ear, &[], "redis"), Verdict::Ok { own: 1, shared: 1 });
    assert_eq!(verdict(&ear, &[], "redis-cluster"), Verdict::Ok { own: 1, shared: 1 });
    assert_eq!(verdict(&ear, &[], "redis-replicated"), Verdict::Ok { own: 1, shared: 1 });
    assert_eq!(verdict(&ear, &[], "valkey-cluster"), Verdict::Failed(1));
    // Only tests that name nobody ran.
    assert_eq!(verdict(&ear, &[], "valkey"), Verdict::Untested);
    assert_eq!(verdict(&ear, &[], "elasticsearch"), Verdict::Untested);
}

#[test]
fn what_has_no_server_is_untested_and_no_failure() {
    let ear = heard(REDIS);
    assert_eq!(verdict(&ear, &["valkey-cluster"], "valkey-cluster"), Verdict::Untested);
    assert!(ear.only_missing_failed(&["valkey-cluster"].into()));
    assert!(!ear.only_missing_failed(&["redis"].into()));
    assert!(!ear.only_missing_failed(&[].into()));
}

#[test]
fn a_failure_anywhere_else_is_never_excused() {
    let elsewhere = "     Running unittests src/lib.rs (target/debug/deps/shop_id-44)
test parse ... FAILED
test result: FAILED. 0 passed; 1 failed
";
    let missing = ["valkey-cluster"].into();
    assert!(!heard(&format!("{REDIS}{elsewhere}")).only_missing_failed(&missing));
    // A binary that was killed says no result.
    let killed = "     Running unittests src/lib.rs (target/debug/deps/shop_id-44)\n";
    assert!(!heard(&format!("{REDIS}{killed}")).only_missing_failed(&missing));
    // What did not compile says nothing at all.
    assert!(!heard("error: could not compile `shop-id`").only_missing_failed(&missing));
    let doc = "   Doc-tests shop_id\ntest shop-id/src/lib.rs - (line 7) ... FAILED\ntest result: FAILED.\n";
    assert!(!heard(&format!("{REDIS}{doc}")).only_missing_failed(&missing));
}

#[test]
fn a_suite_is_told_apart_from_one_of_the_same_name_in_another_package() {
    let other = "     Running tests/elasticsearch.rs (target/debug/deps/elasticsearch-33)
test elasticsearch_finds ... ok
test result: ok. 1 passed
";
    assert_eq!(verdict(&heard(other), &[], "elasticsearch"), Verdict::Untested);
    let it = other.replace("-33", "-22");
    assert_eq!(verdict(&heard(&it), &[], "elasticsearch"), Verdict::Ok { own: 1, shared: 0 });
}

#[test]
fn a_suite_that_was_killed_failed() {
    let killed = "     Running tests/elasticsearch.rs (target/debug/deps/elasticsearch-22)
test elasticsearch_finds ... ok
";
    assert_eq!(verdict(&heard(killed), &[], "elasticsearch"), Verdict::Failed(0));
}

#[test]
fn tests_that_run_on_all_backends_speak_for_each_and_need_each() {
    let lines = "     Running tests/elasticsearch.rs (target/debug/deps/elasticsearch-33)
test what_closes_is_not_listed ... ok
test an_index_is_built_again ... FAILED
test result: FAILED. 1 passed; 1 failed
";
    let heard = |lines: &str| {
        let mut ear =
            Ear::new(vec![suite("invalidator", "elasticsearch")], Binaries::read(MESSAGES).unwrap());
        lines.lines().for_each(|line| ear.hear(line));
        ear
    };
    let good = heard(&lines.replace("FAILED", "ok"));
    assert_eq!(verdict(&good, &[], "opensearch"), Verdict::Ok { own: 2, shared: 0 });
    let bad = heard(lines);
    assert_eq!(verdict(&bad, &[], "elasticsearch"), Verdict::Failed(1));
    assert!(!bad.only_missing_failed(&[].into()));
    assert_eq!(verdict(&bad, &["opensearch"], "elasticsearch"), Verdict::Untested);
    assert!(bad.only_missing_failed(&["opensearch"].into()));
}

//! Topics and queues that are not as they should be.

use crate::asked::{assert_ill_of, free_port, server};

fn invalidator(events: &str) -> [(&str, &str); 6] {
    [
        ("ops", "127.0.0.1:1"),
        ("store", "no/such/store"),
        ("events", events),
        ("writers__shop", "http://127.0.0.1:1"),
        ("writers__ads", "http://127.0.0.1:1"),
        ("writers__reviews", "http://127.0.0.1:1"),
    ]
}

#[test]
fn a_queue_that_is_missing_is_named_with_what_makes_it() {
    let endpoint = server("SHOPFRONT_TEST_SNS_SQS");
    let prefix = format!("doctor-{}", std::process::id());
    let events = format!("sns-sqs://eu-west-1/000000000000/{prefix}?endpoint={endpoint}&create=true");
    let queue = format!("`{prefix}-shop-invalidator`");
    let missing = ["FAILS events", &queue, "it is not there"];
    let fix = format!(
        "fix: aws cloudformation deploy --region eu-west-1 --stack-name {prefix}-queue-shop-invalidator --template-file deploy/aws/queue.yaml \
         --parameter-overrides Prefix={prefix} Writer=shop Subscriber=invalidator"
    );
    let made_by_hand = events.replace("&create=true", "");
    for (events, fix) in [(&events, "fix: start an invalidator with these `events`"), (&made_by_hand, &fix)] {
        let expected: Vec<&str> = missing.into_iter().chain([fix]).collect();
        assert_ill_of("invalidator", &invalidator(events), &expected);
    }
    let away = format!("sns-sqs://eu-west-1/000000000000/shops?endpoint=http://127.0.0.1:{}", free_port());
    assert_ill_of("invalidator", &invalidator(&away), &["FAILS events", "no answer", "fix: "]);
    let nobodys = "sns-sqs://eu-west-1/000000000000/shops";
    assert_ill_of("invalidator", &invalidator(nobodys), &["FAILS events", "no usable credentials", "fix: "]);
    assert_ill_of("invalidator", &invalidator("no/such/directory"), &["FAILS events", "fix: start"]);
}

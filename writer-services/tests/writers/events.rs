//! From the commit to the event, whatever the transport does.

use change_events::embedded::{EmbeddedConsumer, EmbeddedOptions};
use reqwest::Method;
use shop_id::Writer;

use crate::running::{PATIENCE, Running, campaign, heard, subscribe};

#[tokio::test(flavor = "multi_thread")]
async fn every_commit_is_announced_in_order_and_nothing_else_is() {
    let writer = Running::start(Writer::Ads).await;
    let listener = subscribe(&writer);
    for (number, label) in [(7, "a"), (8, "a"), (7, "a"), (7, "b")] {
        writer.change(Method::PUT, &format!("/v1/ads/{number}"), &campaign(label)).await;
    }
    let events = heard(&listener, 3).await;
    let expected = [(7, "1-1"), (8, "1-2"), (7, "1-3")].map(|(shop, at)| (shop, at.to_owned()));
    assert_eq!(events, expected, "the change that changed nothing is not announced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transport_that_is_no_directory_stops_no_change_and_hears_of_all_later() {
    let mut writer = Running::start(Writer::Ads).await;
    std::fs::write(writer.events(), b"not a directory").unwrap();
    for number in 1..=3 {
        let changed = writer.change(Method::PUT, &format!("/v1/ads/{number}"), &campaign("a")).await;
        assert_eq!(changed.outcome, "created");
    }
    while writer.counted("relay_failures_total") < 2.0 {
        tokio::task::yield_now().await;
    }
    // It ends between commit and publish: the outbox is all that is left.
    writer.end().await;
    std::fs::remove_file(writer.events()).unwrap();
    let listener = subscribe(&writer);
    writer.start_again().await;
    let events = heard(&listener, 3).await;
    assert_eq!(events, [(1, "1-1"), (2, "1-2"), (3, "1-3")].map(|(shop, at)| (shop, at.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_announced_leaves_the_outbox() {
    let writer = Running::start(Writer::Ads).await;
    let listener = subscribe(&writer);
    writer.change(Method::PUT, "/v1/ads/7", &campaign("a")).await;
    heard(&listener, 1).await;
    writer.end().await;
    let database = rusqlite::Connection::open(&writer.config.database).unwrap();
    let rows: i64 = database.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stuck_queue_does_not_keep_events_from_the_others() {
    let writer = Running::start(Writer::Ads).await;
    let options = EmbeddedOptions { visibility_timeout: PATIENCE, look_around: PATIENCE };
    let stuck = EmbeddedConsumer::open(&writer.events(), Writer::Ads, "a-stuck", options);
    let locking = rusqlite::Connection::open(writer.events().join("ads/a-stuck.sqlite")).unwrap();
    locking.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let listener = subscribe(&writer);
    writer.change(Method::PUT, "/v1/ads/7", &campaign("a")).await;
    // The first one is told again for each attempt at the stuck queue; then the relay goes on.
    while !heard(&listener, 1).await.contains(&(7, "1-1".to_owned())) {}
    writer.change(Method::PUT, "/v1/ads/8", &campaign("a")).await;
    while !heard(&listener, 1).await.contains(&(8, "1-2".to_owned())) {}
    drop((locking, stuck));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_waiting_announcements_are_given_up_oldest_first() {
    let mut writer = Running::start_with(Writer::Ads, |config| config.outbox_rows_max = 2).await;
    std::fs::write(writer.events(), b"not a directory").unwrap();
    for number in 1..=5 {
        writer.change(Method::PUT, &format!("/v1/ads/{number}"), &campaign("a")).await;
    }
    assert!((writer.counted("outbox_given_up_total") - 3.0).abs() < 0.5);
    writer.end().await;
    std::fs::remove_file(writer.events()).unwrap();
    let listener = subscribe(&writer);
    writer.start_again().await;
    let events = heard(&listener, 2).await;
    assert_eq!(events, [(4, "1-4"), (5, "1-5")].map(|(shop, at)| (shop, at.to_owned())));
}

//! The end, in good order and without.

use std::time::Duration;

use subscription::Ended;
use tokio::time::sleep;

use crate::fakes::{Stage, eventually, shop, shops};

#[tokio::test(start_paused = true)]
async fn a_drain_finishes_what_is_in_flight_and_leaves_the_rest() {
    let mut stage = Stage::ready(10, |settings| settings.refetches_in_flight_max = 2).await;
    stage.writer.script().answers_after = Duration::from_secs(1);
    stage.change(1).await;
    eventually("a refetch runs", || stage.writer.questions() == 1).await;
    stage.change(2).await;
    eventually("another one runs", || stage.writer.questions() == 2).await;
    stage.change(3).await;
    sleep(Duration::from_millis(100)).await;
    let requests = stage.requests();
    let took = stage.drain().await;
    assert!(took <= Duration::from_secs(1), "{took:?}");
    assert_eq!(stage.queue.waiting(), 1, "shops 1 and 2 are acknowledged, shop 3 comes again");
    assert_eq!(stage.writer.questions(), 2);
    assert_eq!(requests.refetch(&shops([1])).await.unwrap_err(), Ended);
    assert_eq!(requests.full_resync().await.unwrap_err(), Ended);
    stage.start();
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_a_writer_that_is_silent() {
    let mut stage = Stage::ready(10, |settings| {
        (settings.refetch_timeout, settings.drain_grace) = (Duration::from_secs(60), Duration::from_secs(5));
    })
    .await;
    stage.writer.script().silent = true;
    stage.change(1).await;
    eventually("a refetch runs", || stage.writer.questions() == 1).await;
    let took = stage.drain().await;
    assert!(took <= Duration::from_secs(5), "{took:?}");
    assert_eq!(stage.queue.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_before_the_queue_could_be_opened_ends_at_once() {
    let mut stage = Stage::set();
    *stage.transport_is_there.lock().unwrap() = false;
    stage.start();
    sleep(Duration::from_secs(10)).await;
    let took = stage.drain().await;
    assert!(took <= Duration::from_millis(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_an_event_comes_again_and_nothing_is_lost() {
    for killed_after_ms in 0..60 {
        let mut stage = Stage::ready(10, |_| {}).await;
        stage.writer.script().answers_after = Duration::from_millis(20);
        stage.follower.store().saves_take = Duration::from_millis(20);
        stage.change(7).await;
        stage.change(8).await;
        sleep(Duration::from_millis(killed_after_ms)).await;
        stage.kill().await;
        let waiting = stage.queue.waiting();
        assert!(
            waiting == 2 || stage.follower.covers(shop(7), stage.writer.newest()),
            "at {killed_after_ms} ms"
        );
        stage.start();
        stage.all_is_acknowledged().await;
        assert!(stage.follower.holds_all(), "killed after {killed_after_ms} ms");
    }
}

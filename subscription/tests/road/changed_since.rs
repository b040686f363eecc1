//! What events do not bring.

use std::time::Duration;

use shop_id::Revision;
use subscription::Settings;
use tokio::time::{Instant, sleep};

use crate::fakes::{Stage, eventually, shop};

const INTERVAL: Duration = Duration::from_secs(10);
/// With a question, a refetch, a save and a look at them.
const AFTER_THE_INTERVAL: Duration = Duration::from_millis(10_020);

fn every_ten_seconds(settings: &mut Settings) {
    settings.changed_since_interval = INTERVAL;
}

#[tokio::test(start_paused = true)]
async fn changes_whose_events_were_lost_arrive_within_the_interval() {
    let stage = Stage::ready(10, every_ten_seconds).await;
    sleep(Duration::from_secs(1)).await;
    for number in [3, 5, 3, 11] {
        drop(stage.writer.commit(shop(number)));
    }
    let took = eventually("the changes arrive", || stage.follower.holds_all()).await;
    assert!(took <= AFTER_THE_INTERVAL, "{took:?}");
    eventually("the cursor follows", || stage.follower.store().cursor == Some(stage.writer.newest())).await;
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn a_change_heard_on_both_ways_costs_one_refetch() {
    let stage = Stage::ready(10, every_ten_seconds).await;
    stage.change(7).await;
    stage.all_is_acknowledged().await;
    let rounds = stage.writer.script().changes_asked;
    eventually("changed-since names it too", || stage.writer.script().changes_asked >= rounds + 2).await;
    eventually("the cursor follows", || stage.follower.store().cursor == Some(stage.writer.newest())).await;
    assert_eq!(stage.writer.questions(), 1);
}

#[tokio::test(start_paused = true)]
async fn with_the_transport_dead_everything_arrives_all_the_same_and_events_do_once_it_is_back() {
    let mut stage = Stage::set();
    every_ten_seconds(&mut stage.settings);
    *stage.transport_is_there.lock().unwrap() = false;
    stage.start();
    for number in 1..=20 {
        stage.change(number).await;
        let took = eventually("the change arrives", || stage.follower.holds_all()).await;
        assert!(took <= AFTER_THE_INTERVAL, "{took:?}");
    }
    assert_eq!(stage.queue.waiting(), 20, "nobody receives");
    *stage.transport_is_there.lock().unwrap() = true;
    stage.all_is_acknowledged().await;
    stage.change(7).await;
    let took = eventually("the change arrives", || stage.follower.holds_all()).await;
    assert!(took <= Duration::from_millis(10), "through its event: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_without_the_transport_cost_each_change_the_interval_and_no_event() {
    let stage = Stage::ready(10, every_ten_seconds).await;
    stage.queue.cut_off(true);
    let (began, mut changes) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(600) {
        changes += 1;
        stage.change(7).await;
        let took = eventually("the change arrives", || stage.follower.holds_all()).await;
        assert!(took <= AFTER_THE_INTERVAL, "{took:?}");
    }
    assert_eq!(stage.queue.waiting(), changes, "nobody receives");
    stage.queue.cut_off(false);
    stage.all_is_acknowledged().await;
    stage.change(7).await;
    let took = eventually("the change arrives", || stage.follower.holds_all()).await;
    assert!(took <= Duration::from_millis(10), "through its event: {took:?}");
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_cannot_be_refetched_holds_the_cursor_and_nobody_else() {
    let mut stage = Stage::ready(10, every_ten_seconds).await;
    let cursor = stage.writer.newest();
    eventually("the cursor is stored", || stage.follower.store().cursor == Some(cursor)).await;
    stage.writer.script().garbage.insert(shop(7));
    drop(stage.writer.commit(shop(7)));
    for number in [1, 2, 3] {
        drop(stage.writer.commit(shop(number)));
        let newest = stage.writer.newest();
        eventually("the others arrive", || stage.follower.covers(shop(number), newest)).await;
    }
    sleep(3 * INTERVAL).await;
    assert_eq!(stage.follower.store().cursor, Some(cursor), "shop 7 is named again after a crash");
    stage.kill().await;
    stage.writer.script().garbage.clear();
    stage.start();
    eventually("shop 7 arrives", || stage.follower.holds_all()).await;
    eventually("the cursor follows", || stage.follower.store().cursor == Some(stage.writer.newest())).await;
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn thousands_of_changes_after_an_outage_are_followed_without_delaying_a_new_one() {
    let mut stage = Stage::ready(5_000, every_ten_seconds).await;
    stage.kill().await;
    (1..=5_000).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.writer.script().answers_after = Duration::from_millis(200);
    stage.settings.changes_pending_max = 1_500;
    stage.start();
    eventually("catching up", || stage.writer.questions() > 4).await;
    stage.change(5_001).await;
    let newest = stage.writer.newest();
    let took = eventually("the change arrives", || stage.follower.covers(shop(5_001), newest)).await;
    assert!(took <= Duration::from_millis(205), "{took:?}");
    assert!(!stage.follower.holds_all(), "the others are still catching up");
    eventually("all arrive", || stage.follower.holds_all()).await;
    assert_eq!(stage.writer.script().pages_asked, 5, "by the first full resync, not again");
    eventually("the cursor follows", || stage.follower.store().cursor == Some(newest)).await;
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn the_writer_was_heard_from_at_every_round_and_not_while_it_is_dead() {
    let stage = Stage::ready(10, every_ten_seconds).await;
    let heard_from = || stage.follower.store().heard_from;
    let before = heard_from();
    sleep(10 * INTERVAL).await;
    assert_eq!(heard_from() - before, 10, "changes or not");
    stage.writer.script().down = true;
    sleep(Duration::from_millis(100)).await;
    let before = heard_from();
    sleep(10 * INTERVAL).await;
    assert_eq!(heard_from(), before);
    stage.writer.script().down = false;
    let took = eventually("it is heard from", || heard_from() > before).await;
    assert!(took <= INTERVAL + Duration::from_secs(5), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_replica_behind_the_cursor_is_no_reason_to_read_everything_again() {
    let stage = Stage::ready(10, every_ten_seconds).await;
    for number in 1..=5 {
        stage.change(number).await;
    }
    eventually("the cursor is stored", || stage.follower.store().cursor == Some(stage.writer.newest())).await;
    let pages = stage.writer.script().pages_asked;
    stage.writer.script().behind = 3;
    sleep(Duration::from_secs(40)).await;
    stage.writer.script().behind = 0;
    drop(stage.writer.commit(shop(7)));
    eventually("changed-since goes on", || stage.follower.holds_all()).await;
    assert_eq!(stage.writer.script().pages_asked, pages);
    assert!(stage.metric("changed_since_rounds_total{writer=\"shop\",kind=\"cursor_expired\"}") > 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_writer_restored_without_a_new_epoch_is_read_again_after_a_while() {
    let stage = Stage::ready(10, every_ten_seconds).await;
    let cursor = Revision::new(1, 1_000);
    stage.follower.store().cursor = Some(cursor);
    let mut stage = stage;
    stage.kill().await;
    stage.start();
    let newest = stage.writer.newest();
    let took = eventually("the cursor is one that the writer knows", || {
        stage.follower.store().cursor == Some(newest)
    })
    .await;
    assert!(took > Duration::from_secs(59), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_cannot_say_what_changed_is_followed_through_events() {
    let stage = Stage::ready(10, every_ten_seconds).await;
    stage.writer.script().changes_are_garbage = true;
    sleep(Duration::from_secs(300)).await;
    for _ in 0..5 {
        stage.change(7).await;
        let took = eventually("the event is enough", || stage.queue.waiting() == 0).await;
        assert!(took <= Duration::from_secs(11), "{took:?}");
    }
    assert!(stage.follower.holds_all());
}

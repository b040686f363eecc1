//! Everything, page by page.

use std::time::Duration;

use subscription::Priority;
use tokio::time::{Instant, sleep};

use crate::fakes::{Mood, Stage, eventually, shop};

#[tokio::test(start_paused = true)]
async fn the_first_start_reads_everything_and_the_next_one_only_what_changed() {
    let mut stage = Stage::set();
    (1..=2_500).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.start();
    eventually("the cursor is stored", || stage.follower.store().cursor == Some(stage.writer.newest())).await;
    assert!(stage.follower.holds_all());
    assert_eq!((stage.writer.questions(), stage.writer.script().pages_asked), (0, 3));
    assert!(stage.follower.store().saves.iter().all(|(_, priority)| *priority == Priority::Bulk));
    assert_eq!(stage.metric("full_resyncs_total{writer=\"shop\"}"), 1.0);
    assert_eq!(stage.metric("resynced_shops_total{writer=\"shop\"}"), 2_500.0);
    stage.kill().await;
    drop(stage.writer.commit(shop(7)));
    stage.start();
    eventually("the change arrives", || stage.follower.holds_all()).await;
    assert_eq!((stage.writer.questions(), stage.writer.script().pages_asked), (1, 3));
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn pages_are_fetched_while_others_are_saved() {
    let mut stage = Stage::set();
    (1..=20_000).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.writer.script().answers_after = Duration::from_millis(50);
    stage.follower.store().saves_take = Duration::from_millis(100);
    let began = Instant::now();
    stage.start();
    eventually("all shops are saved", || stage.follower.holds_all()).await;
    // One after the other it would be 20 × 150 ms.
    assert!(began.elapsed() < Duration::from_millis(1_250), "{:?} for 20 pages", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn events_and_lost_events_go_on_during_a_full_resync() {
    let mut stage = Stage::set();
    (1..=3_000).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.settings.changed_since_interval = Duration::from_secs(10);
    stage.settings.page_shops_max = 10;
    stage.writer.script().answers_after = Duration::from_secs(1);
    stage.start();
    sleep(Duration::from_secs(30)).await;
    stage.change(2_999).await;
    drop(stage.writer.commit(shop(3_000)));
    let newest = stage.writer.newest();
    let covered = || stage.follower.covers(shop(2_999), newest) && stage.follower.covers(shop(3_000), newest);
    let took = eventually("both arrive", covered).await;
    assert!(took <= Duration::from_secs(14), "{took:?}");
    assert!(stage.follower.store().cursor.is_none() && !stage.follower.holds_all(), "long before the end");
    stage.kill().await;
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn pages_of_replicas_that_are_behind_one_another_leave_no_gap() {
    let mut stage = Stage::set();
    stage.settings.page_shops_max = 10;
    (1..=50).for_each(|number| drop(stage.writer.commit(shop(number))));
    (1..=50).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.writer.script().pages_behind.extend([0, 20, 0, 40, 0]);
    stage.start();
    eventually("all arrive", || stage.follower.holds_all()).await;
    eventually("the cursor is stored", || stage.follower.store().cursor == Some(stage.writer.newest())).await;
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn a_writer_restored_from_a_backup_is_read_again() {
    let mut stage =
        Stage::ready(30, |settings| settings.changed_since_interval = Duration::from_secs(10)).await;
    for number in 1..=30 {
        stage.change(number).await;
    }
    stage.all_is_acknowledged().await;
    let before = stage.writer.newest();
    stage.writer.restore(40);
    stage.change(3).await;
    assert!(stage.writer.newest() > before, "a new epoch is newer than all before");
    eventually("everything is at the state of the backup, in the new epoch", || stage.follower.holds_all())
        .await;
    eventually("the cursor is of the new epoch", || {
        stage.follower.store().cursor == Some(stage.writer.newest())
    })
    .await;
    stage.all_is_acknowledged().await;
    assert_eq!(stage.metric("full_resyncs_total{writer=\"shop\"}"), 2.0);
    stage.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_garbage_section_on_a_page_is_gone_around() {
    let mut stage = Stage::set();
    stage.settings.page_shops_max = 10;
    stage.settings.changed_since_interval = Duration::from_secs(10);
    (1..=300).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.writer.script().garbage.insert(shop(77));
    stage.start();
    eventually("299 others arrive", || stage.follower.store().held.len() == 299).await;
    sleep(Duration::from_secs(20)).await;
    let cursor = stage.follower.store().cursor;
    assert!(cursor.is_some_and(|cursor| cursor.counter == 76), "up to the one before it: {cursor:?}");
    stage.writer.script().garbage.clear();
    eventually("the last one arrives", || stage.follower.holds_all()).await;
    eventually("the cursor is stored", || stage.follower.store().cursor == Some(stage.writer.newest())).await;
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_full_or_refuses_a_shop_delays_the_cursor_and_loses_nothing() {
    for mood in [Mood::Away, Mood::Full, Mood::Refuses(shop(1_234))] {
        let mut stage = Stage::set();
        (1..=3_000).for_each(|number| drop(stage.writer.commit(shop(number))));
        stage.start();
        // The cursor of a store that is away cannot even be read; this is about saves.
        sleep(Duration::from_millis(1)).await;
        stage.follower.store().mood = mood;
        sleep(Duration::from_secs(60)).await;
        assert_eq!(stage.follower.store().cursor, None, "{mood:?}");
        let questions = stage.writer.questions();
        assert!(questions < 150, "{questions} questions in 60 s, {mood:?}");
        stage.follower.store().mood = Mood::Well;
        eventually("all arrive", || stage.follower.holds_all()).await;
        eventually("the cursor is stored", || stage.follower.store().cursor == Some(stage.writer.newest()))
            .await;
        stage.no_promise_was_broken();
    }
}

#[tokio::test(start_paused = true)]
async fn a_resync_that_was_killed_begins_again() {
    let mut stage = Stage::set();
    stage.settings.page_shops_max = 10;
    (1..=100).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.writer.script().answers_after = Duration::from_secs(1);
    stage.start();
    eventually("half of it is saved", || stage.follower.store().held.len() == 50).await;
    assert_eq!(stage.follower.store().cursor, None);
    stage.kill().await;
    stage.start();
    eventually("all of it is saved", || stage.follower.holds_all()).await;
    eventually("the cursor is stored", || stage.follower.store().cursor == Some(stage.writer.newest())).await;
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_its_saves_gets_everything_again_when_asked_for() {
    let mut stage = Stage::ready(30, |_| {}).await;
    stage.change(7).await;
    stage.all_is_acknowledged().await;
    stage.follower.store().held.clear();
    let accepted = stage.requests().full_resync().await.unwrap();
    accepted.done().await.unwrap();
    assert!(stage.follower.holds_all());
    assert_eq!(stage.follower.store().cursor, Some(stage.writer.newest()));
    // In the middle of the next one everything stops; the next start knows that it was not completed.
    stage.follower.store().held.clear();
    stage.writer.script().answers_after = Duration::from_secs(1);
    let accepted = stage.requests().full_resync().await.unwrap();
    sleep(Duration::from_millis(500)).await;
    stage.kill().await;
    assert!(accepted.done().await.is_err());
    stage.start();
    eventually("all of it is saved", || stage.follower.holds_all()).await;
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_dead_at_the_first_start_is_read_once_it_is_there() {
    let mut stage = Stage::set();
    (1..=100).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.writer.script().down = true;
    stage.start();
    sleep(Duration::from_secs(120)).await;
    stage.writer.script().down = false;
    let took = eventually("all of it is saved", || stage.follower.holds_all()).await;
    assert!(took <= Duration::from_secs(11), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_saved_before_the_store_lost_it_counts_for_nothing() {
    let stage = Stage::ready(30, |settings| settings.changed_since_interval = Duration::from_secs(10)).await;
    for _ in 0..10 {
        stage.change(7).await;
    }
    stage.all_is_acknowledged().await;
    stage.follower.store().held.clear();
    // The pages come from a replica that does not know of the changes yet; changed-since names them afterwards.
    stage.writer.script().pages_behind.push_back(10);
    let accepted = stage.requests().full_resync().await.unwrap();
    accepted.done().await.unwrap();
    assert!(stage.follower.holds_all());
    stage.no_promise_was_broken();
}

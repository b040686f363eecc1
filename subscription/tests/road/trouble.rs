//! Events, while the writer or the store is not well.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::fakes::{Mood, Stage, eventually, shop};

#[tokio::test(start_paused = true)]
async fn an_event_announced_before_a_replica_knows_of_it_waits_and_settles_later() {
    let stage = Stage::ready(10, |_| {}).await;
    stage.change(7).await;
    stage.all_is_acknowledged().await;
    stage.writer.script().behind = 2;
    stage.change(7).await;
    stage.change(7).await;
    sleep(Duration::from_secs(100)).await;
    assert_eq!(stage.queue.waiting(), 2, "both wait");
    assert_eq!(stage.queue.handed_out(), 3, "and were not handed out again: their time was extended");
    assert!(stage.metric("answers_from_before_total{writer=\"shop\"}") > 10.0);
    let questions = stage.writer.questions();
    assert!(questions < 120, "{questions} questions in 100 s");
    assert!(stage.follower.store().saves.len() > 10, "what the replica answers is saved all the same");
    assert_eq!(
        stage.metric("oldest_unsettled_seconds{writer=\"shop\"}"),
        0.0,
        "by a clock that stands still"
    );
    assert_eq!(stage.metric("deliveries_held{writer=\"shop\"}"), 2.0);

    stage.writer.script().behind = 1;
    eventually("the first of them is settled", || stage.queue.waiting() == 1).await;
    stage.writer.script().behind = 0;
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
}

#[tokio::test(start_paused = true)]
async fn others_go_on_while_one_shop_waits_for_a_replica() {
    let stage = Stage::ready(10, |_| {}).await;
    stage.writer.script().behind = 1;
    stage.change(7).await;
    stage.change(8).await;
    eventually("shop 7 is settled, the replica is only one commit behind", || stage.queue.waiting() == 1)
        .await;
    stage.writer.script().behind = 0;
    stage.all_is_acknowledged().await;
}

#[tokio::test(start_paused = true)]
async fn changes_are_visible_about_as_soon_as_a_restarted_writer_answers_again() {
    let outages = [200, 500, 2_000, 5_000].map(Duration::from_millis);
    for (shops, down_for) in [1, 50].into_iter().flat_map(|shops| outages.map(|down_for| (shops, down_for))) {
        let stage = Stage::ready(100, |settings| settings.refetch_shops_max = 1).await;
        stage.writer.script().down = true;
        for number in 1..=shops {
            stage.change(number).await;
        }
        sleep(down_for).await;
        let openings = stage.metric("breaker_openings_total{writer=\"shop\",of=\"writer\"}");
        assert!(shops == 1 || openings >= 1.0, "{shops} shops, {down_for:?}");
        stage.writer.script().down = false;
        let took = eventually("all changes are visible", || stage.follower.holds_all()).await;
        assert!(took <= down_for, "{took:?} after the writer came back: {shops} shops, {down_for:?}");
        stage.all_is_acknowledged().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_writer_is_left_alone_and_its_events_stay_in_the_queue() {
    let stage = Stage::ready(100, |settings| settings.refetch_shops_max = 1).await;
    stage.writer.script().down = true;
    for number in 1..=50 {
        stage.change(number).await;
    }
    sleep(Duration::from_secs(10)).await;
    let breaker_opens = || stage.metric("breaker_openings_total{writer=\"shop\",of=\"writer\"}");
    let opened = breaker_opens();
    assert!((6.0..=9.0).contains(&opened), "{opened} times, each longer than the one before");
    eventually("a probe fails", || breaker_opens() > opened).await;
    let (questions, handed_out) = (stage.writer.questions(), stage.queue.handed_out());
    for number in 51..=100 {
        stage.change(number).await;
    }
    sleep(Duration::from_secs(4)).await;
    assert_eq!(stage.writer.questions(), questions, "nothing is asked while it is open");
    assert!(stage.queue.handed_out() <= handed_out + 50, "at most the receive that was waiting already");
    let received = stage.queue.handed_out();
    stage.change(1).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(stage.queue.handed_out(), received, "receiving pauses");
    sleep(Duration::from_secs(60)).await;
    let probes = stage.writer.questions() - questions;
    assert!((8..=13).contains(&probes), "{probes} probes in 64 s, one every 5 s");
    assert_eq!(stage.queue.waiting(), 101, "nothing is acknowledged");

    stage.writer.script().down = false;
    let took = eventually("all events are acknowledged", || stage.queue.waiting() == 0).await;
    assert!(took < Duration::from_secs(6), "{took:?} after the writer came back");
    assert!(stage.follower.holds_all());
    assert_eq!(stage.metric("breaker_state{writer=\"shop\",of=\"writer\"}"), 0.0);
    stage.no_promise_was_broken();
}

#[tokio::test(start_paused = true)]
async fn a_silent_writer_is_given_up_and_asked_again() {
    let stage = Stage::ready(10, |_| {}).await;
    stage.writer.script().silent = true;
    stage.change(7).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.queue.waiting(), 1);
    assert!(stage.metric("refetch_failures_total{writer=\"shop\",kind=\"timed_out\"}") >= 5.0);
    stage.writer.script().silent = false;
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
}

#[tokio::test(start_paused = true)]
async fn one_garbage_section_does_not_hold_up_a_hundred_and_ninety_nine_others() {
    let stage = Stage::ready(200, |settings| settings.refetches_in_flight_max = 2).await;
    stage.writer.script().garbage.insert(shop(77));
    for number in 1..=200 {
        stage.change(number).await;
    }
    let others = eventually("199 others are acknowledged", || stage.queue.waiting() == 1).await;
    assert!(others < Duration::from_millis(500), "{others:?}");
    let questions = stage.writer.questions();
    assert!(questions <= 24, "{questions} questions");
    sleep(Duration::from_secs(100)).await;
    let again = stage.writer.questions() - questions;
    assert!((10..=30).contains(&again), "{again} more in 100 s: it waits longer and longer, up to 5 s");
    assert_eq!(stage.metric("resting_shops{writer=\"shop\"}"), 1.0);
    assert!(stage.metric("refetch_failures_total{writer=\"shop\",kind=\"garbage\"}") > 10.0);
    assert_eq!(
        stage.metric("breaker_state{writer=\"shop\",of=\"writer\"}"),
        0.0,
        "one bad shop is no bad writer"
    );
    stage.change(78).await;
    let took = eventually("another change arrives", || stage.queue.waiting() == 1).await;
    assert!(took < Duration::from_millis(10), "{took:?}");

    stage.writer.script().garbage.clear();
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_answers_nothing_but_garbage_is_left_alone() {
    let stage = Stage::ready(100, |settings| settings.refetch_shops_max = 10).await;
    stage.writer.script().garbage.extend((1..=100).map(shop));
    for number in 1..=100 {
        stage.change(number).await;
    }
    eventually("the breaker opens", || stage.metric("breaker_state{writer=\"shop\",of=\"writer\"}") == 2.0)
        .await;
    assert_eq!(stage.queue.waiting(), 100);
    stage.writer.script().garbage.clear();
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
}

#[tokio::test(start_paused = true)]
async fn deliveries_of_shops_that_cannot_be_refetched_do_not_fill_the_hands() {
    let stage = Stage::ready(10, |settings| settings.deliveries_held_max = 16).await;
    stage.writer.script().garbage.insert(shop(7));
    for _ in 0..100 {
        stage.change(7).await;
    }
    sleep(Duration::from_secs(1)).await;
    for round in 0..20 {
        stage.change(8).await;
        let took =
            eventually("shop 8 goes on", || stage.follower.covers(shop(8), stage.writer.newest())).await;
        assert!(took < Duration::from_secs(12), "round {round}: {took:?}");
    }
    assert!(stage.metric("given_back_total{writer=\"shop\"}") > 0.0);
    stage.writer.script().garbage.clear();
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_or_full_nothing_is_acknowledged() {
    for mood in [Mood::Away, Mood::Full] {
        let stage = Stage::ready(300, |_| {}).await;
        stage.follower.store().mood = mood;
        for number in 1..=300 {
            stage.change(number).await;
        }
        sleep(Duration::from_secs(100)).await;
        assert_eq!(stage.queue.waiting(), 300, "{mood:?}");
        let questions = stage.writer.questions();
        assert!(questions < 60, "{questions} questions in 100 s for nothing, {mood:?}");
        stage.follower.store().mood = Mood::Well;
        let began = Instant::now();
        stage.all_is_acknowledged().await;
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}, {mood:?}", began.elapsed());
        assert!(stage.follower.holds_all());
    }
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_the_store_refuses_holds_up_nobody_else() {
    let stage = Stage::ready(100, |_| {}).await;
    stage.follower.store().mood = Mood::Refuses(shop(77));
    for number in 1..=100 {
        stage.change(number).await;
    }
    eventually("99 others are acknowledged", || stage.queue.waiting() == 1).await;
    stage.change(78).await;
    let took = eventually("another change arrives", || stage.queue.waiting() == 1).await;
    assert!(took < Duration::from_secs(6), "{took:?}");
    stage.follower.store().mood = Mood::Well;
    stage.all_is_acknowledged().await;
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_panics_is_given_the_answer_again() {
    let stage = Stage::ready(10, |_| {}).await;
    stage.follower.store().mood = Mood::Breaks;
    stage.change(7).await;
    stage.all_is_acknowledged().await;
    assert_eq!(stage.metric("save_failures_total{writer=\"shop\",kind=\"broken_off\"}"), 1.0);
}

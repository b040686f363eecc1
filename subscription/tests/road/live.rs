//! Events, while all is well.

use std::time::Duration;

use change_events::ChangeEvent;
use shop_id::Writer;
use subscription::Priority;
use tokio::time::{Instant, sleep};

use crate::fakes::{Stage, eventually, shop, shops};

#[tokio::test(start_paused = true)]
async fn forty_edits_during_one_refetch_cost_one_more() {
    let stage = Stage::ready(10, |_| {}).await;
    stage.writer.script().answers_after = Duration::from_secs(1);
    stage.change(7).await;
    eventually("the first refetch runs", || stage.writer.questions() == 1).await;
    for _ in 0..40 {
        stage.change(7).await;
        sleep(Duration::from_millis(10)).await;
    }
    stage.all_is_acknowledged().await;
    assert_eq!(stage.writer.script().asked, [shops([7]), shops([7])], "one running, one pending");
    assert!(stage.follower.holds_all());
    assert_eq!(stage.metric("coalesced_total{writer=\"shop\"}"), 39.0);
    assert_eq!(stage.metric("acknowledged_total{writer=\"shop\"}"), 41.0);
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_for_nothing_but_its_refetch_and_its_save() {
    let stage = Stage::ready(10, |_| {}).await;
    stage.writer.script().answers_after = Duration::from_millis(20);
    stage.follower.store().saves_take = Duration::from_millis(30);
    stage.change(7).await;
    let took = eventually("the change is saved", || stage.follower.holds_all()).await;
    assert!(took <= Duration::from_millis(51), "{took:?}");
    stage.all_is_acknowledged().await;
}

#[tokio::test(start_paused = true)]
async fn shops_that_wait_at_the_same_time_are_refetched_together() {
    let stage = Stage::ready(500, |settings| settings.refetches_in_flight_max = 2).await;
    stage.writer.script().answers_after = Duration::from_secs(1);
    for number in 1..=500 {
        stage.change(number).await;
    }
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
    let asked = std::mem::take(&mut stage.writer.script().asked);
    assert!(asked.len() <= 6, "{} questions for 500 shops", asked.len());
    assert!(asked.iter().all(|shop_ids| shop_ids.len() <= 200), "no more than the contract allows");
}

#[tokio::test(start_paused = true)]
async fn an_event_told_twice_is_acknowledged_without_asking_again() {
    let stage = Stage::ready(10, |_| {}).await;
    let event = stage.writer.commit(shop(7));
    stage.tell(&event).await;
    stage.all_is_acknowledged().await;
    let older = ChangeEvent { sequence: shop_id::Revision::new(1, 7), ..event.clone() };
    for again in [&event, &older, &event] {
        stage.tell(again).await;
    }
    stage.all_is_acknowledged().await;
    assert_eq!(stage.writer.questions(), 1);
    assert_eq!(stage.metric("already_covered_total{writer=\"shop\"}"), 3.0);
}

#[tokio::test(start_paused = true)]
async fn events_without_a_usable_id_are_dead_lettered_and_the_others_go_on() {
    let stage = Stage::ready(10, |_| {}).await;
    let event = stage.writer.commit(shop(7));
    stage.transport.publish_text(Writer::Shop, "not even JSON");
    stage.transport.publish_text(Writer::Shop, &event.to_json().replace("\"7\"", "\"seven\""));
    let misrouted = ChangeEvent { source: Writer::Ads, ..event.clone() };
    stage.transport.publish_text(Writer::Shop, &misrouted.to_json());
    stage.tell(&event).await;
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
    let reasons: Vec<_> = stage.queue.dead_letters().into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].starts_with("not a CloudEvent"), "{reasons:?}");
    assert_eq!(reasons[1], "attribute `subject` is `seven`, expected a shop ID");
    assert_eq!(reasons[2], "attribute `source` is `ads`, expected `shop` in its queue");
    assert_eq!(stage.metric("dead_letters_total{writer=\"shop\"}"), 3.0);
}

#[tokio::test(start_paused = true)]
async fn a_republishing_of_all_shops_does_not_delay_a_change() {
    let stage = Stage::ready(6_000, |_| {}).await;
    stage.writer.script().answers_after = Duration::from_secs(1);
    let requests = stage.requests();
    let republishing = tokio::spawn(async move {
        let accepted = requests.refetch(&shops(1..=6_000)).await?;
        accepted.done().await
    });
    sleep(Duration::from_millis(1_500)).await;
    let (began, done) = (Instant::now(), stage.follower.store().saves.len());
    assert!(done > 0 && !republishing.is_finished(), "in the middle of it");
    stage.change(5_999).await;
    eventually("the change is saved", || stage.follower.holds_all()).await;
    assert!(began.elapsed() < Duration::from_millis(1_100), "{:?}", began.elapsed());
    assert!(!republishing.is_finished());
    republishing.await.unwrap().unwrap();
    let store = stage.follower.store();
    let live: Vec<_> = store.saves.iter().filter(|(_, priority)| *priority == Priority::Live).collect();
    assert_eq!(live, [&(shops([5_999]), Priority::Live)]);
    let bulk: usize = store.saves.iter().map(|(shop_ids, _)| shop_ids.len()).sum();
    assert!(bulk >= 6_000, "{bulk} shops were saved again, although their revisions were known");
}

#[tokio::test(start_paused = true)]
async fn no_more_deliveries_are_held_than_hands_can_hold() {
    let stage = Stage::ready(100, |settings| {
        (settings.deliveries_held_max, settings.receive_messages_max) = (8, 100);
        settings.refetch_timeout = Duration::from_secs(20);
    })
    .await;
    stage.writer.script().answers_after = Duration::from_secs(10);
    for number in 1..=100 {
        stage.change(number).await;
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.queue.handed_out(), 8);
    stage.all_is_acknowledged().await;
    assert!(stage.follower.holds_all());
}

#[tokio::test(start_paused = true)]
async fn events_that_were_passed_over_are_counted() {
    let stage = Stage::ready(10, |_| {}).await;
    stage.change(1).await;
    stage.all_is_acknowledged().await;
    let (lost, also_lost) = (stage.writer.commit(shop(2)), stage.writer.commit(shop(3)));
    assert!(also_lost.sequence > lost.sequence);
    stage.change(4).await;
    stage.all_is_acknowledged().await;
    assert_eq!(stage.metric("sequence_gaps_total{writer=\"shop\"}"), 2.0);
    assert_eq!(stage.writer.questions(), 2, "a gap is a metric, not a trigger");
}

//! The law: whatever happens on the way, every shop ends at its writer's newest section.

use std::time::Duration;

use change_events::ChangeEvent;
use proptest::prelude::*;
use tokio::time::sleep;

use crate::fakes::{Mood, Stage, eventually, shop};

#[derive(Clone, Debug)]
enum Step {
    /// A change is committed; its event is not told yet.
    Commit(u64),
    /// One of the events that were ever to be told is told, for the first time or again.
    Tell(prop::sample::Index),
    Wait(u64),
    Behind(usize),
    Down(bool),
    Silent(bool),
    Garbage(u64),
    Mended,
    Store(Mood),
    Slow(u64, u64),
    Kill,
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..9_u64).prop_map(Step::Commit),
        8 => any::<prop::sample::Index>().prop_map(Step::Tell),
        6 => prop_oneof![0..5_u64, 5..200_u64, 200..20_000_u64].prop_map(Step::Wait),
        2 => (0..4_usize).prop_map(Step::Behind),
        1 => any::<bool>().prop_map(Step::Down),
        1 => any::<bool>().prop_map(Step::Silent),
        1 => (1..9_u64).prop_map(Step::Garbage),
        1 => Just(Step::Mended),
        2 => prop_oneof![
            Just(Mood::Well),
            Just(Mood::Away),
            Just(Mood::Full),
            (1..9_u64).prop_map(|number| Mood::Refuses(shop(number))),
        ].prop_map(Step::Store),
        1 => (0..40_u64, 0..40_u64).prop_map(|(answers_ms, saves_ms)| Step::Slow(answers_ms, saves_ms)),
        2 => Just(Step::Kill),
        1 => Just(Step::Restore),
    ]
}

async fn take(stage: &mut Stage, events: &mut Vec<ChangeEvent>, step: &Step) {
    match step {
        Step::Commit(number) => events.push(stage.writer.commit(shop(*number))),
        Step::Tell(which) => {
            if !events.is_empty() {
                stage.tell(which.get(events)).await;
            }
        }
        Step::Wait(ms) => sleep(Duration::from_millis(*ms)).await,
        Step::Behind(commits) => stage.writer.script().behind = *commits,
        Step::Down(down) => stage.writer.script().down = *down,
        Step::Silent(silent) => stage.writer.script().silent = *silent,
        Step::Garbage(number) => drop(stage.writer.script().garbage.insert(shop(*number))),
        Step::Mended => stage.writer.script().garbage.clear(),
        Step::Store(mood) => stage.follower.store().mood = *mood,
        Step::Slow(answers_ms, saves_ms) => {
            stage.writer.script().answers_after = Duration::from_millis(*answers_ms);
            stage.follower.store().saves_take = Duration::from_millis(*saves_ms);
        }
        Step::Kill => {
            stage.kill().await;
            stage.start();
        }
        Step::Restore => {
            // What a backup does not hold of a shop's very first commits would leave a shop that nobody names any more.
            stage.writer.restore(stage.writer.sections_of_first_commits());
        }
    }
}

async fn play(steps: &[Step]) {
    let mut stage = Stage::set();
    stage.settings.changed_since_interval = Duration::from_secs(10);
    stage.settings.page_shops_max = 3;
    stage.settings.refetch_shops_max = 4;
    stage.settings.deliveries_held_max = 12;
    stage.settings.remembered_shops_max = 6;
    stage.settings.changes_pending_max = 5;
    (1..9).for_each(|number| drop(stage.writer.commit(shop(number))));
    stage.start();
    let mut events = Vec::new();
    for step in steps {
        take(&mut stage, &mut events, step).await;
    }
    {
        let mut writer = stage.writer.script();
        (writer.behind, writer.down, writer.silent) = (0, false, false);
        writer.garbage.clear();
        stage.follower.store().mood = Mood::Well;
    }
    eventually("every shop is at its writer's newest section", || stage.follower.holds_all()).await;
    eventually("every event is acknowledged", || stage.queue.waiting() == 0).await;
    let newest = stage.writer.newest();
    eventually("the cursor is the newest commit", || stage.follower.store().cursor == Some(newest)).await;
    assert!(stage.follower.holds_all());
    stage.no_promise_was_broken();
    stage.kill().await;
}

proptest! {
    #[test]
    fn any_order_of_events_and_misfortunes_ends_at_the_newest_sections(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(&steps));
    }
}

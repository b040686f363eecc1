use proptest::prelude::*;

use super::*;

fn shop(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

fn shops(numbers: impl IntoIterator<Item = u64>) -> Vec<ShopId> {
    numbers.into_iter().map(shop).collect()
}

const NO_PAUSE: fn(u32) -> Duration = |_| Duration::ZERO;

/// Everybody is satisfied.
fn settle_all(coalescer: &mut Coalescer<u32>, shop_ids: &[ShopId]) {
    for &shop_id in shop_ids {
        assert_eq!(coalescer.saved(shop_id, Instant::now(), |_, _| Ok(()), NO_PAUSE), Left::Nobody);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_events_of_one_shop_during_one_refetch_cost_one_more() {
    let mut coalescer = Coalescer::new(200);
    assert!(!coalescer.join(shop(7), Priority::Live).coalesced);
    assert_eq!(coalescer.next_batch(Priority::Live), shops([7]));
    for event in 0..1_000 {
        let joined = coalescer.join(shop(7), Priority::Live);
        assert_eq!(joined.coalesced, event > 0, "the first one asks for the one more");
        joined.waiting.push(event);
        assert!(!coalescer.has_ready(Priority::Live), "at most one refetch of a shop runs");
    }
    let keep_newcomers = |waiter, came| if came == Came::During { Err(waiter) } else { Ok(()) };
    let left = coalescer.saved(shop(7), Instant::now(), keep_newcomers, NO_PAUSE);
    assert_eq!(left, Left::Newcomers);
    assert_eq!(coalescer.next_batch(Priority::Live), shops([7]), "at once");
    settle_all(&mut coalescer, &shops([7]));
    assert_eq!(coalescer.next_batch(Priority::Live), shops([]));
    assert_eq!(coalescer.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_came_before_an_answer_that_does_not_cover_it_rests() {
    let mut coalescer = Coalescer::new(200);
    coalescer.join(shop(7), Priority::Live).waiting.push(1);
    coalescer.next_batch(Priority::Live);
    let left = coalescer.saved(
        shop(7),
        Instant::now(),
        |waiter, _| Err(waiter),
        |lags| Duration::from_secs(lags.into()),
    );
    assert_eq!(left, Left::FromBefore);
    let until = Instant::now() + Duration::from_secs(1);
    assert_eq!(coalescer.next_wake(), Some(until));
    coalescer.join(shop(7), Priority::Live).waiting.push(2);
    assert!(
        !coalescer.has_ready(Priority::Live),
        "another event is no reason to ask a lagging replica sooner"
    );
    coalescer.wake_from_outage();
    assert!(!coalescer.has_ready(Priority::Live), "nor is the end of an outage");
    coalescer.wake(until);
    assert_eq!(coalescer.next_batch(Priority::Live), shops([7]));
}

#[tokio::test(start_paused = true)]
async fn a_live_change_takes_a_bulk_wish_for_its_shop_along() {
    let mut coalescer = Coalescer::new(2);
    (1..=3).for_each(|number| coalescer.join(shop(number), Priority::Bulk).waiting.push(0));
    coalescer.join(shop(2), Priority::Live).waiting.push(1);
    assert_eq!(coalescer.next_batch(Priority::Live), shops([2]));
    assert_eq!(coalescer.next_batch(Priority::Bulk), shops([1, 3]), "shop 2 runs already");
    settle_all(&mut coalescer, &shops([2]));
}

#[tokio::test(start_paused = true)]
async fn one_bad_shop_ends_up_alone_after_eight_halvings_of_two_hundred() {
    let mut coalescer = Coalescer::new(200);
    (1..=200).for_each(|number| coalescer.join(shop(number), Priority::Live).waiting.push(0));
    let (mut asked, mut well) = (0, 0);
    loop {
        let batch = coalescer.next_batch(Priority::Live);
        asked += 1;
        if !batch.contains(&shop(77)) {
            settle_all(&mut coalescer, &batch);
            well += batch.len();
            continue;
        }
        coalescer.failed(&batch);
        if batch.len() == 1 {
            assert!(coalescer.blame(batch[0]), "news");
            coalescer.rest(batch[0], Instant::now(), Because::Itself);
            break;
        }
        coalescer.split(&batch);
    }
    while well < 199 {
        let batch = coalescer.next_batch(Priority::Live);
        assert!(!batch.is_empty(), "{well} of 199 others were refetched");
        settle_all(&mut coalescer, &batch);
        well += batch.len();
    }
    assert!(asked <= 18, "{asked} questions for 200 shops");
    assert_eq!((coalescer.pending(), coalescer.resting()), (1, 1));
    coalescer.join(shop(1), Priority::Live).waiting.push(0);
    coalescer.wake(Instant::now());
    assert_eq!(coalescer.next_batch(Priority::Live), shops([1]), "not together with the bad one");
    assert_eq!(coalescer.next_batch(Priority::Live), shops([77]));
    assert_eq!(coalescer.failed(&shops([77])), 10, "nine questions and this one");
    assert!(!coalescer.blame(shop(77)), "known to be bad");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_outage_ends_the_rests_it_caused() {
    let mut coalescer = Coalescer::new(200);
    (1..=3).for_each(|number| coalescer.join(shop(number), Priority::Live).waiting.push(0));
    let batch = coalescer.next_batch(Priority::Live);
    let until = Instant::now() + Duration::from_secs(5);
    coalescer.failed(&batch);
    coalescer.rest(shop(1), until, Because::Outage);
    coalescer.rest(shop(2), until, Because::Itself);
    coalescer.rest(shop(3), until, Because::Outage);
    coalescer.wake_from_outage();
    assert_eq!(coalescer.next_batch(Priority::Live), shops([1, 3]));
    assert_eq!(coalescer.release(shop(2), |_| true), [0]);
    assert_eq!((coalescer.pending(), coalescer.next_wake()), (2, None), "nobody waits for shop 2 any more");
}

#[derive(Clone, Debug)]
enum Step {
    Join(u64, Priority),
    Begin(Priority),
    /// The oldest running batch ends, and satisfies whoever came before it.
    End,
    Fail,
    Split,
    Wake,
}

fn step() -> impl Strategy<Value = Step> {
    let priority = || prop_oneof![Just(Priority::Live), Just(Priority::Bulk)];
    prop_oneof![
        4 => (1..8_u64, priority()).prop_map(|(number, priority)| Step::Join(number, priority)),
        3 => priority().prop_map(Step::Begin),
        2 => Just(Step::End),
        1 => Just(Step::Fail),
        1 => Just(Step::Split),
        1 => Just(Step::Wake),
    ]
}

proptest! {
    /// However wishes, refetches and failures interleave: no shop is refetched twice at once, and no wish is forgotten.
    #[test]
    fn every_wish_is_satisfied_by_a_refetch_that_began_after_it(steps in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let now = runtime.block_on(async { Instant::now() });
        let mut coalescer: Coalescer<u32> = Coalescer::new(4);
        let mut running: VecDeque<Vec<ShopId>> = VecDeque::new();
        let (mut wished, mut satisfied) = (0_u32, 0_u32);
        let ends = |coalescer: &mut Coalescer<u32>, batch: Vec<ShopId>| {
            let mut satisfied = 0;
            for shop_id in batch {
                coalescer.saved(shop_id, now, |waiter, came| if came == Came::Before { satisfied += 1; Ok(()) } else { Err(waiter) }, NO_PAUSE);
            }
            satisfied
        };
        for step in steps {
            match step {
                Step::Join(number, priority) => {
                    wished += 1;
                    coalescer.join(shop(number), priority).waiting.push(wished);
                }
                Step::Begin(priority) => {
                    let batch = coalescer.next_batch(priority);
                    for shop_id in &batch {
                        prop_assert!(!running.iter().flatten().any(|running| running == shop_id), "{shop_id} runs twice");
                    }
                    if !batch.is_empty() {
                        running.push_back(batch);
                    }
                }
                Step::End => if let Some(batch) = running.pop_front() {
                    satisfied += ends(&mut coalescer, batch);
                },
                Step::Fail => if let Some(batch) = running.pop_front() {
                    coalescer.failed(&batch);
                    batch.iter().for_each(|&shop_id| coalescer.rest(shop_id, now, Because::Outage));
                },
                Step::Split => if let Some(batch) = running.pop_front() {
                    coalescer.failed(&batch);
                    coalescer.split(&batch);
                },
                Step::Wake => coalescer.wake(now),
            }
        }
        for _ in 0..1_000 {
            coalescer.wake(now);
            running.extend([Priority::Live, Priority::Bulk].map(|priority| coalescer.next_batch(priority)));
            while let Some(batch) = running.pop_front() {
                satisfied += ends(&mut coalescer, batch);
            }
        }
        prop_assert_eq!((satisfied, coalescer.pending(), coalescer.resting()), (wished, 0, 0));
    }
}

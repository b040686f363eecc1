//! Laws of the shares, over a model of a server with more load than it can take.

use proptest::prelude::*;

use super::*;

const BROWSE: Duration = Duration::from_millis(20);
const ORDER: Duration = Duration::from_millis(200);
const STEP: Duration = Duration::from_millis(50);

/// A server that can do one second of work a second, and the work that stands before it.
#[derive(Clone, Debug)]
struct Model {
    /// Seconds of work a second, if all is admitted.
    browse: f64,
    order: f64,
    /// Work of a refusal, of that of an answer.
    refusing: f64,
    queue_s: f64,
}

impl Model {
    fn step(&mut self, refused: Refused) -> Step {
        let part = |share: u32| f64::from(share) / f64::from(ALL);
        let done = |load: f64, refused: f64| load * (1.0 - refused + refused * self.refusing);
        let work = done(self.browse, part(refused.browse)) + done(self.order, part(refused.order));
        self.queue_s = (self.queue_s + (work - 1.0) * STEP.as_secs_f64()).clamp(0.0, 5.0);
        Step { delay: Duration::from_secs_f64(self.queue_s), lasted: STEP }
    }
}

fn steps(control: &mut ShareControl, model: &mut Model, count: usize) -> Vec<(Refused, Step)> {
    let mut refused = Refused::default();
    let mut seen = Vec::new();
    for _ in 0..count {
        let step = model.step(refused);
        refused = control.after(step);
        seen.push((refused, step));
    }
    seen
}

fn model(browse: f64, order: f64, refusing: f64) -> Model {
    Model { browse, order, refusing, queue_s: 0.0 }
}

fn late(delay_ms: u64) -> Step {
    Step { delay: Duration::from_millis(delay_ms), lasted: STEP }
}

#[test]
fn a_delay_within_its_target_refuses_nobody() {
    let mut control = ShareControl::new(BROWSE, ORDER);
    for delay_ms in [0, 5, 20, 19, 1, 20] {
        assert_eq!(control.after(late(delay_ms)), Refused::default(), "{delay_ms} ms");
    }
}

#[test]
fn the_growth_of_the_delay_says_how_much_too_much_came() {
    let mut control = ShareControl::new(BROWSE, ORDER);
    control.after(late(20));
    // 50 ms later, and as long a step: twice as much came as was done. And 50 ms are to be caught up in 500.
    let refused = control.after(late(70));
    let admitted = 1.0 - f64::from(refused.browse) / f64::from(ALL);
    assert!((admitted - 0.9 / 2.0).abs() < 0.001, "{admitted}");
    assert_eq!(refused.order, 0);
    // It goes away by itself now: nobody else is refused.
    assert_eq!(control.after(late(40)), refused);
}

#[test]
fn a_single_terrible_measurement_leaves_a_quarter() {
    let mut control = ShareControl::new(BROWSE, ORDER);
    let refused = control.after(late(60_000));
    assert_eq!(refused, Refused { browse: ALL - ALL / 4, order: 0 });
}

#[test]
fn the_order_path_is_refused_when_it_is_itself_too_much_and_comes_back_as_soon_as_it_fits() {
    let (mut control, mut model) = (ShareControl::new(BROWSE, ORDER), model(1.0, 2.0, 0.1));
    let seen = steps(&mut control, &mut model, 400);
    let (refused, step) = seen[seen.len() - 1];
    assert_eq!(refused.browse, ALL);
    let admitted = 1.0 - f64::from(refused.order) / f64::from(ALL);
    assert!((0.3..0.6).contains(&admitted), "1 of 2, less what refusing costs: {admitted}");
    assert!(step.delay < ORDER * 2, "{step:?}");
    model.order = 0.4;
    let seen = steps(&mut control, &mut model, 40);
    assert!(seen[20..].iter().all(|(refused, _)| refused.order == 0), "{seen:?}");
    assert!(seen[seen.len() - 1].0.browse < ALL, "and lists take what it leaves");
}

#[test]
fn what_is_switched_off_refuses_nobody() {
    let mut off = ShareControl::new(Duration::ZERO, ORDER);
    let mut never_order = ShareControl::new(BROWSE, Duration::ZERO);
    for _ in 0..100 {
        assert_eq!(off.after(late(10_000)), Refused::default());
        assert_eq!(never_order.after(late(10_000)).order, 0);
    }
}

#[test]
fn both_shares_are_read_together() {
    for refused in [Refused::default(), Refused { browse: ALL, order: 7 }, Refused { browse: 9, order: 0 }] {
        assert_eq!(Refused::from_word(refused.to_word()), refused);
    }
    assert_eq!(Refused::default().to_word(), 0, "nobody is refused: one comparison with zero");
}

proptest! {
    #[test]
    fn nobody_who_orders_is_refused_while_anybody_else_is_admitted(
        measured in prop::collection::vec((0_u64..3_000, 1_u64..500), 1..200),
    ) {
        let mut control = ShareControl::new(BROWSE, ORDER);
        for (delay_ms, lasted_ms) in measured {
            let lasted = Duration::from_millis(lasted_ms);
            let refused = control.after(Step { delay: Duration::from_millis(delay_ms), lasted });
            prop_assert!(refused.order == 0 || refused.browse == ALL, "{refused:?}");
            prop_assert!(refused.order <= ALL && refused.browse <= ALL);
        }
    }

    #[test]
    fn under_constant_load_the_admitted_share_settles_at_what_fits(
        browse in 1.2_f64..6.0,
        order in 0.0_f64..0.4,
        refusing in 0.0_f64..0.1,
    ) {
        let (mut control, mut model) = (ShareControl::new(BROWSE, ORDER), model(browse, order, refusing));
        let seen = steps(&mut control, &mut model, 400);
        // What is left beside the order path and refusals, of what is asked.
        let fits = (1.0 - order - browse * refusing) / (browse * (1.0 - refusing));
        let last = &seen[300..];
        let admitted = |refused: Refused| 1.0 - f64::from(refused.browse) / f64::from(ALL);
        let mean = last.iter().map(|(refused, _)| admitted(*refused)).sum::<f64>() / 100.0;
        prop_assert!((mean - fits).abs() < 0.05, "{mean} instead of {fits}");
        for (refused, step) in last {
            prop_assert!((admitted(*refused) - fits).abs() < 0.15, "{refused:?} instead of {fits}");
            prop_assert!(step.delay < BROWSE * 3, "{step:?}");
            prop_assert_eq!(refused.order, 0);
        }
    }

    #[test]
    fn whatever_was_everybody_is_admitted_again_within_three_seconds_of_calm(
        measured in prop::collection::vec(0_u64..3_000, 0..100),
        calm_ms in 0_u64..=20,
    ) {
        let mut control = ShareControl::new(BROWSE, ORDER);
        for delay_ms in measured {
            control.after(late(delay_ms));
        }
        let refused = (0..60).map(|_| control.after(late(calm_ms))).last();
        prop_assert_eq!(refused, Some(Refused::default()));
    }
}

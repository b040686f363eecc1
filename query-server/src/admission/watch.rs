//! Every step: measured -> decided -> in force.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::delay::Delays;
use super::gate::Gate;
use super::shares::{ShareControl, Step};
use super::waits::WaitControl;
use crate::config::Config;

/// How long a step takes, if the measurements do not take longer.
const STEP: Duration = Duration::from_millis(50);
/// Between two measurements while anybody asks; else one a step.
const MEASURED_EVERY: Duration = Duration::from_millis(5);
/// Measurements of one step: a single late one is a burst, or a machine that slept.
const MEASURED_LEAST: u32 = 2;

/// Watches over a gate until dropped, in the runtime that it belongs to.
pub async fn watch(gate: Arc<Gate>, delays: Delays, config: &Config) {
    let mut shares = ShareControl::new(
        Duration::from_millis(config.browse_delay_ms),
        Duration::from_millis(config.order_delay_ms),
    );
    let mut waits = WaitControl::new(gate.in_force().1);
    loop {
        let step = measured(&gate, &delays).await;
        gate.set(shares.after(step), waits.after(gate.waits()));
    }
}

async fn measured(gate: &Gate, delays: &Delays) -> Step {
    let pause = if gate.was_asked() { MEASURED_EVERY } else { STEP };
    let (began, mut delay, mut times) = (Instant::now(), Duration::MAX, 0);
    let answered_before = gate.counters().answers();
    while times < MEASURED_LEAST || began.elapsed() < STEP {
        let one = delays.after(pause).await;
        gate.counters().admission.delayed(one);
        delay = delay.min(one);
        times += 1;
    }
    let answered = gate.counters().answers() - answered_before;
    Step { delay: delays.explained(delay, answered), lasted: began.elapsed() }
}

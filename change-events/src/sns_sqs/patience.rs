//! How often a message was received -> how long it stays hidden at least.

use std::time::Duration;

/// After so many receives SQS moves a message to the dead-letter queue: the most that it allows.
pub(super) const RECEIVES_MAX: u32 = 1_000;

/// Grows with the square: nothing for a message that is only late, three quarters of an hour for one that was received a
/// thousand times.
pub(super) fn hidden_at_least(receive_count: u32) -> Duration {
    let twentieth = f64::from(receive_count.min(RECEIVES_MAX)) / 20.0;
    Duration::from_secs_f64((twentieth * twentieth).floor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sns_sqs::create::KEPT;

    #[test]
    fn a_waiting_event_is_never_received_a_thousand_times_before_sqs_forgets_it() {
        let waited: Duration = (1..=RECEIVES_MAX).map(hidden_at_least).sum();
        assert!(waited > 2 * KEPT, "{waited:?}");
    }

    #[test]
    fn an_event_that_is_only_late_is_not_held_up() {
        let seconds = |count| hidden_at_least(count).as_secs();
        let waits = [1, 19, 20, 100, 109, 200, 1_000, 5_000].map(seconds);
        assert_eq!(waits, [0, 0, 1, 25, 29, 100, 2_500, 2_500]);
    }
}

//! Heads, again and again -> those who wait for the log. Everybody who waits in one process shares one poll; it is quick
//! while shops are saved and slows down while nothing happens.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::ask::Store;
use crate::{Positions, StoreError};

/// Shared by all who wait.
#[derive(Debug, Default)]
pub(super) struct Poll {
    /// Held by the one who asks; the others wait for the same answer.
    last: Mutex<Option<Last>>,
}

#[derive(Clone, Debug)]
struct Last {
    heads: Positions,
    next: Instant,
    pause: Duration,
}

impl Store {
    pub(super) async fn grown(&self, seen: &Positions) -> Result<(), StoreError> {
        loop {
            let last = self.polled().await?;
            if is_past(&last.heads, seen) {
                return Ok(());
            }
            tokio::time::sleep_until(last.next).await;
        }
    }

    async fn polled(&self) -> Result<Last, StoreError> {
        let (least, most) = (self.address.poll_min, self.address.poll_max);
        let mut last = self.poll.last.lock().await;
        if let Some(fresh) = last.as_ref().filter(|last| Instant::now() < last.next) {
            return Ok(fresh.clone());
        }
        // A head that lags a moment behind is seen with the next poll.
        let heads = self.positions(&self.heads(false).await?)?;
        let pause = match &*last {
            Some(before) if before.heads == heads => slower(before.pause, most),
            _ => least,
        };
        let polled = Last { heads, next: Instant::now() + pause, pause };
        *last = Some(polled.clone());
        Ok(polled)
    }
}

fn slower(pause: Duration, most: Duration) -> Duration {
    (pause * 3 / 2).max(Duration::from_millis(1)).min(most)
}

/// Whether there is something to read behind these positions, or the store is another one.
fn is_past(heads: &Positions, seen: &Positions) -> bool {
    heads.0.len() != seen.0.len()
        || heads
            .0
            .iter()
            .zip(&seen.0)
            .any(|(head, seen)| head.activation != seen.activation || head.sequence > seen.sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;

    #[test]
    fn a_poll_slows_down_to_its_longest_pause() {
        let most = Duration::from_millis(250);
        let mut pause = Duration::from_millis(20);
        let mut polls = 0;
        while pause < most {
            pause = slower(pause, most);
            polls += 1;
        }
        assert_eq!((polls, slower(pause, most)), (7, most));
    }

    #[test]
    fn whoever_has_seen_more_than_a_lagging_head_goes_on_waiting() {
        let at = |activation, sequence| Positions(vec![Position { activation, sequence }; 2]);
        for (head, seen, expected) in [
            (at(1, 5), at(1, 5), false),
            (at(1, 4), at(1, 5), false),
            (at(1, 6), at(1, 5), true),
            (at(2, 0), at(1, 5), true),
            (at(1, 5), Positions::default(), true),
        ] {
            assert_eq!(is_past(&head, &seen), expected, "{head:?} {seen:?}");
        }
    }
}

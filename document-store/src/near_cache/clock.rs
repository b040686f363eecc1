//! Slots in the order of entering, and the hand that goes round.
//!
//! Fills only write down what entered, under a lock that nobody holds for longer than that; the clock itself belongs to
//! the task that evicts.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shop_id::ShopId;

/// Slots looked at in one go: a millisecond, after which the task that evicts goes on reading the log.
const STEPS_MAX: usize = 10_000;

/// A slot by its number: a shop that left and entered again has another one.
pub(super) type Ticket = u64;

/// What the hand finds at a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It was used since the hand came by: it stays for another round.
    Used,
    /// It was not, and is evicted now.
    Evicted,
    /// It is there no more.
    Gone,
}

#[derive(Debug, Default)]
pub(super) struct Clock {
    entered: Mutex<Vec<(ShopId, Ticket)>>,
    dial: Mutex<Dial>,
}

#[derive(Debug, Default)]
struct Dial {
    slots: VecDeque<(ShopId, Ticket)>,
    /// A round that was begun and has not made room enough yet.
    is_turning: bool,
}

impl Clock {
    pub(super) fn enter(&self, shop_id: ShopId, ticket: Ticket) {
        lock(&self.entered).push((shop_id, ticket));
    }

    /// Begins to turn when the cache `is_full` and goes on until it `has_room`, at most some steps at a time.
    pub(super) fn turn(
        &self,
        is_full: bool,
        has_room: impl Fn() -> bool,
        look: impl Fn(ShopId, Ticket) -> Found,
    ) {
        let mut dial = lock(&self.dial);
        let entered = std::mem::take(&mut *lock(&self.entered));
        dial.slots.extend(entered);
        dial.is_turning |= is_full;
        if !dial.is_turning {
            return;
        }
        // Twice around at most: the first round takes the use bits.
        for _ in 0..STEPS_MAX.min(dial.slots.len() * 2) {
            if has_room() {
                break;
            }
            let Some((shop_id, ticket)) = dial.slots.pop_front() else { break };
            if look(shop_id, ticket) == Found::Used {
                dial.slots.push_back((shop_id, ticket));
            }
        }
        dial.is_turning = !has_room();
    }

    /// Forgets slots that are there no more, once they are the greater part: shops that leave and enter again and
    /// again would fill the memory while there is room and the hand stands still.
    pub(super) fn tidy(&self, resident: usize, is_there: impl Fn(ShopId, Ticket) -> bool) {
        let mut dial = lock(&self.dial);
        if dial.slots.len() > 2 * resident + 1_024 {
            dial.slots.retain(|(shop_id, ticket)| is_there(*shop_id, *ticket));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.dial).slots.len() + lock(&self.entered).len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

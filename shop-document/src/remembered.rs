//! The state of a shop, remembered until the clock changes it: judging hours and time zones anew costs a request 25
//! times what comparing two moments does.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::hours::{ShopState, StateNow};

const FROM_BITS: u32 = 33;
const LASTS_BITS: u32 = 22;
/// Offsets are quarter hours, from 12 hours west to 14 hours east: 105 of them.
const QUARTERS_WEST: i64 = 48;
const QUARTERS_BITS: u32 = 7;
const QUARTER_S: i64 = 900;

/// One judgement in one word, so that readers and writers need no lock: from when (33 bits of seconds since 1970), for how
/// long (22 bits, seven weeks), the offset (7 bits) and the state (2 bits). Whatever does not fit is judged each time.
/// Nothing remembered is the word 0, which lasts for no time.
#[derive(Debug, Default)]
pub(crate) struct RememberedState(AtomicU64);

impl RememberedState {
    /// What was judged before, where it still holds; else what is judged now.
    pub(crate) fn or(&self, now: Timestamp, judge: impl FnOnce() -> StateNow) -> StateNow {
        if let Some(held) = held_at(self.0.load(Ordering::Relaxed), now.as_second()) {
            return held;
        }
        let judged = judge();
        if let Some(word) = word_of(&judged, now.as_second()) {
            // Of two that judge at the same time either word is right.
            self.0.store(word, Ordering::Relaxed);
        }
        judged
    }
}

/// A copy of a document begins with what was judged, and goes on by itself.
impl Clone for RememberedState {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

fn word_of(judged: &StateNow, at: i64) -> Option<u64> {
    let from = u64::try_from(at).ok().filter(|from| *from < 1 << FROM_BITS)?;
    let lasts = judged.next_change_at?.as_second().checked_sub(at)?;
    let lasts = u64::try_from(lasts).ok().filter(|lasts| *lasts < 1 << LASTS_BITS)?;
    let offset = i64::from(judged.offset_seconds);
    if offset.rem_euclid(QUARTER_S) != 0 {
        return None;
    }
    let quarters = u64::try_from(offset.div_euclid(QUARTER_S) + QUARTERS_WEST).ok()?;
    if quarters >= 1 << QUARTERS_BITS {
        return None;
    }
    let state = match judged.state {
        ShopState::Open => 0,
        ShopState::Paused => 1,
        ShopState::Preparing => 2,
        ShopState::Closed => 3,
    };
    Some((((from << LASTS_BITS | lasts) << QUARTERS_BITS | quarters) << 2) | state)
}

fn held_at(word: u64, at: i64) -> Option<StateNow> {
    let low = |word: u64, bits: u32| i64::try_from(word & ((1 << bits) - 1)).unwrap_or(0);
    let lasts = low(word >> (2 + QUARTERS_BITS), LASTS_BITS);
    let from = low(word >> (2 + QUARTERS_BITS + LASTS_BITS), FROM_BITS);
    if !(from..from + lasts).contains(&at) {
        return None;
    }
    let state = match word & 3 {
        0 => ShopState::Open,
        1 => ShopState::Paused,
        2 => ShopState::Preparing,
        _ => ShopState::Closed,
    };
    let offset_seconds = (low(word >> 2, QUARTERS_BITS) - QUARTERS_WEST) * QUARTER_S;
    Some(StateNow {
        state,
        next_change_at: Timestamp::from_second(from + lasts).ok(),
        offset_seconds: i32::try_from(offset_seconds).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hours::{Zones, state_at, week};

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_not_remembered() {
        let open = |lasts: Option<i64>, offset_seconds| StateNow {
            state: ShopState::Open,
            next_change_at: lasts.map(|lasts| second(1_000_000 + lasts)),
            offset_seconds,
        };
        for (judged, is_remembered) in [
            (open(Some(60), 0), true),
            (open(Some((1 << LASTS_BITS) - 1), 14 * 3_600), true),
            (open(Some(60), -12 * 3_600), true),
            (open(Some(60), 20_700), true),
            (open(Some(1 << LASTS_BITS), 0), false),
            (open(None, 0), false),
            // Amsterdam before 1937.
            (open(Some(60), 1_172), false),
            (open(Some(60), 30 * 3_600), false),
        ] {
            assert_eq!(word_of(&judged, 1_000_000).is_some(), is_remembered, "{judged:?}");
        }
        assert!(word_of(&open(Some(60), 0), -5).is_none());
        assert!((0..10).all(|at| held_at(0, at).is_none()), "nothing is remembered at first");
    }

    proptest! {
        /// Forwards and backwards through any week, in any zone: nobody can tell that it is remembered.
        #[test]
        fn what_is_remembered_is_what_would_be_judged(
            ranges in prop::collection::vec((0_u32..10_080, 1_u32..1_500), 0..8),
            pauses in prop::collection::vec((0_i64..400_000, 1_i64..50_000), 0..3),
            zone in prop::sample::select(vec!["Europe/London", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"]),
            steps in prop::collection::vec(-100_000_i64..200_000, 1..40),
        ) {
            let open = week(ranges.iter().map(|(from, length)| (*from, from + length)));
            // Around the end of summer in London.
            let start = 1_792_890_000;
            let pauses: Vec<_> = pauses.iter().map(|(from, long)| (start + from, start + from + long)).collect();
            let pauses = crate::hours::apart(pauses);
            let remembered = RememberedState::default();
            let mut at = start;
            for step in steps {
                at += step;
                let judge = || state_at(zone, &open.iter().copied(), pauses.iter().copied(), second(at), Zones);
                prop_assert_eq!(remembered.or(second(at), judge), judge(), "at {}", at);
            }
        }
    }
}

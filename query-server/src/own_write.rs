//! A client that changed something waits, for a moment, until it can read its own change.

use std::time::Duration;

use document_store::{DocumentReader, LogFollower, Lookup, Stored};
use shop_document::ListPart;
use shop_id::{RevisionToken, ShopId};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gather::{Gathered, Gathering};

/// Then it is told what is there, and that its change is not.
pub const WAIT_MAX: Duration = Duration::from_millis(500);

/// Wakes those who wait, each time the change log was folded.
#[derive(Debug)]
pub struct Arrivals(watch::Sender<u64>);

impl Default for Arrivals {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl LogFollower for Arrivals {
    fn fold(&self, _shop_id: ShopId, _stored: &Stored<ListPart>) {}

    fn vanished(&self, _shop_id: ShopId) {}

    fn caught_up(&self) {
        if self.0.receiver_count() > 0 {
            self.0.send_modify(|batches| *batches += 1);
        }
    }
}

/// Waits until the change is there; `false`: it did not come in time.
pub async fn wait_for<S: DocumentReader>(
    token: RevisionToken,
    shop_ids: &[ShopId],
    gathering: &Gathering<S>,
    arrivals: &Arrivals,
) -> bool {
    let deadline = Instant::now() + WAIT_MAX;
    let mut arrived = arrivals.0.subscribe();
    loop {
        arrived.borrow_and_update();
        // Bounded by the gathering's own wait; the last one may take a little longer than the deadline.
        if is_there(token, &gathering.cards_now(shop_ids).await) {
            return true;
        }
        if !matches!(tokio::time::timeout_at(deadline, arrived.changed()).await, Ok(Ok(()))) {
            return false;
        }
    }
}

/// The token belongs to one of these shops, but does not say to which. It is there for sure when a shop stands
/// exactly at it, or when all shops stand at it or later; a single later shop proves nothing about the others.
fn is_there(token: RevisionToken, cards: &[Gathered<ListPart>]) -> bool {
    let held = |card: &Gathered<ListPart>| match card {
        Ok(Lookup::Found(stored) | Lookup::Tombstone(stored)) => stored.part.revision(token.writer),
        _ => None,
    };
    cards.iter().any(|card| held(card) == Some(token.revision))
        || cards.iter().all(|card| held(card) >= Some(token.revision))
}

#[cfg(test)]
mod tests {
    use document_store::Position;
    use shop_id::{Revision, Writer};

    use super::*;
    use crate::gather::Missing;
    use crate::tests::shops;

    fn card(number: u64, counter: u64) -> Gathered<ListPart> {
        let part = shops::document(number, &shops::sections("x", counter)).list;
        Ok(Lookup::Found(Stored { part, position: Position::default() }))
    }

    #[test]
    fn a_change_is_there_when_nothing_else_is_possible() {
        let token = RevisionToken { writer: Writer::Shop, revision: Revision::new(1, 42) };
        let unknown = || Ok(Lookup::Unknown);
        for (cards, expected) in [
            (vec![card(7, 42)], true),
            (vec![card(7, 43)], true),
            (vec![card(7, 41)], false),
            (vec![unknown()], false),
            (vec![Err(Missing::Late)], false),
            // One of the others was changed later: that says nothing about the one that was changed at 42.
            (vec![card(7, 41), card(8, 50)], false),
            (vec![card(7, 41), card(8, 42)], true),
            (vec![card(7, 42), unknown()], true),
            (vec![card(7, 60), card(8, 50)], true),
            (vec![card(7, 60), unknown()], false),
        ] {
            assert_eq!(is_there(token, &cards), expected, "{cards:?}");
        }
    }
}

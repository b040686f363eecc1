//! What cell and clock add to a card: distance, state, the running ad, and how long all that holds.

use jiff::Timestamp;
use shop_document::{CardOverlay, ListPart, StateNow, Zones};
use shop_search::CellCentre;

/// One card's volatile facts at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlay<'card> {
    /// From the cell's centre.
    pub distance_m: Option<u32>,
    /// Open, closed, preparing, paused.
    pub state: StateNow,
    /// Of the campaign that runs.
    pub ad_label: Option<&'card str>,
    /// The first moment at which the clock alone changes any of this: what `ListPart::next_change_after` says,
    /// without deciding the state a second time.
    pub changes_at: Option<Timestamp>,
}

impl<'card> Overlay<'card> {
    /// At the request's instant.
    #[must_use]
    pub fn of(part: &'card ListPart, centre: Option<&CellCentre>, now: Timestamp) -> Self {
        let state = part.state_at(now, Zones);
        let ad = part.ad_now(now);
        let ad_changes_at = ad.changes_at.and_then(|edge| Timestamp::from_second(edge).ok());
        let distance_m = centre.map(|centre| centre.distance_m(part.location()));
        let changes_at = earliest(state.next_change_at, ad_changes_at);
        Self { distance_m, state, ad_label: ad.label, changes_at }
    }

    /// As the card takes it.
    #[must_use]
    pub const fn for_card(&self) -> CardOverlay<'_> {
        CardOverlay { distance_m: self.distance_m, state: &self.state, ad_label: self.ad_label }
    }
}

/// The earlier of two moments, of which either may never come.
#[must_use]
pub fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shop_document::{AdsSection, Campaign};
    use shop_id::Revision;

    use super::*;
    use crate::tests::shops;

    proptest! {
        #[test]
        fn an_overlay_holds_as_long_as_the_document_says(
            campaigns in prop::collection::vec((0_i64..20_000, 1_i64..9_000), 0..4),
            opens in 0_u16..1_000,
            at in 0_i64..40_000,
        ) {
            let campaign = |(starts, lasts): &(i64, i64)| Campaign {
                label: format!("from {starts}"),
                starts: *starts,
                ends: starts + lasts,
                weight: 1,
            };
            let mut sections = shops::sections("Napoli", 1);
            shops::open_minutes(&mut sections, vec![(opens, opens + 300)]);
            let section = AdsSection { campaigns: campaigns.iter().map(campaign).collect() };
            sections.ads = shop_document::Held::Present(Revision::new(1, 1), section);
            let part = shops::document(7, &sections).list;
            let now = Timestamp::from_second(at).unwrap();
            let overlay = Overlay::of(&part, None, now);
            prop_assert_eq!(overlay.changes_at, part.next_change_after(now, Zones));
            if let Some(changes_at) = overlay.changes_at {
                let last = Timestamp::from_second(changes_at.as_second() - 1).unwrap();
                let just_before = Overlay::of(&part, None, last.max(now));
                prop_assert_eq!(overlay, just_before);
            }
        }
    }
}

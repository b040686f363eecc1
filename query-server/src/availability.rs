//! The way of an availability request: gather cards and details ▸ judge ▸ compose. Never kept, by nobody: it is about
//! one person's door.

use std::sync::Arc;

use bytes::Bytes;
use document_store::{DocumentReader, Lookup, Stored};
use http::HeaderValue;
use jiff::Timestamp;
use shop_document::delivery::distance_m;
use shop_document::holes::{STATE_WIDTH, TIME_WIDTH, write_next_change, write_state};
use shop_document::{DetailPart, ListPart, Place, Zones};
use shop_id::ShopId;

use crate::coding::Accepted;
use crate::front::{Answering, Front, Reading};
use crate::gather::{Gathered, Missing, Slot, resident_slots};
use crate::lifetime::never;
use crate::metrics::{add, count};
use crate::packing::packed_quickly;
use crate::page::{put, write_missing};
use crate::respond::{self, Around, CameFrom, Response};
use crate::route::AvailabilityAsked;
use crate::searches::Search;

/// Of one shop, beside its fee ladder.
const SHOP_BYTES: usize = 256;

/// One shop of the answer.
enum Judged<'a> {
    /// What it would do.
    There(&'a Stored<ListPart>, &'a Stored<DetailPart>),
    /// Why that cannot be said.
    Missing(Missing),
}

impl<'a> Judged<'a> {
    fn of(card: Slot<'a>, detail: &'a Gathered<DetailPart>) -> Self {
        match (card, detail) {
            (Slot::Card(card), Ok(Lookup::Found(detail))) => Self::There(card, detail),
            // Closed as soon as either says so: nobody opens again without a newer document.
            (Slot::Closed(_), _) | (_, Ok(Lookup::Tombstone(_))) => Self::Missing(Missing::Closed),
            (Slot::Missing(missing), _) => Self::Missing(missing),
            (_, Err(missing)) => Self::Missing(*missing),
            (_, Ok(Lookup::Unknown)) => Self::Missing(Missing::Unknown),
        }
    }
}

impl<S: DocumentReader, Q: Search> Front<S, Q> {
    pub(crate) fn availability(
        self: &Arc<Self>,
        reading: &Arc<Reading<S, Q>>,
        asked: AvailabilityAsked,
        accepted: Accepted,
    ) -> Answering {
        if let Some(response) = self.availability_at_once(reading, &asked, &accepted) {
            return Answering::Now(response);
        }
        let (front, reading) = (Arc::clone(self), Arc::clone(reading));
        Answering::Later(Box::pin(async move {
            // Details of shops that are there alone: whoever asks for fifty made-up IDs costs one gather.
            let cards = reading.gathering.cards(&asked.shop_ids).await;
            let slots: Vec<Slot<'_>> = cards.iter().map(Slot::of).collect();
            let are_there = slots.iter().map(|slot| matches!(slot, Slot::Card(_)));
            let there: Vec<ShopId> = asked
                .shop_ids
                .iter()
                .zip(are_there)
                .filter_map(|(id, is_there)| is_there.then_some(*id))
                .collect();
            let mut got = reading.gathering.details(&there).await.into_iter();
            // Why a card is missing is said before its detail is looked at.
            let details: Vec<_> = slots
                .iter()
                .map(|slot| match slot {
                    Slot::Card(_) => got.next().unwrap_or(Err(Missing::Unavailable)),
                    Slot::Closed(_) | Slot::Missing(_) => Ok(Lookup::Unknown),
                })
                .collect();
            sent(front.availability_of(&reading, &asked, &slots, &details), &accepted)
        }))
    }

    /// `None`: the store has to be asked.
    fn availability_at_once(
        &self,
        reading: &Reading<S, Q>,
        asked: &AvailabilityAsked,
        accepted: &Accepted,
    ) -> Option<Response> {
        let resident = reading.near.pin();
        let slots = resident_slots(&resident, &asked.shop_ids)?;
        let mut details = Vec::with_capacity(slots.len());
        for &shop_id in &asked.shop_ids {
            details.push(Ok(reading.gathering.resident_detail(shop_id)?));
        }
        add(&self.counters.card_hits, count(slots.len()));
        Some(sent(self.availability_of(reading, asked, &slots, &details), accepted))
    }

    fn availability_of(
        &self,
        reading: &Reading<S, Q>,
        asked: &AvailabilityAsked,
        slots: &[Slot<'_>],
        details: &[Gathered<DetailPart>],
    ) -> Bytes {
        let (now, standing) = (self.clock.now(), reading.lookout.last());
        let mut out = Vec::with_capacity(slots.len() * SHOP_BYTES * 2 + 256);
        let mut missing = Vec::new();
        out.extend_from_slice(b"{\"shops\":[");
        let mut is_first = true;
        for ((&shop_id, &slot), detail) in asked.shop_ids.iter().zip(slots).zip(details) {
            match Judged::of(slot, detail) {
                Judged::There(card, detail) => {
                    if !std::mem::take(&mut is_first) {
                        out.push(b',');
                    }
                    write_shop(&mut out, &card.part, &detail.part, asked.place, now);
                }
                Judged::Missing(reason) => missing.push((shop_id, reason.said(standing.is_complete))),
            }
        }
        let Place { lat, lng } = asked.place;
        put(&mut out, format_args!("],\"meta\":{{\"lat\":{lat},\"lng\":{lng},\"degraded\":"));
        out.extend_from_slice(standing.degraded_json.as_bytes());
        self.count_unjudged(&missing);
        write_missing(&mut out, &missing);
        out.extend_from_slice(b"}}");
        Bytes::from(out)
    }

    fn count_unjudged(&self, missing: &[(ShopId, Missing)]) {
        add(&self.counters.shops_missing, count(missing.len()));
        let unreadable = missing.iter().filter(|(_, reason)| *reason == Missing::Unreadable);
        add(&self.counters.shops_unreadable, count(unreadable.count()));
    }
}

fn sent(body: Bytes, accepted: &Accepted) -> Response {
    // Nobody keeps it, so nobody ever asks whether it changed: no tag is sent.
    let packed = packed_quickly(&body, &HeaderValue::from_static("\"\""), accepted);
    let around = Around {
        tag: None,
        cache: never(),
        surrogate_key: None,
        came_from: CameFrom::Composed,
        content_location: None,
    };
    respond::found(body, packed, around)
}

fn write_shop(out: &mut Vec<u8>, card: &ListPart, detail: &DetailPart, place: Place, now: Timestamp) {
    let kitchen = card.location();
    let delivers_here = detail.delivers_to(kitchen, place);
    let distance_m = distance_m(kitchen, place);
    // Where it does not deliver to, it does so for no fee.
    let delivery_fee = card.delivery_fee().filter(|_| delivers_here).unwrap_or("null");
    let (mut state, mut next_change_at) = ([b' '; STATE_WIDTH], [b' '; TIME_WIDTH]);
    let state_now = card.state_at(now, Zones);
    write_state(&mut state, state_now.state);
    write_next_change(&mut next_change_at, &state_now);
    let shop_id = card.shop_id();
    put(
        out,
        format_args!(
            "{{\"id\":\"{shop_id}\",\"delivers_here\":{delivers_here},\"delivery_fee\":{delivery_fee},\
             \"distance_m\":{distance_m},\"state\":"
        ),
    );
    out.extend_from_slice(state.trim_ascii_end());
    out.extend_from_slice(b",\"next_change_at\":");
    out.extend_from_slice(next_change_at.trim_ascii_end());
    out.push(b'}');
}

//! Shop IDs -> slots: each a card, a closed shop, or a reason why it is missing. One slot never costs another.

use std::sync::Arc;
use std::time::Duration;

use document_store::near_cache::Resident;
use document_store::{DocumentReader, Lookup, NearCache, Position, StoreError, Stored};
use shop_document::{DetailPart, ListPart};
use shop_id::ShopId;
use tokio::time::Instant;

use crate::flights::{Boarded, SingleFlight};
use crate::metrics::{Counters, add, count};

/// Groups of one gather that are in flight at the same time: a late one costs its own shops only.
const GROUPS_MAX: usize = 5;
/// A flight that takes longer is given up, also when nobody waits for it any more.
const FLIGHT_MAX: Duration = Duration::from_secs(5);

/// Why a shop that was asked for is not on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The store does not know it.
    Unknown,
    /// Closed for good (batches only; from a list it just leaves).
    Closed,
    /// Its stored bytes are no document; the audit refetches it.
    Unreadable,
    /// The store did not answer in time.
    Late,
    /// The store is away, or is still being filled.
    Unavailable,
}

impl Missing {
    /// The word in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Closed => "closed",
            Self::Unreadable => "unreadable",
            Self::Late => "late",
            Self::Unavailable => "unavailable",
        }
    }

    /// What is said of it: to a store that is still being filled nobody is unknown.
    #[must_use]
    pub const fn said(self, store_is_complete: bool) -> Self {
        match self {
            Self::Unknown if !store_is_complete => Self::Unavailable,
            reason => reason,
        }
    }

    const fn of(error: &StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } => Self::Unreadable,
            StoreError::TimedOut { .. } => Self::Late,
            _ => Self::Unavailable,
        }
    }
}

/// One place of a page.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a> {
    /// To be shown.
    Card(&'a Stored<ListPart>),
    /// Closed for good since the list was made.
    Closed(Position),
    /// Not there.
    Missing(Missing),
}

impl<'a> Slot<'a> {
    /// Of a resident document.
    #[must_use]
    pub fn of_resident(stored: &'a Stored<ListPart>) -> Self {
        if stored.part.is_visible() {
            Self::Card(stored)
        } else if stored.part.is_tombstone() {
            Self::Closed(stored.position)
        } else {
            Self::Missing(Missing::Unknown)
        }
    }

    /// Of a gathered one.
    #[must_use]
    pub const fn of(gathered: &'a Gathered<ListPart>) -> Self {
        match gathered {
            Ok(Lookup::Found(stored)) => Self::Card(stored),
            Ok(Lookup::Tombstone(stored)) => Self::Closed(stored.position),
            Ok(Lookup::Unknown) => Self::Missing(Missing::Unknown),
            Err(missing) => Self::Missing(*missing),
        }
    }

    /// Where the document stands, if there is one.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        match self {
            Self::Card(stored) => Some(stored.position),
            Self::Closed(position) => Some(*position),
            Self::Missing(_) => None,
        }
    }
}

/// What a get ended with.
pub type Gathered<T> = Result<Lookup<T>, Missing>;

/// All slots, if every shop is resident: without a lock, without waiting.
#[must_use]
pub fn resident_slots<'a>(resident: &'a Resident<'_>, shop_ids: &[ShopId]) -> Option<Vec<Slot<'a>>> {
    let mut slots = Vec::with_capacity(shop_ids.len());
    for &shop_id in shop_ids {
        slots.push(Slot::of_resident(resident.get(shop_id)?));
    }
    Some(slots)
}

/// Gets what is not resident; for each shop at most one get is under way.
#[derive(Debug)]
pub struct Gathering<S> {
    near: Arc<NearCache<S>>,
    cards: Arc<SingleFlight<Gathered<ListPart>>>,
    details: Arc<SingleFlight<Gathered<DetailPart>>>,
    wait: Duration,
    counters: Arc<Counters>,
}

impl<S: DocumentReader> Gathering<S> {
    /// Before a near cache; `wait` bounds how long anybody waits.
    #[must_use]
    pub fn new(near: Arc<NearCache<S>>, wait: Duration, counters: Arc<Counters>) -> Self {
        Self { near, cards: Arc::default(), details: Arc::default(), wait, counters }
    }

    /// One result per ID, in the given order; after the wait the late ones are named.
    pub async fn cards(&self, shop_ids: &[ShopId]) -> Vec<Gathered<ListPart>> {
        let deadline = Instant::now() + self.wait;
        let mut answers: Vec<Option<Gathered<ListPart>>> = Vec::with_capacity(shop_ids.len());
        let mut absent = Vec::new();
        {
            let resident = self.near.pin();
            for &shop_id in shop_ids {
                let answer = resident.get(shop_id).map(lookup_of_resident);
                if answer.is_none() {
                    absent.push(shop_id);
                }
                answers.push(answer);
            }
        }
        add(&self.counters.card_misses, count(absent.len()));
        add(&self.counters.card_hits, count(shop_ids.len() - absent.len()));
        // Neighbours share a group, so that it has one node to wait for. They land in the order of their places.
        let mut by_group: Vec<usize> = (0..absent.len()).collect();
        by_group.sort_by_key(|place| self.near.neighbourhood(absent[*place]));
        let grouped: Vec<ShopId> = by_group.iter().map(|place| absent[*place]).collect();
        let mut boarded = Vec::with_capacity(absent.len());
        for group in grouped.chunks(absent.len().div_ceil(GROUPS_MAX).max(1)) {
            let near = Arc::clone(&self.near);
            let fetch = async move |shop_ids: Vec<ShopId>| {
                let got = near.gather(&shop_ids).await;
                got.into_iter().map(|answer| answer.map_err(|error| Missing::of(&error))).collect()
            };
            boarded.extend(self.cards.board(group, FLIGHT_MAX, fetch));
        }
        let mut boarded: Vec<_> = by_group.into_iter().zip(boarded).collect();
        boarded.sort_by_key(|(place, _)| *place);
        let mut boarded = boarded.into_iter().map(|(_, boarded)| boarded);
        let mut gathered = Vec::with_capacity(answers.len());
        for answer in answers {
            gathered.push(match answer {
                Some(answer) => answer,
                None => landed(boarded.next(), deadline).await,
            });
        }
        gathered
    }

    /// The detail part of one shop, if it is resident.
    #[must_use]
    pub fn resident_detail(&self, shop_id: ShopId) -> Option<Lookup<DetailPart>> {
        self.near.resident_detail(shop_id)
    }

    /// The detail part of one shop.
    pub async fn detail(&self, shop_id: ShopId) -> Gathered<DetailPart> {
        let deadline = Instant::now() + self.wait;
        landed(self.board_detail(shop_id), deadline).await
    }

    fn board_detail(&self, shop_id: ShopId) -> Option<Boarded<Gathered<DetailPart>>> {
        let near = Arc::clone(&self.near);
        let fetch =
            async move |_: Vec<ShopId>| vec![near.detail(shop_id).await.map_err(|error| Missing::of(&error))];
        self.details.board(&[shop_id], FLIGHT_MAX, fetch).pop()
    }

    /// The detail parts of some shops, in the given order; after the wait the late ones are named.
    pub async fn details(&self, shop_ids: &[ShopId]) -> Vec<Gathered<DetailPart>> {
        let deadline = Instant::now() + self.wait;
        // A flight for each: there is no get of many details, and a late one must not cost the others.
        let mut boarded = Vec::with_capacity(shop_ids.len());
        for &shop_id in shop_ids {
            boarded.push(self.board_detail(shop_id));
        }
        let mut gathered = Vec::with_capacity(boarded.len());
        for boarded in boarded {
            gathered.push(landed(boarded, deadline).await);
        }
        gathered
    }

    /// Cards as they are right now: no flight that began before is joined. For those who wait for their own change.
    pub async fn cards_now(&self, shop_ids: &[ShopId]) -> Vec<Gathered<ListPart>> {
        match tokio::time::timeout(self.wait, self.near.gather(shop_ids)).await {
            Ok(got) => got.into_iter().map(|answer| answer.map_err(|error| Missing::of(&error))).collect(),
            Err(_) => shop_ids.iter().map(|_| Err(Missing::Late)).collect(),
        }
    }

    /// The same for a detail.
    pub async fn detail_now(&self, shop_id: ShopId) -> Gathered<DetailPart> {
        let got = tokio::time::timeout(self.wait, self.near.detail(shop_id)).await;
        got.map_or(Err(Missing::Late), |answer| answer.map_err(|error| Missing::of(&error)))
    }
}

fn lookup_of_resident(stored: &Stored<ListPart>) -> Gathered<ListPart> {
    Ok(match Slot::of_resident(stored) {
        Slot::Card(stored) => Lookup::Found(stored.clone()),
        Slot::Closed(_) => Lookup::Tombstone(stored.clone()),
        Slot::Missing(_) => Lookup::Unknown,
    })
}

async fn landed<T: Clone>(boarded: Option<Boarded<Gathered<T>>>, deadline: Instant) -> Gathered<T> {
    // One is boarded per absent shop; a flight that crashed answers nothing.
    let Some(boarded) = boarded else { return Err(Missing::Unavailable) };
    match tokio::time::timeout_at(deadline, boarded.landed()).await {
        Ok(answer) => answer.unwrap_or(Err(Missing::Unavailable)),
        Err(_) => Err(Missing::Late),
    }
}

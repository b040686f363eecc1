//! The whole way of a request on one page: kept ▸ route ▸ search ▸ gather ▸ overlay ▸ compose ▸ respond.
//!
//! What is resident is answered at once, without a lock and without waiting; only what has to wait (a miss, a slow
//! search, a client's own change) becomes a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use document_store::{DocumentReader, FollowProgress, NearCache};
use http::Uri;
use jiff::Timestamp;
use service_runtime::Clock;
use shop_id::{RevisionToken, ShopId};
use shop_search::{ListAnswer, ListQuestion, SearchError, ShopSearch};

use crate::config::Config;
use crate::gather::{Gathering, Missing, Slot, resident_slots};
use crate::home::HomePage;
use crate::lifetime::{Lifetimes, Reuse};
use crate::metrics::{Counters, Endpoint, add, count};
use crate::overlay::earliest;
use crate::own_write::{Arrivals, wait_for};
use crate::page::{About, Draft, OwnWrite, surrogate_key};
use crate::pages::{Kept, Listed, Look, Page, Pages};
use crate::problem::{Problem, Refusal};
use crate::respond::{self, Around, CameFrom, Response};
use crate::route::{self, NotRouted, Request};
use crate::standing::Lookout;
use crate::validator::Conditions;

/// All that requests are answered from, once the store is there.
#[derive(Debug)]
pub struct Reading<S, Q> {
    /// Resident documents, and the store behind them.
    pub near: Arc<NearCache<S>>,
    /// Which shops.
    pub search: Arc<Q>,
    /// Degraded sections.
    pub lookout: Arc<Lookout>,
    /// Wakes those who wait for their own change.
    pub arrivals: Arc<Arrivals>,
    /// Of the first scan and the tail.
    pub progress: Arc<FollowProgress>,
    /// Answers to be sent again.
    pub pages: Pages,
    /// Gets what is not resident.
    pub gathering: Gathering<S>,
}

impl<S: DocumentReader, Q: ShopSearch> Reading<S, Q> {
    /// Nothing resident yet.
    #[must_use]
    pub fn new(
        store: Arc<S>,
        search: Arc<Q>,
        config: &Config,
        clock: Clock,
        counters: Arc<Counters>,
    ) -> Self {
        let near = Arc::new(NearCache::new(store, config.near_cache_limits()));
        Self {
            gathering: Gathering::new(Arc::clone(&near), config.gather_wait(), counters),
            near,
            search,
            lookout: Arc::new(Lookout::new(clock, config.degraded_after())),
            arrivals: Arc::default(),
            progress: Arc::default(),
            pages: Pages::new(config.pages_bytes_max),
        }
    }
}

/// Answers requests.
#[derive(Debug)]
pub struct Front<S, Q> {
    pub(crate) clock: Clock,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) counters: Arc<Counters>,
    home: Option<HomePage>,
    reading: OnceLock<Arc<Reading<S, Q>>>,
}

/// An answer, now or later.
pub enum Answering {
    /// Made without waiting.
    Now(Response),
    /// Something has to be waited for.
    Later(Pin<Box<dyn Future<Output = Response> + Send>>),
}

/// One request that may have to wait, with all it needs then.
#[derive(Debug)]
pub(crate) struct ListAsked {
    question: ListQuestion,
    /// Asked by place, not by cell.
    is_near: bool,
    conditions: Conditions,
}

impl<S: DocumentReader, Q: ShopSearch> Front<S, Q> {
    /// Without a store: everything but the home page is refused until [`Front::open`].
    #[must_use]
    pub fn new(config: &Config, clock: Clock, counters: Arc<Counters>, home: Option<HomePage>) -> Self {
        Self { clock, lifetimes: Lifetimes::new(config), counters, home, reading: OnceLock::new() }
    }

    /// The store is there. The second call changes nothing.
    pub fn open(&self, reading: Arc<Reading<S, Q>>) {
        // Only the one start of a process opens a store.
        drop(self.reading.set(reading));
    }

    /// Answers a `GET` (or, but for the body, a `HEAD`).
    pub fn answer(self: &Arc<Self>, uri: &Uri, conditions: Conditions) -> (Endpoint, Answering) {
        let url = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        if let Some(reading) = self.reading.get()
            && let Some((endpoint, response)) = self.kept(reading, url, &conditions)
        {
            return (endpoint, Answering::Now(response));
        }
        match route::route(uri.path(), uri.query()) {
            Ok(request) => self.routed(request, conditions),
            Err(NotRouted::Moved { location }) => {
                (Endpoint::Other, Answering::Now(respond::moved(&location)))
            }
            Err(NotRouted::Refused(refusal)) => (Endpoint::Other, Answering::Now(respond::problem(&refusal))),
        }
    }

    fn routed(self: &Arc<Self>, request: Request, conditions: Conditions) -> (Endpoint, Answering) {
        if request == Request::Home {
            let answer = match &self.home {
                Some(home) => home.answer(&conditions),
                None => respond::problem(&Problem::no_such_path("/")),
            };
            return (Endpoint::Home, Answering::Now(answer));
        }
        let endpoint = endpoint_of(&request);
        let Some(reading) = self.reading.get() else {
            let refusal = Problem::unavailable("starting", "the document store is not there yet");
            return (endpoint, Answering::Now(respond::problem(&refusal)));
        };
        let answering = match request {
            Request::Home => Answering::Now(respond::problem(&Problem::no_such_path("/"))),
            Request::List(question) => self.list(reading, ListAsked { question, is_near: false, conditions }),
            Request::ListNear(question) => {
                self.list(reading, ListAsked { question, is_near: true, conditions })
            }
            Request::Detail { shop_id, min_revision } => {
                self.detail(reading, shop_id, min_revision, conditions)
            }
            Request::Batch { shop_ids, min_revision } => {
                self.batch(reading, shop_ids, min_revision, conditions)
            }
        };
        (endpoint, answering)
    }

    /// The kept page of a canonical URL, if comparing finds no change. Everything is looked at, nothing is locked.
    fn kept(
        &self,
        reading: &Reading<S, Q>,
        url: &str,
        conditions: &Conditions,
    ) -> Option<(Endpoint, Response)> {
        let pages = reading.pages.pin();
        let kept = pages.get(url)?;
        let (now, standing) = (self.clock.now(), reading.lookout.last());
        if !kept.holds_at(now, &standing) {
            return None;
        }
        let Some(listed) = &kept.listed else {
            return kept.is_made_of_resident(&reading.near, now).then(|| {
                add(&self.counters.card_hits, 1);
                (Endpoint::Detail, self.send_kept(kept, kept.page.until, now, conditions, None))
            });
        };
        let answer = at_once(reading.search.list(&listed.question, now))?.ok()?;
        (kept.is_listed_by(&answer) && kept.is_made_of_resident(&reading.near, now)).then(|| {
            add(&self.counters.card_hits, count(kept.documents.len()));
            (Endpoint::List, self.send_kept_list(kept, &answer, now, conditions, None))
        })
    }

    fn list(self: &Arc<Self>, reading: &Arc<Reading<S, Q>>, asked: ListAsked) -> Answering {
        if !reading.progress.is_caught_up() {
            let detail = "the lists are being read from the store for the first time";
            return Answering::Now(respond::problem(&Problem::unavailable("starting", detail)));
        }
        let now = self.clock.now();
        if let Some(response) = self.list_at_once(reading, &asked, now) {
            return Answering::Now(response);
        }
        let (front, reading) = (Arc::clone(self), Arc::clone(reading));
        Answering::Later(Box::pin(async move {
            let listed = match reading.search.list(&asked.question, now).await {
                Ok(listed) => listed,
                Err(error) => return respond::problem(&refusal_of(error)),
            };
            let seen = reading.near.seen(listed.shop_ids.iter().copied());
            let gathered = reading.gathering.cards(&listed.shop_ids).await;
            let slots: Vec<Slot<'_>> = gathered.iter().map(Slot::of).collect();
            front.list_of(&reading, &asked, &listed, (&slots, Look::at(now, seen)), now)
        }))
    }

    /// `None`: the search or a card has to be waited for.
    fn list_at_once(&self, reading: &Reading<S, Q>, asked: &ListAsked, now: Timestamp) -> Option<Response> {
        let listed = match at_once(reading.search.list(&asked.question, now))? {
            Ok(listed) => listed,
            Err(error) => return Some(respond::problem(&refusal_of(error))),
        };
        let look = Look::at(now, reading.near.seen(listed.shop_ids.iter().copied()));
        let resident = reading.near.pin();
        let slots = resident_slots(&resident, &listed.shop_ids)?;
        add(&self.counters.card_hits, count(slots.len()));
        Some(self.list_of(reading, asked, &listed, (&slots, look), now))
    }

    /// The page of these slots: kept, held by the client, or composed.
    fn list_of(
        &self,
        reading: &Reading<S, Q>,
        asked: &ListAsked,
        listed: &ListAnswer,
        (slots, look): (&[Slot<'_>], Look),
        now: Timestamp,
    ) -> Response {
        let url = (asked.is_near || reading.pages.keeps_any()).then(|| route::list_url(&asked.question));
        let content_location = url.as_deref().filter(|_| asked.is_near).and_then(|url| url.parse().ok());
        let standing = reading.lookout.last();
        let pages = reading.pages.pin();
        if let Some(kept) = url.as_deref().and_then(|url| pages.get(url))
            && kept.holds_at(now, &standing)
            && kept.is_listed_by(listed)
            && kept.is_made_of(slots)
        {
            return self.send_kept_list(kept, listed, now, &asked.conditions, content_location);
        }
        let about = About::List(&asked.question, listed);
        let draft = Draft::of(about, &listed.shop_ids, slots, &standing, now);
        self.count_missing(slots);
        // A page of at most 25 shops always fits.
        let surrogate_key = surrogate_key(Some(asked.question.cell), &listed.shop_ids);
        let reuse = reuse_of_list(&draft, listed);
        let around = Around {
            tag: Some(draft.tag.clone()),
            cache: self.lifetimes.headers(reuse, earliest(draft.until, listed.changes_at), now),
            surrogate_key: surrogate_key.clone(),
            came_from: CameFrom::Composed,
            content_location,
        };
        if asked.conditions.hold(&draft.tag) {
            add(&self.counters.pages_not_modified, 1);
            return respond::not_modified(around);
        }
        add(&self.counters.pages_composed, 1);
        let body = draft.compose();
        if let (true, Some(url), Some(surrogate_key), Some(documents)) =
            (reading.pages.keeps_any(), url, surrogate_key, complete(&listed.shop_ids, slots))
        {
            let page =
                Page { body: body.clone(), tag: draft.tag, surrogate_key, from: now, until: draft.until };
            let made_from = Listed {
                question: asked.question.clone(),
                next_cursor: listed.next_cursor.clone(),
                stale_since: listed.stale_since,
            };
            let standing = standing.fingerprint;
            reading.pages.keep(&url, Kept { page, standing, documents, look, listed: Some(made_from) });
        }
        respond::found(body, around)
    }

    fn send_kept_list(
        &self,
        kept: &Kept,
        listed: &ListAnswer,
        now: Timestamp,
        conditions: &Conditions,
        content_location: Option<http::HeaderValue>,
    ) -> Response {
        let until = earliest(kept.page.until, listed.changes_at);
        let reuse = if listed.stale_since.is_some() { Reuse::Short } else { Reuse::Full };
        self.send_kept_as(kept, (reuse, until, now), conditions, content_location)
    }

    pub(crate) fn send_kept(
        &self,
        kept: &Kept,
        until: Option<Timestamp>,
        now: Timestamp,
        conditions: &Conditions,
        content_location: Option<http::HeaderValue>,
    ) -> Response {
        self.send_kept_as(kept, (Reuse::Full, until, now), conditions, content_location)
    }

    fn send_kept_as(
        &self,
        kept: &Kept,
        (reuse, until, now): (Reuse, Option<Timestamp>, Timestamp),
        conditions: &Conditions,
        content_location: Option<http::HeaderValue>,
    ) -> Response {
        let page = &kept.page;
        let around = Around {
            tag: Some(page.tag.clone()),
            cache: self.lifetimes.headers(reuse, until, now),
            surrogate_key: Some(page.surrogate_key.clone()),
            came_from: CameFrom::Kept,
            content_location,
        };
        if conditions.hold(&page.tag) {
            add(&self.counters.pages_not_modified, 1);
            return respond::not_modified(around);
        }
        add(&self.counters.pages_kept, 1);
        respond::found(page.body.clone(), around)
    }

    fn batch(
        self: &Arc<Self>,
        reading: &Arc<Reading<S, Q>>,
        shop_ids: Vec<ShopId>,
        min_revision: Option<RevisionToken>,
        conditions: Conditions,
    ) -> Answering {
        if min_revision.is_none() {
            let resident = reading.near.pin();
            if let Some(slots) = resident_slots(&resident, &shop_ids) {
                add(&self.counters.card_hits, count(slots.len()));
                return Answering::Now(self.batch_of(reading, &shop_ids, &slots, None, &conditions));
            }
        }
        let (front, reading) = (Arc::clone(self), Arc::clone(reading));
        Answering::Later(Box::pin(async move {
            let own_write = front.own_write(&reading, min_revision, &shop_ids).await;
            let gathered = match own_write {
                Some(_) => reading.gathering.cards_now(&shop_ids).await,
                None => reading.gathering.cards(&shop_ids).await,
            };
            let slots: Vec<Slot<'_>> = gathered.iter().map(Slot::of).collect();
            front.batch_of(&reading, &shop_ids, &slots, own_write, &conditions)
        }))
    }

    fn batch_of(
        &self,
        reading: &Reading<S, Q>,
        shop_ids: &[ShopId],
        slots: &[Slot<'_>],
        own_write: Option<OwnWrite>,
        conditions: &Conditions,
    ) -> Response {
        let (now, standing) = (self.clock.now(), reading.lookout.last());
        let draft = Draft::of(About::Batch(own_write), shop_ids, slots, &standing, now);
        self.count_missing(slots);
        let surrogate_key = surrogate_key(None, shop_ids);
        let reuse = match (draft.is_complete(), &surrogate_key) {
            // What is unknown to a store that is still being filled may be there in a moment.
            (false, _) if !standing.is_complete => Reuse::Never,
            (false, _) => Reuse::Short,
            (true, Some(_)) => Reuse::Full,
            (true, None) => Reuse::Private,
        };
        let around = Around {
            tag: Some(draft.tag.clone()),
            cache: self.lifetimes.headers(reuse, draft.until, now),
            surrogate_key,
            came_from: CameFrom::Composed,
            content_location: None,
        };
        if let Some(OwnWrite { is_reached, .. }) = own_write {
            return respond::for_own_write(respond::found(draft.compose(), around), is_reached);
        }
        if conditions.hold(&draft.tag) {
            add(&self.counters.pages_not_modified, 1);
            return respond::not_modified(around);
        }
        add(&self.counters.pages_composed, 1);
        respond::found(draft.compose(), around)
    }

    /// Waits for a client's own change, if it asked for that.
    pub(crate) async fn own_write(
        &self,
        reading: &Reading<S, Q>,
        min_revision: Option<RevisionToken>,
        shop_ids: &[ShopId],
    ) -> Option<OwnWrite> {
        let token = min_revision?;
        let is_reached = wait_for(token, shop_ids, &reading.gathering, &reading.arrivals).await;
        Some(OwnWrite { token, is_reached })
    }

    fn count_missing(&self, slots: &[Slot<'_>]) {
        for slot in slots {
            if let Slot::Missing(reason) = slot {
                add(&self.counters.shops_missing, 1);
                if *reason == Missing::Unreadable {
                    add(&self.counters.shops_unreadable, 1);
                }
            }
        }
    }
}

/// What a future answers without waiting. One that has to wait is dropped: asking is free of consequences.
fn at_once<T>(asking: impl Future<Output = T>) -> Option<T> {
    let asking = std::pin::pin!(asking);
    match asking.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// All positions, if no slot is missing: only a complete page is kept.
fn complete(shop_ids: &[ShopId], slots: &[Slot<'_>]) -> Option<Vec<(ShopId, document_store::Position)>> {
    shop_ids.iter().zip(slots).map(|(shop_id, slot)| Some((*shop_id, slot.position()?))).collect()
}

fn reuse_of_list(draft: &Draft<'_>, listed: &ListAnswer) -> Reuse {
    if draft.is_complete() && listed.stale_since.is_none() { Reuse::Full } else { Reuse::Short }
}

fn refusal_of(error: SearchError) -> Refusal {
    let said = error.to_string();
    match error {
        SearchError::Cursor { given } => route::malformed_cursor(&given, said),
        SearchError::Unavailable { .. } => Problem::unavailable("search_unavailable", said),
    }
}

const fn endpoint_of(request: &Request) -> Endpoint {
    match request {
        Request::Home => Endpoint::Home,
        Request::List(_) => Endpoint::List,
        Request::ListNear(_) => Endpoint::ListNear,
        Request::Detail { min_revision: Some(_), .. } | Request::Batch { min_revision: Some(_), .. } => {
            Endpoint::OwnWrite
        }
        Request::Detail { .. } => Endpoint::Detail,
        Request::Batch { .. } => Endpoint::Batch,
    }
}

impl std::fmt::Debug for Answering {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}

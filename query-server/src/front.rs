//! The whole way of a request on one page: kept ▸ route ▸ search ▸ gather ▸ overlay ▸ compose ▸ respond.
//!
//! What is resident is answered at once, without a lock and without waiting; only what has to wait (a miss, a slow
//! search, a client's own change) becomes a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use crate::searches::Search;
use document_store::{DocumentReader, FollowProgress, NearCache};
use http::Uri;
use jiff::Timestamp;
use service_runtime::Clock;
use shop_id::{RevisionToken, ShopId};

use crate::config::Config;
use crate::gather::{Gathering, Missing, Slot};
use crate::home::HomePage;
use crate::lifetime::{Lifetimes, Reuse};
use crate::list::ListAsked;
use crate::metrics::{Counters, Endpoint, add, count};
use crate::own_write::{Arrivals, wait_for};
use crate::page::OwnWrite;
use crate::pages::{Kept, Pages};
use crate::problem::Problem;
use crate::respond::{self, Around, CameFrom, Response};
use crate::route::{self, NotRouted, Request};
use crate::search::SearchAsked;
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

impl<S: DocumentReader, Q: Search> Reading<S, Q> {
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

impl<S: DocumentReader, Q: Search> Front<S, Q> {
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
        let endpoint = endpoint_of(&request);
        if request == Request::Home {
            return (endpoint, Answering::Now(self.home(&conditions)));
        }
        let Some(reading) = self.reading.get() else {
            let refusal = Problem::unavailable("starting", "the document store is not there yet");
            return (endpoint, Answering::Now(respond::problem(&refusal)));
        };
        let answering = match request {
            Request::Home => Answering::Now(self.home(&conditions)),
            Request::List(question) => {
                self.listed(reading, ListAsked { question, is_near: false, conditions })
            }
            Request::ListNear(question) => {
                self.listed(reading, ListAsked { question, is_near: true, conditions })
            }
            Request::Search(question) => self.listed(reading, SearchAsked { question, conditions }),
            Request::Detail { shop_id, min_revision } => {
                self.detail(reading, shop_id, min_revision, conditions)
            }
            Request::Batch { shop_ids, min_revision } => {
                self.batch(reading, shop_ids, min_revision, conditions)
            }
            Request::Availability(asked) => self.availability(reading, asked, conditions.accepted),
        };
        (endpoint, answering)
    }

    fn home(&self, conditions: &Conditions) -> Response {
        match &self.home {
            Some(home) => home.answer(conditions),
            None => respond::problem(&Problem::no_such_path("/")),
        }
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

    pub(crate) fn send_kept_as(
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
        if let Some(held) = conditions.hold(&page.tag) {
            add(&self.counters.pages_not_modified, 1);
            return respond::not_modified(held, around);
        }
        add(&self.counters.pages_kept, 1);
        let packed = page.forms.get(&page.body, &page.tag, &conditions.accepted);
        respond::found(page.body.clone(), packed, around)
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

    pub(crate) fn count_missing(&self, slots: &[Slot<'_>]) {
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
pub(crate) fn at_once<T>(asking: impl Future<Output = T>) -> Option<T> {
    let asking = std::pin::pin!(asking);
    match asking.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

const fn endpoint_of(request: &Request) -> Endpoint {
    match request {
        Request::Home => Endpoint::Home,
        Request::List(_) => Endpoint::List,
        Request::ListNear(_) => Endpoint::ListNear,
        Request::Search(_) => Endpoint::Search,
        Request::Detail { min_revision: Some(_), .. } | Request::Batch { min_revision: Some(_), .. } => {
            Endpoint::OwnWrite
        }
        Request::Detail { .. } => Endpoint::Detail,
        Request::Batch { .. } => Endpoint::Batch,
        Request::Availability(_) => Endpoint::Availability,
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

//! One request of one connection: too much load, too large, wrong method or coding -> refused; else handed to the front.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use crate::searches::Search;
use document_store::DocumentReader;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Version};
use hyper::body::{Body as _, Incoming};

use crate::admission::{Delays, Gate, Waiting};
use crate::coding::CODINGS;
use crate::config::{Config, size};
use crate::connection::Pulse;
use crate::front::{Answering, Front};
use crate::host;
use crate::metrics::{Counters, Endpoint};
use crate::problem::{Problem, Refusal};
use crate::respond::{self, Response};
use crate::route::{self, NotRouted};
use crate::validator::Conditions;

/// A read has no body; a declared one up to this size is overlooked.
const BODY_BYTES_MAX: u64 = 16 << 10;

/// What every connection of a process leads to. Cloning shares it.
#[derive(Debug)]
pub struct Door<S, Q> {
    front: Arc<Front<S, Q>>,
    gate: Arc<Gate>,
    delays: Delays,
    uri_bytes_max: usize,
    headers_bytes_max: usize,
}

impl<S, Q> Clone for Door<S, Q> {
    fn clone(&self) -> Self {
        let (uri_bytes_max, headers_bytes_max) = (self.uri_bytes_max, self.headers_bytes_max);
        let (front, gate) = (Arc::clone(&self.front), Arc::clone(&self.gate));
        Self { front, gate, delays: self.delays.clone(), uri_bytes_max, headers_bytes_max }
    }
}

impl<S: DocumentReader, Q: Search> Door<S, Q> {
    /// To this front, with these limits.
    #[must_use]
    pub fn new(front: Arc<Front<S, Q>>, config: &Config) -> Self {
        Self {
            gate: Gate::new(config, Arc::clone(&front.counters)),
            front,
            delays: Delays::default(),
            uri_bytes_max: size(config.uri_bytes_max),
            headers_bytes_max: size(config.headers_bytes_max),
        }
    }

    /// The same for another runtime: how late one is says nothing about another.
    #[must_use]
    pub fn with_gate(&self, gate: Arc<Gate>) -> Self {
        Self { gate, ..self.clone() }
    }

    /// The same with delays from elsewhere.
    #[must_use]
    pub fn with_delays(&self, delays: Delays) -> Self {
        Self { delays, ..self.clone() }
    }

    /// How late the threads are.
    #[must_use]
    pub const fn delays(&self) -> &Delays {
        &self.delays
    }

    /// What decides whether there is too much load.
    #[must_use]
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// What is counted.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.front.counters
    }

    /// Answers one request, whatever it is.
    pub fn answer<B>(&self, request: &http::Request<B>) -> (Endpoint, Answering) {
        if let Some((endpoint, refusal)) = self.gate.refusal(request.uri()) {
            return (endpoint, Answering::Now(refusal));
        }
        // Headers are read only once their size is known to be in bounds.
        let admitted = self.admit(request).and_then(|()| acceptable(Conditions::of(request.headers())));
        let conditions = match admitted {
            Ok(conditions) => conditions,
            Err(refusal) => return (Endpoint::Other, Answering::Now(refused(&refusal, request.version()))),
        };
        self.front.answer(request.uri(), conditions)
    }

    fn admit<B>(&self, request: &http::Request<B>) -> Result<(), Refusal> {
        let (uri, headers) = (request.uri(), request.headers());
        let uri_bytes = uri.path_and_query().map_or(0, |url| url.as_str().len());
        if uri_bytes > self.uri_bytes_max {
            let detail =
                format!("path and query have {uri_bytes} bytes, at most {} are read", self.uri_bytes_max);
            return Err(Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail));
        }
        let headers_bytes: usize =
            headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if headers_bytes > self.headers_bytes_max {
            let detail =
                format!("headers have {headers_bytes} bytes, at most {} are read", self.headers_bytes_max);
            return Err(Problem::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                detail,
            ));
        }
        host::check(request)?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(wrong_method(request));
        }
        if body_bytes(headers) > BODY_BYTES_MAX {
            let detail = format!("reads have no body; more than {BODY_BYTES_MAX} bytes of one are not taken");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
        }
        Ok(())
    }
}

fn refused(refusal: &Problem, version: Version) -> Response {
    let mut response = respond::problem(refusal);
    let is_body_left = refusal.status == StatusCode::PAYLOAD_TOO_LARGE;
    // HTTP/2 ends streams, not connections.
    if is_body_left && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// `406` where nothing that can be sent can be unpacked.
fn acceptable(conditions: Conditions) -> Result<Conditions, Refusal> {
    if !conditions.accepted.is_nothing() {
        return Ok(conditions);
    }
    let detail = "answers come packed or as they are, and `accept-encoding` forbids all of it";
    let mut problem = Problem::new(StatusCode::NOT_ACCEPTABLE, "coding_not_acceptable", detail);
    problem.allowed = CODINGS.map(|coding| coding.name().to_owned()).to_vec();
    problem.allowed.push("identity".to_owned());
    Err(problem)
}

/// `405` where something can be read, `404` where nothing is.
fn wrong_method<B>(request: &http::Request<B>) -> Refusal {
    match route::route(request.uri().path(), request.uri().query()) {
        Err(NotRouted::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => refusal,
        _ => {
            let detail = format!("`{}` changes nothing here; things are read with GET", request.method());
            let mut problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
            problem.allowed = vec!["GET".to_owned(), "HEAD".to_owned()];
            problem
        }
    }
}

fn body_bytes(headers: &HeaderMap) -> u64 {
    let given = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    given.map_or(0, |length| length.parse().unwrap_or(u64::MAX))
}

/// A door of one connection.
#[derive(Debug)]
pub struct Doorway<S, Q> {
    door: Door<S, Q>,
    pulse: Arc<Pulse>,
}

impl<S: DocumentReader, Q: Search> Doorway<S, Q> {
    /// For a connection with this pulse.
    #[must_use]
    pub const fn new(door: Door<S, Q>, pulse: Arc<Pulse>) -> Self {
        Self { door, pulse }
    }
}

impl<S: DocumentReader, Q: Search> hyper::service::Service<http::Request<Incoming>> for Doorway<S, Q> {
    type Response = Response;
    type Error = Infallible;
    type Future = Answered;

    fn call(&self, request: http::Request<Incoming>) -> Answered {
        let began = Instant::now();
        let (endpoint, answering) = self.door.answer(&request);
        let seen = Seen { counters: Arc::clone(self.door.counters()), endpoint, began };
        self.pulse.asked();
        match answering {
            Answering::Now(response) => {
                seen.answered(&response, &request);
                Answered::Now(Some(for_method(response, &request)))
            }
            Answering::Later(answering) => match self.door.gate.wait(endpoint, began) {
                Ok(waiting) => {
                    self.pulse.begins();
                    Answered::Later {
                        answering,
                        seen,
                        request: Box::new(request),
                        pulse: Arc::clone(&self.pulse),
                        waiting,
                    }
                }
                // Nothing was begun yet: futures are lazy.
                Err(refusal) => {
                    seen.answered(&refusal, &request);
                    Answered::Now(Some(*refusal))
                }
            },
        }
    }
}

/// `HEAD` gets the length of what `GET` would get. hyper leaves bodies away on HTTP/1 only.
fn for_method<B>(mut response: Response, request: &http::Request<B>) -> Response {
    if request.method() == Method::HEAD && request.version() >= Version::HTTP_2 {
        let body = std::mem::take(response.body_mut());
        if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
    response
}

/// What is noted of a request.
#[derive(Debug)]
pub struct Seen {
    counters: Arc<Counters>,
    endpoint: Endpoint,
    began: Instant,
}

impl Seen {
    fn answered(&self, response: &Response, request: &http::Request<Incoming>) {
        let took = self.began.elapsed();
        self.counters.answered(self.endpoint, response.status(), took);
        let took_micros = took.as_micros();
        tracing::debug!(
            method = %request.method(), uri = %request.uri(), status = response.status().as_u16(), took_micros, "answered"
        );
    }
}

/// The future of one answer.
pub enum Answered {
    /// It is there.
    Now(Option<Response>),
    /// It has to be waited for.
    Later {
        /// What is waited for.
        answering: Pin<Box<dyn Future<Output = Response> + Send>>,
        /// To be noted then.
        seen: Seen,
        /// To be named then; its body is not read.
        request: Box<http::Request<Incoming>>,
        /// Of its connection.
        pulse: Arc<Pulse>,
        /// Given back with it.
        waiting: Waiting,
    },
}

impl Future for Answered {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            // A future is not polled again once it was ready.
            Self::Now(response) => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            Self::Later { answering, seen, request, .. } => {
                let response = ready!(answering.as_mut().poll(context));
                seen.answered(&response, request);
                Poll::Ready(Ok(for_method(response, request)))
            }
        }
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if let Self::Later { pulse, .. } = self {
            pulse.ends();
        }
    }
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Answered")
    }
}

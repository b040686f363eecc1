//! Pages, refusals and redirections -> responses with all their headers.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LOCATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, LOCATION, RETRY_AFTER, VARY,
};
use http::{Response as HttpResponse, StatusCode};
use http_body_util::Full;

use crate::lifetime::{CacheHeaders, never};
use crate::packing::Packed;
use crate::problem::Problem;

/// Every answer is one buffer.
pub type Response = HttpResponse<Full<Bytes>>;

/// For the CDN alone.
pub const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
/// The tags by which a CDN drops an answer.
pub const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
/// What this server's own pages did (RFC 9211).
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Whether the client's own change is in the answer: `reached` or `not-reached`.
pub const MIN_REVISION: HeaderName = HeaderName::from_static("shopfront-min-revision");

/// Of most answers.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// Where the bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameFrom {
    /// A kept page that still is what would be composed.
    Kept,
    /// Composed for this request.
    Composed,
}

impl CameFrom {
    const fn header(self) -> HeaderValue {
        match self {
            Self::Kept => HeaderValue::from_static("shopfront; hit"),
            Self::Composed => HeaderValue::from_static("shopfront; fwd=miss; detail=composed"),
        }
    }
}

/// What stands around the bytes of a page.
#[derive(Clone, Debug)]
pub struct Around {
    /// The strong validator; `None` for what nobody may keep.
    pub tag: Option<HeaderValue>,
    /// See [`CacheHeaders`].
    pub cache: CacheHeaders,
    /// See [`crate::page::surrogate_key`].
    pub surrogate_key: Option<HeaderValue>,
    /// See [`CameFrom`].
    pub came_from: CameFrom,
    /// The canonical URL, where another one was asked.
    pub content_location: Option<HeaderValue>,
}

impl Around {
    fn headers(self, content_type: Option<HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(12);
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        headers.insert(CACHE_CONTROL, self.cache.cache_control);
        headers.insert(VARY, ACCEPT_ENCODING);
        headers.insert(CACHE_STATUS, self.came_from.header());
        let optional = [
            (CDN_CACHE_CONTROL, self.cache.cdn),
            (ETAG, self.tag),
            (SURROGATE_KEY, self.surrogate_key),
            (CONTENT_LOCATION, self.content_location),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// `200` with a page, in its packed form if it has one.
#[must_use]
pub fn found(body: Bytes, packed: Option<Packed>, mut around: Around) -> Response {
    let Some(packed) = packed else { return with(StatusCode::OK, around.headers(Some(JSON)), body) };
    // What nobody may keep has no tag, packed or not.
    around.tag = around.tag.map(|_| packed.tag);
    let mut headers = around.headers(Some(JSON));
    headers.insert(CONTENT_ENCODING, packed.coding.header());
    with(StatusCode::OK, headers, packed.body)
}

/// `304`: the client holds the page, under this tag.
#[must_use]
pub fn not_modified(held: HeaderValue, mut around: Around) -> Response {
    around.tag = Some(held);
    with(StatusCode::NOT_MODIFIED, around.headers(None), Bytes::new())
}

/// `308` to the one URL of the same question. Which URL is canonical changes with a build at most.
#[must_use]
pub fn moved(location: &str) -> Response {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    match HeaderValue::from_str(location) {
        Ok(location) => headers.insert(LOCATION, location),
        // A canonical URL is made of escaped ASCII.
        Err(_) => return problem(&Problem::no_such_path(location)),
    };
    with(StatusCode::PERMANENT_REDIRECT, headers, Bytes::new())
}

/// A refusal that nobody may keep.
#[must_use]
pub fn problem(problem: &Problem) -> Response {
    kept_problem(problem, never(), None)
}

/// A refusal that may be kept for as long as said.
#[must_use]
pub fn kept_problem(problem: &Problem, cache: CacheHeaders, surrogate_key: Option<HeaderValue>) -> Response {
    let came_from = CameFrom::Composed;
    let around = Around { tag: None, cache, surrogate_key, came_from, content_location: None };
    let mut headers = around.headers(Some(PROBLEM_JSON));
    // A refusal never was a page.
    headers.remove(CACHE_STATUS);
    if let Some(retry_after_s) = problem.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
    }
    if problem.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    with(problem.status, headers, Bytes::from(problem.to_json()))
}

/// Says whether the client's own change is in the answer; such an answer is nobody else's.
#[must_use]
pub fn for_own_write(mut response: Response, is_reached: bool) -> Response {
    let headers = response.headers_mut();
    let said = if is_reached { "reached" } else { "not-reached" };
    headers.insert(MIN_REVISION, HeaderValue::from_static(said));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for name in [CDN_CACHE_CONTROL, SURROGATE_KEY, ETAG] {
        headers.remove(name);
    }
    response
}

fn with(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response {
    let mut response = HttpResponse::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

//! A path and a query, parsed at the door into a [`Request`] that cannot be wrong inside.
//!
//! One question has one URL, so that caches hold it once: whoever asks in another order, case or with defaults
//! spelled out is sent to the canonical one.

mod parameters; // `a=1&b=2`             -> names and values, known and once each
mod values; //     one value             -> a cell, a place, shop IDs, a sort

use std::fmt::Write as _;

use h3o::CellIndex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use shop_document::Place;
use shop_id::{RevisionToken, ShopId};
use shop_search::{ListQuestion, Sort, TextQuestion};

use self::parameters::Parameters;
use crate::problem::{Problem, Refusal};

pub(crate) use values::malformed_cursor;
pub use values::{BATCH_SHOPS_MAX, CELL_RESOLUTION};

/// What may stand unescaped in a canonical URL's value.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b',').remove(b':');

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The page for people.
    Home,
    /// A list by its canonical URL.
    List(ListQuestion),
    /// The list of the cell around a place.
    ListNear(ListQuestion),
    /// What somebody typed, near a cell.
    Search(TextQuestion),
    /// One shop.
    Detail {
        /// Which.
        shop_id: ShopId,
        /// Wait for this revision.
        min_revision: Option<RevisionToken>,
    },
    /// What some shops would do for a place.
    Availability(AvailabilityAsked),
    /// Some shops, in this order, each once.
    Batch {
        /// Which.
        shop_ids: Vec<ShopId>,
        /// Wait for this revision of one of them.
        min_revision: Option<RevisionToken>,
    },
}

/// Shops and an exact place.
#[derive(Clone, Debug, PartialEq)]
pub struct AvailabilityAsked {
    /// In this order, each once.
    pub shop_ids: Vec<ShopId>,
    /// Where somebody wants to eat.
    pub place: Place,
}

// Degrees are parsed from digits, so none is NaN.
impl Eq for AvailabilityAsked {}

/// Why there is no [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRouted {
    /// The same question has another URL: `308`.
    Moved {
        /// The canonical one.
        location: String,
    },
    /// No question of ours.
    Refused(Refusal),
}

impl From<Refusal> for NotRouted {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Reads a path and a query.
///
/// # Errors
/// See [`NotRouted`].
pub fn route(path: &str, query: Option<&str>) -> Result<Request, NotRouted> {
    let (request, canonical) = parse(path, query.unwrap_or_default())?;
    let (canonical_path, canonical_query) = match canonical.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (canonical.as_str(), None),
    };
    if path == canonical_path && query == canonical_query {
        Ok(request)
    } else {
        Err(NotRouted::Moved { location: canonical })
    }
}

/// The request and its canonical URL.
fn parse(path: &str, query: &str) -> Result<(Request, String), Refusal> {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    match segments.as_slice() {
        [""] if path == "/" => {
            Parameters::read(query, &[])?;
            Ok((Request::Home, "/".to_owned()))
        }
        ["v1", "cells", cell, "shops"] => {
            let cell = values::cell(&segment("cell", cell)?)?;
            let parameters = Parameters::read(query, &["category", "sort", "cursor"])?;
            let question = question(cell, &parameters)?;
            let canonical = list_url(&question);
            Ok((Request::List(question), canonical))
        }
        ["v1", "shops"] => shops(query),
        ["v1", "search"] => search(query),
        ["v1", "availability"] => availability(query),
        ["v1", "shops", id] if !id.is_empty() => {
            let shop_id = values::shop_id("shop_id", &segment("shop_id", id)?)?;
            let parameters = Parameters::read(query, &["min_revision"])?;
            let min_revision = values::min_revision(&parameters)?;
            let canonical = with_min_revision(format!("/v1/shops/{shop_id}"), '?', min_revision);
            Ok((Request::Detail { shop_id, min_revision }, canonical))
        }
        _ => Err(Problem::no_such_path(path)),
    }
}

/// `/v1/shops`: a batch by IDs, or the list around a place.
fn shops(query: &str) -> Result<(Request, String), Refusal> {
    let all = ["ids", "min_revision", "lat", "lng", "category", "sort", "cursor"];
    let parameters = Parameters::read(query, &all)?;
    if let Some(ids) = parameters.get("ids") {
        parameters.allow_only(&["ids", "min_revision"])?;
        let shop_ids = values::shop_ids(ids)?;
        let min_revision = values::min_revision(&parameters)?;
        let canonical =
            with_min_revision(with_ids("/v1/shops?ids=".to_owned(), &shop_ids), '&', min_revision);
        return Ok((Request::Batch { shop_ids, min_revision }, canonical));
    }
    if parameters.is_empty("ids") && parameters.get("lat").or(parameters.get("lng")).is_none() {
        return Err(values::no_ids());
    }
    parameters.allow_only(&["lat", "lng", "category", "sort", "cursor"])?;
    let (Some(lat), Some(lng)) = (parameters.get("lat"), parameters.get("lng")) else {
        let lacking = if parameters.get("lat").is_some() { "lng" } else { "lat" };
        return Err(Problem::parameter(
            "missing_parameter",
            lacking,
            None,
            "ask for shops by `ids`, or for the list around a place by `lat` and `lng`",
            ["ids=1,2", "lat=51.5&lng=-0.1"],
        ));
    };
    let question = question(values::cell_around(lat, lng)?, &parameters)?;
    // The place keeps its spelling: which cell it lies in is said by `Content-Location`.
    let canonical = list_query(format!("/v1/shops?lat={lat}&lng={lng}"), '&', &question);
    Ok((Request::ListNear(question), canonical))
}

/// `/v1/availability`: all three have to be there.
fn availability(query: &str) -> Result<(Request, String), Refusal> {
    let parameters = Parameters::read(query, &["ids", "lat", "lng"])?;
    let shop_ids = match parameters.get("ids") {
        Some(ids) => values::shop_ids(ids)?,
        None => return Err(values::no_ids()),
    };
    let (Some(lat), Some(lng)) = (parameters.get("lat"), parameters.get("lng")) else {
        let lacking = if parameters.get("lat").is_some() { "lng" } else { "lat" };
        let detail = "say where to: shops deliver to a place";
        return Err(Problem::parameter(
            "missing_parameter",
            lacking,
            None,
            detail,
            ["ids=1,2&lat=51.5&lng=-0.1"],
        ));
    };
    let place = values::place(lat, lng)?;
    let canonical =
        format!("{}&lat={lat}&lng={lng}", with_ids("/v1/availability?ids=".to_owned(), &shop_ids));
    Ok((Request::Availability(AvailabilityAsked { shop_ids, place }), canonical))
}

/// `/v1/search`: everything stands in the query, the cell too.
fn search(query: &str) -> Result<(Request, String), Refusal> {
    let parameters = Parameters::read(query, &["q", "cell", "category", "sort", "cursor"])?;
    let question = TextQuestion {
        text: values::search_text(&parameters)?,
        cell: values::cell_of(&parameters)?,
        category: values::category(&parameters)?,
        sort: values::sort(&parameters)?,
        cursor: values::cursor(&parameters)?,
    };
    let canonical = search_url(&question);
    Ok((Request::Search(question), canonical))
}

fn question(cell: CellIndex, parameters: &Parameters<'_>) -> Result<ListQuestion, Refusal> {
    Ok(ListQuestion {
        cell,
        category: values::category(parameters)?,
        sort: values::sort(parameters)?.unwrap_or_default(),
        cursor: values::cursor(parameters)?,
    })
}

/// The canonical URL of a list.
#[must_use]
pub fn list_url(question: &ListQuestion) -> String {
    list_query(format!("/v1/cells/{}/shops", question.cell), '?', question)
}

fn list_query(url: String, separator: char, question: &ListQuestion) -> String {
    let sort = (question.sort != Sort::default()).then_some(question.sort);
    with_parameters(
        url,
        separator,
        [
            ("category", question.category.as_deref()),
            ("sort", sort.map(Sort::name)),
            ("cursor", question.cursor.as_deref()),
        ],
    )
}

/// The canonical URL of a search. No sort is one of its own: what matches best first.
fn search_url(question: &TextQuestion) -> String {
    let cell = question.cell.to_string();
    with_parameters(
        "/v1/search".to_owned(),
        '?',
        [
            ("q", Some(question.text.as_str())),
            ("cell", Some(&cell)),
            ("category", question.category.as_deref()),
            ("sort", question.sort.map(Sort::name)),
            ("cursor", question.cursor.as_deref()),
        ],
    )
}

fn with_parameters<const COUNT: usize>(
    mut url: String,
    mut separator: char,
    parameters: [(&str, Option<&str>); COUNT],
) -> String {
    for (name, value) in parameters {
        if let Some(value) = value {
            push(&mut url, format_args!("{separator}{name}={}", utf8_percent_encode(value, ESCAPED)));
            separator = '&';
        }
    }
    url
}

fn with_ids(mut url: String, shop_ids: &[ShopId]) -> String {
    for (place, shop_id) in shop_ids.iter().enumerate() {
        push(&mut url, format_args!("{}{shop_id}", if place == 0 { "" } else { "," }));
    }
    url
}

fn with_min_revision(mut url: String, separator: char, token: Option<RevisionToken>) -> String {
    if let Some(token) = token {
        push(&mut url, format_args!("{separator}min_revision={token}"));
    }
    url
}

fn push(url: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = url.write_fmt(piece);
}

/// A path segment without its escapes.
fn segment<'u>(name: &'static str, given: &'u str) -> Result<std::borrow::Cow<'u, str>, Refusal> {
    percent_decode_str(given).decode_utf8().map_err(|_| parameters::no_text(name, given))
}

#[cfg(test)]
mod tests;

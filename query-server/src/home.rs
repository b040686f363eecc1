//! The page for people: a file, read once.

use std::path::Path;

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::lifetime::CacheHeaders;
use crate::packing::Forms;
use crate::respond::{self, Around, CameFrom, Response};
use crate::validator::{Conditions, Validator};

/// Larger files are no page.
const BYTES_MAX: u64 = 4 << 20;

/// See the module.
#[derive(Debug)]
pub struct HomePage {
    body: Bytes,
    tag: HeaderValue,
    forms: Forms,
}

/// A configured page that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("`home_page` `{file}`: {reason}")]
pub struct HomePageError {
    /// Which file.
    pub file: String,
    /// What the system said, or what is wrong with it.
    pub reason: String,
}

impl HomePage {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read or is too large.
    pub fn read(file: &Path) -> Result<Self, HomePageError> {
        let refuse = |reason: String| HomePageError { file: file.display().to_string(), reason };
        let bytes = std::fs::metadata(file).map_err(|error| refuse(error.to_string()))?.len();
        if bytes > BYTES_MAX {
            return Err(refuse(format!("`{bytes}` bytes, expected at most {BYTES_MAX}")));
        }
        let body = std::fs::read(file).map_err(|error| refuse(error.to_string()))?;
        Ok(Self::of(body))
    }

    /// Of these bytes.
    #[must_use]
    pub fn of(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut validator = Validator::of(4);
        validator.number(xxhash_rust::xxh3::xxh3_64(&body));
        Self { body, tag: validator.tag(), forms: Forms::default() }
    }

    /// The page, or that the client holds it.
    #[must_use]
    pub fn answer(&self, conditions: &Conditions) -> Response {
        // A new build brings a new page: ask each time, which costs a `304`.
        let cache_control = HeaderValue::from_static("no-cache");
        let around = Around {
            tag: Some(self.tag.clone()),
            cache: CacheHeaders { cache_control, cdn: None },
            surrogate_key: None,
            came_from: CameFrom::Kept,
            content_location: None,
        };
        if let Some(held) = conditions.hold(&self.tag) {
            return respond::not_modified(held, around);
        }
        let packed = self.forms.get(&self.body, &self.tag, &conditions.accepted);
        let mut response = respond::found(self.body.clone(), packed, around);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response
    }
}

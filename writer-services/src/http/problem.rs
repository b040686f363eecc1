//! A refusal -> `application/problem+json`.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use writer_api::check::Finding;
use writer_api::shape::shortened;

use crate::commit::CommitError;
use crate::reads::ReadError;
use crate::refusal::Refusal;

/// Why a request was not answered as it was asked.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    status: u16,
    /// For programs. Never changes its meaning.
    code: &'static str,
    /// For people.
    detail: String,
    /// Every wrong value by its path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Finding>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), retry_after_s: None }
    }

    /// A wrong query parameter or path segment. Codes are those of the query server, where it has the same.
    pub(crate) fn parameter(
        code: &'static str,
        name: &str,
        given: &str,
        expected: impl Into<String>,
    ) -> Self {
        let (path, given) = (name.to_owned(), Some(shortened(given)));
        let finding = Finding { path, given, expected: expected.into() };
        let detail = format!("parameter {finding}");
        Self { errors: vec![finding], ..Self::new(400, code, detail) }
    }

    pub(crate) fn again_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Unknown { .. } => Self::new(404, "unknown_shop", detail),
            Refusal::Closed { .. } => Self::new(410, "shop_closed", detail),
            Refusal::IdTooLarge { .. } => Self::new(422, "shop_id_too_large", detail),
            Refusal::Invalid(errors) => Self { errors, ..Self::new(422, "invalid_facts", detail) },
            Refusal::NotJson(_) => Self::new(400, "not_json", detail),
            Refusal::TooLarge { .. } => Self::new(413, "facts_too_large", detail),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        let detail = error.to_string();
        match error {
            CommitError::Full(_) => Self::new(507, "database_full", detail),
            CommitError::Failed(_) => Self::new(503, "database_failed", detail).again_after(1),
            CommitError::Busy => Self::new(503, "busy", detail).again_after(1),
            CommitError::Stopping => Self::new(503, "stopping", detail).again_after(1),
            CommitError::NoAnswer => Self::new(503, "commit_unknown", detail).again_after(5),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let detail = error.to_string();
        match error {
            ReadError::Busy => Self::new(503, "busy", detail).again_after(1),
            ReadError::Failed(_) => Self::new(503, "database_failed", detail).again_after(1),
            ReadError::Stopping => Self::new(503, "stopping", detail).again_after(1),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(status, serde_json::to_vec(&self).unwrap_or_default());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Bytes that are JSON already. Nothing of a writer is to be kept by anybody in between.
pub(super) fn json(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

//! Bytes of a request, bounded in size, time and kind.

use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt as _;

use super::params::Params;
use super::problem::Problem;

/// A body that takes longer is given up.
const BODY_MAX: Duration = Duration::from_secs(30);
/// Of a body that is too large, so much is read and dropped: a sender whose connection ends while it writes never hears why.
/// Twice the largest body that is taken.
const DROPPED_BYTES_MAX: usize = 2 * writer_api::change::BULK_BYTES_MAX;

/// Reads a JSON body of a path that takes no parameters.
pub(super) async fn json(request: Request, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    Params::read(request.uri().query(), &[])?;
    expect_json(request.headers())?;
    let read = tokio::time::timeout(BODY_MAX, read(request, bytes_max)).await;
    read.unwrap_or_else(|_| {
        let detail = format!("the body did not arrive within {} s", BODY_MAX.as_secs());
        Err(Problem::new(408, "body_too_slow", detail))
    })
}

/// `application/json` and its relatives; a request that says nothing is taken at its word.
fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json") {
        return Ok(());
    }
    let detail = format!("content type `{given}`, expected `application/json`");
    Err(Problem::new(415, "unsupported_media_type", detail))
}

async fn read(request: Request, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let announced: usize = announced.unwrap_or(0);
    let mut body = request.into_body();
    // What is announced need not come: memory is taken as it does.
    let mut bytes = Vec::with_capacity(announced.min(64 << 10));
    let mut is_too_large = announced > bytes_max;
    let mut dropped = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(400, "body_broken_off", format!("the body ended too soon: {error}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        is_too_large |= bytes.len() + data.len() > bytes_max;
        if is_too_large {
            dropped += data.len();
            if dropped > DROPPED_BYTES_MAX {
                break;
            }
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if is_too_large {
        let detail = format!("the body is too large, expected at most {bytes_max} bytes");
        return Err(Problem::new(413, "body_too_large", detail));
    }
    Ok(bytes)
}

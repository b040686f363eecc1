//! What hyper refuses before there is a request (a head that is none, or more than is ever read) it answers with a bare
//! status. On the way to the socket such an answer gets a body that helps.

use std::io::IoSlice;

use bytes::Bytes;
use http::StatusCode;

use crate::problem::Problem;

/// Where the digits of a status end.
const STATUS_LINE: &[u8] = b"HTTP/1.1 4";
const NO_BODY: &[u8] = b"content-length: 0\r\n";

/// The same answer with a body, if these bytes are a bare refusal. Ours always have a body, so they never are. What is
/// compared for any other answer are its first ten bytes.
pub(crate) fn with_body(written: &[u8]) -> Option<Bytes> {
    if written.starts_with(STATUS_LINE) { dressed(written) } else { None }
}

/// The first of some pieces that is not empty: hyper writes a bare refusal as one.
pub(crate) fn first<'a>(pieces: &'a [IoSlice<'_>]) -> &'a [u8] {
    pieces.iter().find(|piece| !piece.is_empty()).map_or(&[], |piece| &**piece)
}

#[cold]
fn dressed(written: &[u8]) -> Option<Bytes> {
    let (code, detail, allowed): (_, _, &[&str]) = match written.get(9..12)? {
        b"400" => (
            "malformed_request",
            "this is no request of HTTP/1.1",
            &["GET <path> HTTP/1.1, then headers `name: value`, then an empty line"],
        ),
        b"414" => ("uri_too_long", "path and query have more bytes than are ever read", &[]),
        b"431" => (
            "headers_too_large",
            "the head has more headers, or more bytes, than are ever read",
            &["up to 100 headers"],
        ),
        _ => return None,
    };
    let status = StatusCode::from_bytes(written.get(9..12)?).ok()?;
    let at = written.windows(NO_BODY.len()).position(|bytes| bytes == NO_BODY)?;
    // Nothing but the head: another answer behind it would be torn away from its connection's end.
    let is_all = written.ends_with(b"\r\n\r\n");
    if !is_all {
        return None;
    }
    let mut problem = Problem::new(status, code, detail);
    problem.allowed = allowed.iter().map(|&allowed| allowed.to_owned()).collect();
    let body = problem.to_json();
    let headers = format!(
        "content-type: application/problem+json\r\ncache-control: no-store\r\ncontent-length: {}\r\n",
        body.len()
    );
    Some(Bytes::from([&written[..at], headers.as_bytes(), &written[at + NO_BODY.len()..], &body].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_get_a_body() {
        let bare = |status: &str| {
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n")
        };
        for (status, code) in [
            ("400 Bad Request", "malformed_request"),
            ("414 URI Too Long", "uri_too_long"),
            ("431 Request Header Fields Too Large", "headers_too_large"),
        ] {
            let dressed = with_body(bare(status).as_bytes()).unwrap();
            let dressed = String::from_utf8_lossy(&dressed);
            let (head, body) = dressed.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\nconnection: close\r\n")), "{head}");
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
            assert!(head.ends_with("date: now"), "{head}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["code"], code);
            assert_eq!(&problem["status"].to_string(), &status[..3]);
        }
        for other in [
            bare("200 OK"),
            bare("404 Not Found"),
            bare("304 Not Modified"),
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
            bare("400 Bad Request") + "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 4".to_owned(),
            String::new(),
        ] {
            assert_eq!(with_body(other.as_bytes()), None, "{other}");
        }
    }
}

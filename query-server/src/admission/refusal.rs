//! The one refusal of too much load, made of parts that were there before: it costs next to nothing.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, VARY};
use http::{Response as HttpResponse, StatusCode};
use http_body_util::Full;

use crate::respond::Response;

/// As `problem.rs` would write it.
const BODY: &[u8] = br#"{"status":503,"code":"too_busy","detail":"more is asked for than can be answered right now; try again after the seconds in `retry-after`"}"#;

/// In turn, so that those who were refused together do not come back together.
const RETRY_AFTER_S: [HeaderValue; 3] =
    [HeaderValue::from_static("1"), HeaderValue::from_static("2"), HeaderValue::from_static("3")];

/// `503`; any `count` will do that grows with refusals.
pub(super) fn too_busy(count: u32) -> Response {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let turn = usize::try_from(count).unwrap_or_default() % RETRY_AFTER_S.len();
    headers.insert(RETRY_AFTER, RETRY_AFTER_S[turn].clone());
    let mut response = HttpResponse::new(Full::new(Bytes::from_static(BODY)));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::problem::Problem;
    use crate::respond;

    #[tokio::test]
    async fn the_prepared_refusal_is_what_any_other_refusal_would_be() {
        let detail =
            "more is asked for than can be answered right now; try again after the seconds in `retry-after`";
        let (usual, usual_body) = respond::problem(&Problem::unavailable("too_busy", detail)).into_parts();
        let (head, body) = too_busy(0).into_parts();
        assert_eq!((head.status, &head.headers), (usual.status, &usual.headers));
        assert_eq!(body.collect().await.unwrap().to_bytes(), usual_body.collect().await.unwrap().to_bytes());
    }

    #[test]
    fn who_is_refused_together_is_asked_to_come_back_apart() {
        let after = |count| too_busy(count).headers()[RETRY_AFTER].to_str().unwrap().to_owned();
        assert_eq!([0, 1, 2, 3].map(after), ["1", "2", "3", "1"]);
    }
}

//! A request of HTTP/1.1 says once whom it was meant for (RFC 9112, 3.2); HTTP/2 says it in its `:authority`.

use http::header::HOST;
use http::{StatusCode, Version};

use crate::problem::{Problem, Refusal};

/// # Errors
/// `400` without a host, or with two: whoever stands between could have read another one than we.
pub(crate) fn check<B>(request: &http::Request<B>) -> Result<(), Refusal> {
    if request.version() != Version::HTTP_11 {
        return Ok(());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let detail = match (hosts.next(), hosts.next()) {
        (Some(_), None) => return Ok(()),
        (None, _) => "the header `host` is not there; HTTP/1.1 needs it",
        (Some(_), Some(_)) => "the header `host` is there more than once",
    };
    let mut problem = Problem::new(StatusCode::BAD_REQUEST, "malformed_host", detail);
    problem.allowed = vec!["host: <name of this server>".to_owned()];
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_1_1_names_one_host_and_others_need_not() {
        for (version, hosts, expected) in [
            (Version::HTTP_11, 1, true),
            (Version::HTTP_11, 0, false),
            (Version::HTTP_11, 2, false),
            (Version::HTTP_10, 0, true),
            (Version::HTTP_2, 0, true),
        ] {
            let mut request = http::Request::get("/v1/shops/7").version(version);
            for _ in 0..hosts {
                request = request.header(HOST, "shops");
            }
            let checked = check(&request.body(()).unwrap());
            assert_eq!(checked.is_ok(), expected, "{version:?} with {hosts}");
        }
    }
}

//! Refusals as `application/problem+json`: what was wrong, what was given, what is allowed.

use http::StatusCode;
use serde::Serialize;

/// More of a given value is not repeated.
const GIVEN_CHARS_MAX: usize = 100;

/// One refusal. Boxed, since the good way should not carry its weight.
pub type Refusal = Box<Problem>;

/// What a client is told instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Of the response.
    #[serde(serialize_with = "number")]
    pub status: StatusCode,
    /// For programs; never changes once published.
    pub code: &'static str,
    /// For people: what to do differently.
    pub detail: String,
    /// Which parameter, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What stood there, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// What may stand there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Try again after so many seconds.
    #[serde(skip)]
    pub retry_after_s: Option<u32>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A refusal without a parameter.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Refusal {
        Box::new(Self {
            status,
            code,
            detail: detail.into(),
            parameter: None,
            given: None,
            allowed: Vec::new(),
            retry_after_s: None,
        })
    }

    /// `400` about one parameter.
    #[must_use]
    pub fn parameter(
        code: &'static str,
        parameter: &str,
        given: Option<&str>,
        detail: impl Into<String>,
        allowed: impl IntoIterator<Item = impl Into<String>>,
    ) -> Refusal {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, code, detail);
        problem.parameter = Some(shortened(parameter));
        problem.given = given.map(shortened);
        problem.allowed = allowed.into_iter().map(Into::into).collect();
        problem
    }

    /// `503`: the same request may succeed a second later.
    #[must_use]
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Refusal {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        problem.retry_after_s = Some(1);
        problem
    }

    /// `404` for a path that is none of ours.
    #[must_use]
    pub fn no_such_path(path: &str) -> Refusal {
        let mut problem = Self::new(
            StatusCode::NOT_FOUND,
            "no_such_path",
            "nothing is served here; `allowed` lists the paths there are",
        );
        problem.given = Some(shortened(path));
        problem.allowed = PATHS.map(str::to_owned).to_vec();
        problem
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, a number and a list: serde_json has no reason to refuse them.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// All that is served, for those who lost their way.
const PATHS: [&str; 7] = [
    "/v1/cells/{h3}/shops?category=&sort=&cursor=",
    "/v1/shops?lat=&lng=&category=&sort=&cursor=",
    "/v1/search?q=&cell=&category=&sort=&cursor=",
    "/v1/shops?ids=&min_revision=",
    "/v1/shops/{id}?min_revision=",
    "/v1/availability?ids=&lat=&lng=",
    "/",
];

fn shortened(given: &str) -> String {
    match given.char_indices().nth(GIVEN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &given[..end]),
        None => given.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_not_sent_back_whole() {
        let problem = Problem::no_such_path(&"ä".repeat(10_000));
        assert_eq!(problem.given.as_ref().map(|given| given.chars().count()), Some(GIVEN_CHARS_MAX + 1));
        assert!(problem.to_json().len() < 1_000);
    }
}

//! `?ids=1,2` -> values, or the parameter that is wrong. Pure but for the extractor at its end.

use std::borrow::Cow;
use std::str::FromStr;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use shop_id::ShopId;

use super::problem::Problem;

/// 200 IDs of the largest size, each comma written as `%2C`.
const QUERY_BYTES_MAX: usize = 8_192;

/// A query, each parameter of which is allowed and stands there once.
#[derive(Debug)]
pub(super) struct Params<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Params<'a> {
    pub(super) fn read(query: Option<&'a str>, allowed: &[&str]) -> Result<Self, Problem> {
        let query = query.unwrap_or_default();
        if query.len() > QUERY_BYTES_MAX {
            let detail = format!("a query of {} bytes, expected at most {QUERY_BYTES_MAX}", query.len());
            return Err(Problem::new(414, "uri_too_long", detail));
        }
        let mut params: Vec<(&str, Cow<'_, str>)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !allowed.contains(&name) {
                return Err(Problem::parameter("unknown_parameter", name, value, expected_names(allowed)));
            }
            if params.iter().any(|(known, _)| *known == name) {
                return Err(Problem::parameter("repeated_parameter", name, value, "the parameter once"));
            }
            let value = percent_decode_str(value).decode_utf8();
            let value =
                value.map_err(|_| Problem::parameter("no_text", name, pair, "percent-encoded UTF-8"))?;
            params.push((name, value));
        }
        Ok(Self(params))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref())
    }

    /// A value that says itself what is wrong with it.
    pub(super) fn parsed<T>(
        &self,
        code: &'static str,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Problem>
    where
        T: FromStr,
    {
        let wrong = |value| Problem::parameter(code, name, value, expected);
        self.get(name).map(|value| value.parse().map_err(|_| wrong(value))).transpose()
    }

    /// From 1 to the bound, which is also what is taken when nothing is said.
    pub(super) fn limit(&self, max: usize) -> Result<usize, Problem> {
        let Some(value) = self.get("limit") else { return Ok(max) };
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let limit = value.parse().ok().filter(|limit| digits && (1..=max).contains(limit));
        limit.ok_or_else(|| Problem::parameter("malformed_number", "limit", value, format!("1 to {max}")))
    }

    /// One to `max` IDs.
    pub(super) fn ids(value: &str, max: usize) -> Result<Vec<ShopId>, Problem> {
        let count = value.split(',').count();
        if count > max {
            let given = format!("{count} IDs");
            return Err(Problem::parameter("too_many_ids", "ids", &given, format!("1 to {max}")));
        }
        let parse = |id: &str| id.parse().map_err(|_| wrong_id("ids", id));
        value.split(',').map(parse).collect()
    }
}

fn expected_names(allowed: &[&str]) -> String {
    match allowed {
        [] => "no parameters here".to_owned(),
        names => format!("one of `{}`", names.join("`, `")),
    }
}

fn wrong_id(name: &str, given: &str) -> Problem {
    let expected = "a whole number from 1 to 18446744073709551615 without leading zeros";
    Problem::parameter("malformed_id", name, given, expected)
}

/// The ID in `/v1/.../{id}`, on paths that take no parameters.
pub(super) struct ShopPath(pub(super) ShopId);

impl<S: Send + Sync> FromRequestParts<S> for ShopPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Params::read(parts.uri.query(), &[])?;
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        let given = parts.uri.path();
        let Path(id) =
            path.map_err(|_| Problem::parameter("no_text", "id", given, "percent-encoded UTF-8"))?;
        id.parse().map(Self).map_err(|_| wrong_id("id", &id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        let read = || {
            let params = Params::read(Some(query), &["ids", "after", "limit"])?;
            params.limit(1_000)?;
            params.parsed::<shop_id::Revision>("malformed_cursor", "after", "`<epoch>-<counter>`")?;
            params.get("ids").map(|ids| Params::ids(ids, 3)).transpose()
        };
        match read() {
            Ok(ids) => format!("{ids:?}"),
            Err(problem) => serde_json::to_value(problem).unwrap()["detail"].as_str().unwrap().to_owned(),
        }
    }

    #[test]
    fn every_wrong_query_names_its_parameter() {
        for (query, said) in [
            ("ids=1%2C2&limit=7&after=1-42", "Some([ShopId(1), ShopId(2)])"),
            ("", "None"),
            ("id=1", "parameter `id` is `1`, expected one of `ids`, `after`, `limit`"),
            ("ids=1&ids=2", "parameter `ids` is `2`, expected the parameter once"),
            ("limit=0", "parameter `limit` is `0`, expected 1 to 1000"),
            ("limit=+5", "parameter `limit` is `+5`, expected 1 to 1000"),
            ("limit=1001", "parameter `limit` is `1001`, expected 1 to 1000"),
            ("limit", "parameter `limit` is ``, expected 1 to 1000"),
            ("after=soon", "parameter `after` is `soon`, expected `<epoch>-<counter>`"),
            (
                "ids=1,,2",
                "parameter `ids` is ``, expected a whole number from 1 to 18446744073709551615 without leading zeros",
            ),
            (
                "ids=07",
                "parameter `ids` is `07`, expected a whole number from 1 to 18446744073709551615 without leading zeros",
            ),
            ("ids=1,2,3,4", "parameter `ids` is `4 IDs`, expected 1 to 3"),
            ("ids=%ff", "parameter `ids` is `ids=%ff`, expected percent-encoded UTF-8"),
        ] {
            assert_eq!(refused(query), said, "{query}");
        }
        assert!(refused(&"ids=1,".repeat(2_000)).contains("at most 8192"));
    }
}

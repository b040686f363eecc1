//! `a=1&b=2` as names and values: each name known and there once, each value text.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::problem::{Problem, Refusal};

/// See the module.
#[derive(Debug)]
pub(super) struct Parameters<'u> {
    given: Vec<(&'static str, Cow<'u, str>)>,
}

impl<'u> Parameters<'u> {
    /// Splits a query. A parameter without a value counts as left out.
    pub(super) fn read(query: &'u str, allowed: &[&'static str]) -> Result<Self, Refusal> {
        let mut given: Vec<(&'static str, Cow<'u, str>)> = Vec::new();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let name = decoded(name).ok_or_else(|| no_text(name, name))?;
            let Some(known) = allowed.iter().find(|known| **known == name) else {
                return Err(unknown(&name, allowed));
            };
            if given.iter().any(|(before, _)| before == known) {
                let detail = "a parameter may be given once; remove one of the two";
                return Err(Problem::parameter("repeated_parameter", known, None, detail, [""; 0]));
            }
            let value = decoded(value).ok_or_else(|| no_text(known, value))?;
            given.push((known, value));
        }
        Ok(Self { given })
    }

    /// A value that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.given.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| value.as_ref()).filter(|value| !value.is_empty())
    }

    /// Named, but without a value.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.given.iter().any(|(given, value)| *given == name && value.is_empty())
    }

    /// Refuses those that do not go together with what else was given.
    pub(super) fn allow_only(&self, allowed: &[&'static str]) -> Result<(), Refusal> {
        // What has no value was left out.
        let stray = self.given.iter().find(|(name, value)| !value.is_empty() && !allowed.contains(name));
        stray.map_or(Ok(()), |(name, _)| Err(unknown(name, allowed)))
    }
}

/// Both spellings of a blank are understood.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Some(Cow::Owned(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned()));
    }
    percent_decode_str(text).decode_utf8().ok()
}

fn unknown(name: &str, allowed: &[&'static str]) -> Refusal {
    let detail = if allowed.is_empty() {
        "nothing may be asked for here; remove the parameter".to_owned()
    } else {
        format!("not known here; use one of {}", allowed.join(", "))
    };
    Problem::parameter("unknown_parameter", name, None, detail, allowed.iter().copied())
}

/// Escapes that make no UTF-8.
pub(super) fn no_text(name: &str, given: &str) -> Refusal {
    let detail = "the escapes (`%41`) make no UTF-8 text";
    Problem::parameter("no_text", name, Some(given), detail, ["percent-encoded UTF-8"])
}

//! Strong `ETag`s, made from all that decides the bytes of a page instead of from the bytes: two query servers on
//! one store say the same, and a `304` needs no page.

use bytes::Bytes;
use document_store::Position;
use http::HeaderValue;
use http::header::{HeaderMap, IF_NONE_MATCH};
use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

/// Raised whenever this build renders other bytes from the same documents.
const RENDERER_VERSION: u8 = 1;

/// How the bytes are packed; part of every page's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Coding {
    /// As they are.
    Identity = 0,
}

/// Collects what decides the bytes.
#[derive(Debug)]
pub struct Validator(Vec<u8>);

impl Validator {
    /// Of one kind of page.
    #[must_use]
    pub fn of(kind: u8, coding: Coding) -> Self {
        // 25 slots of 25 bytes, and what stands around them.
        let mut bytes = Vec::with_capacity(1_024);
        bytes.extend_from_slice(&[RENDERER_VERSION, kind, coding as u8]);
        Self(bytes)
    }

    /// A number.
    pub fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A text, or that there is none.
    pub fn text(&mut self, text: Option<&str>) {
        // Length and content, so that two texts never run into each other; no text is as long as none.
        self.number(text.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX - 1)));
        self.0.extend_from_slice(text.unwrap_or_default().as_bytes());
    }

    /// Where a document stands.
    pub fn position(&mut self, position: Position) {
        self.0.extend_from_slice(&position.to_bytes());
    }

    /// A moment, or that it never comes.
    pub fn moment(&mut self, moment: Option<Timestamp>) {
        self.number(moment.map_or(u64::MAX, |moment| moment.as_microsecond().cast_unsigned()));
    }

    /// The tag in its quotes.
    #[must_use]
    pub fn tag(self) -> HeaderValue {
        let text = format!("\"{:032x}\"", xxh3_128(&self.0));
        // Hexadecimal digits in quotes are a header value.
        HeaderValue::from_maybe_shared(Bytes::from(text))
            .unwrap_or(const { HeaderValue::from_static("\"\"") })
    }
}

/// What a client holds already: its `If-None-Match`.
#[derive(Clone, Debug, Default)]
pub struct Conditions(Vec<HeaderValue>);

impl Conditions {
    /// Of a request.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(IF_NONE_MATCH).iter().cloned().collect())
    }

    /// Whether the client holds this page: it named the tag, weakly or not, or said `*`.
    #[must_use]
    pub fn hold(&self, tag: &HeaderValue) -> bool {
        self.0.iter().any(|given| names(given.as_bytes(), tag.as_bytes()))
    }
}

/// Walks a list of entity tags; a comma may stand within quotes.
fn names(list: &[u8], tag: &[u8]) -> bool {
    let mut rest = list;
    loop {
        rest = rest.trim_ascii_start();
        if rest == b"*" || rest.starts_with(b"*,") {
            return true;
        }
        rest = rest.strip_prefix(b"W/").unwrap_or(rest);
        if rest.first() == Some(&b'"') {
            let Some(length) = rest[1..].iter().position(|byte| *byte == b'"') else { return false };
            if &rest[..length + 2] == tag {
                return true;
            }
            rest = &rest[length + 2..];
        }
        let Some(comma) = rest.iter().position(|byte| *byte == b',') else { return false };
        rest = &rest[comma + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_name_many_tags_weak_ones_or_any() {
        let tag = b"\"abc\"";
        for held in
            ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\"", "\"a,b\",W/\"abc\" , \"z\"", "bad, \"abc\""]
        {
            assert!(names(held.as_bytes(), tag), "{held}");
        }
        for other in ["", "abc", "\"abcd\"", "\"ab\"", "\"abc", "\"*\"", "W/", ",,,", "\"x,\\\"abc\\\"\""] {
            assert!(!names(other.as_bytes(), tag), "{other}");
        }
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let tag = |texts: [Option<&str>; 2]| {
            let mut validator = Validator::of(1, Coding::Identity);
            texts.into_iter().for_each(|text| validator.text(text));
            validator.tag()
        };
        let all =
            [[Some("ab"), Some("c")], [Some("a"), Some("bc")], [Some("abc"), None], [None, Some("abc")]];
        let tags: std::collections::HashSet<_> = all.map(tag).into_iter().collect();
        assert_eq!(tags.len(), all.len());
        assert_eq!(tag(all[0]).len(), 34);
    }

    proptest::proptest! {
        #[test]
        fn no_list_of_tags_is_too_strange(list: Vec<u8>) {
            names(&list, b"\"abc\"");
        }
    }
}

//! Strong `ETag`s, made from all that decides the bytes of a page instead of from the bytes: two query servers on
//! one store say the same, and a `304` needs no page.

use bytes::Bytes;
use document_store::Position;
use http::HeaderValue;
use http::header::{HeaderMap, IF_NONE_MATCH};
use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use crate::coding::{Accepted, CODINGS};

/// Raised whenever this build renders other bytes from the same documents.
const RENDERER_VERSION: u8 = 1;

/// Collects what decides the bytes. How they are packed stands behind the tag: see [`crate::packing::Packed`].
#[derive(Debug)]
pub struct Validator(Vec<u8>);

impl Validator {
    /// Of one kind of page.
    #[must_use]
    pub fn of(kind: u8) -> Self {
        // 25 slots of 25 bytes, and what stands around them.
        let mut bytes = Vec::with_capacity(1_024);
        bytes.extend_from_slice(&[RENDERER_VERSION, kind]);
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

/// What a client holds already, its `If-None-Match`, and what it unpacks.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    held: Vec<HeaderValue>,
    /// See [`Accepted`].
    pub accepted: Accepted,
}

impl Conditions {
    /// Of a request.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let held = headers.get_all(IF_NONE_MATCH).iter().cloned().collect();
        Self { held, accepted: Accepted::of(headers) }
    }

    /// The tag under which the client holds this page, packed in whatever way it unpacks: it named it, weakly or not, or
    /// said `*`. A cache may name forms that it holds for others.
    #[must_use]
    pub fn hold(&self, tag: &HeaderValue) -> Option<HeaderValue> {
        let named =
            self.held.iter().find_map(|given| named(given.as_bytes(), tag.as_bytes(), &self.accepted))?;
        if named == tag.as_bytes() { Some(tag.clone()) } else { HeaderValue::from_bytes(named).ok() }
    }
}

/// Walks a list of entity tags; a comma may stand within quotes.
fn named<'list>(list: &'list [u8], tag: &'list [u8], accepted: &Accepted) -> Option<&'list [u8]> {
    let mut rest = list;
    loop {
        rest = rest.trim_ascii_start();
        if rest == b"*" || rest.starts_with(b"*,") {
            return Some(tag);
        }
        rest = rest.strip_prefix(b"W/").unwrap_or(rest);
        if rest.first() == Some(&b'"') {
            let length = rest[1..].iter().position(|byte| *byte == b'"')? + 2;
            if is_form_of(&rest[..length], tag, accepted) {
                return Some(&rest[..length]);
            }
            rest = &rest[length..];
        }
        let comma = rest.iter().position(|byte| *byte == b',')?;
        rest = &rest[comma + 1..];
    }
}

/// `"0123-zstd1"`, of the page `"0123"`. Other servers on the way add such endings too.
fn is_form_of(given: &[u8], tag: &[u8], accepted: &Accepted) -> bool {
    let Some((_, open)) = tag.split_last() else { return false };
    let Some(ending) = given.strip_prefix(open) else { return false };
    let Some(form) = ending.strip_prefix(b"-") else { return ending == b"\"" && accepted.takes(None) };
    let coding = CODINGS.into_iter().find(|coding| form.starts_with(coding.name().as_bytes()));
    // Another ending is another server's doing, who knows what it did.
    coding.is_none() || accepted.takes(coding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_name_many_tags_weak_ones_or_any() {
        let tag = b"\"abc\"";
        for (held, found) in [
            ("\"abc\"", "\"abc\""),
            ("W/\"abc\"", "\"abc\""),
            ("*", "\"abc\""),
            ("\"x\", \"abc\"", "\"abc\""),
            ("\"a,b\",W/\"abc\" , \"z\"", "\"abc\""),
            ("bad, \"abc\"", "\"abc\""),
            ("\"abc-zstd1\"", "\"abc-zstd1\""),
            ("\"x\", W/\"abc-gzip\"", "\"abc-gzip\""),
        ] {
            assert_eq!(named(held.as_bytes(), tag, &all()), Some(found.as_bytes()), "{held}");
        }
        for other in [
            "",
            "abc",
            "\"abcd\"",
            "\"ab\"",
            "\"ab-zstd1\"",
            "\"abc",
            "\"*\"",
            "W/",
            ",,,",
            "\"x,\\\"abc\\\"\"",
        ] {
            assert_eq!(named(other.as_bytes(), tag, &all()), None, "{other}");
        }
    }

    /// Of a client that unpacks everything.
    fn all() -> Accepted {
        accepted("zstd, br, gzip")
    }

    fn accepted(named: &'static str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static(named));
        Accepted::of(&headers)
    }

    #[test]
    fn a_form_that_a_client_cannot_unpack_is_not_held_by_it() {
        let both = b"\"abc-zstd1\", \"abc-gzip1\", \"abc\"";
        for (unpacks, held) in [
            ("gzip", Some("\"abc-gzip1\"")),
            ("zstd", Some("\"abc-zstd1\"")),
            ("br", Some("\"abc\"")),
            ("br, identity;q=0", None),
        ] {
            assert_eq!(named(both, b"\"abc\"", &accepted(unpacks)), held.map(str::as_bytes), "{unpacks}");
        }
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let tag = |texts: [Option<&str>; 2]| {
            let mut validator = Validator::of(1);
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
            let found = named(&list, b"\"abc\"", &all());
            proptest::prop_assert!(found.is_none_or(|found| found.starts_with(b"\"abc")));
        }
    }
}

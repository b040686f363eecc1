//! `Accept-Encoding` -> which packed form of a page its client gets.

use http::HeaderValue;
use http::header::{ACCEPT_ENCODING, HeaderMap};

/// How the bytes of an answer are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Coding {
    /// Zstandard: the quickest to make and to unpack.
    Zstd,
    /// Brotli: the fewest bytes, dear to make.
    Br,
    /// What every client unpacks.
    Gzip,
}

/// The better one of two equally welcome ones comes first.
pub const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Br, Coding::Gzip];

impl Coding {
    /// As in `Content-Encoding`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }

    pub(crate) const fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }
}

/// More codings are not looked at: nobody has so many.
const NAMED_MAX: usize = 32;

/// What a client unpacks: how welcome each form is, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    packed: [u16; CODINGS.len()],
    /// `None`: not named, so as welcome as what is packed at most.
    plain: Option<u16>,
    is_plain_forbidden: bool,
}

impl Accepted {
    /// Of a request. A coding is used only if it is named: `*` stands for "I did not think about it" more often than
    /// for "I unpack everything".
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        let (mut plain, mut any) = (None, None);
        // What is no text names nothing that is known here.
        let named = headers.get_all(ACCEPT_ENCODING).iter().map(|named| named.to_str().unwrap_or_default());
        for (name, weight) in named.flat_map(|named| named.split(',')).take(NAMED_MAX).map(weighed) {
            match coding_of(name) {
                Some(coding) => accepted.packed[coding as usize] = weight,
                None if name.eq_ignore_ascii_case("identity") => plain = Some(weight),
                None if name == "*" => any = Some(weight),
                None => {}
            }
        }
        accepted.plain = plain;
        accepted.is_plain_forbidden = plain.or(any) == Some(0);
        accepted
    }

    /// The most welcome packed form; `None`: as it is.
    #[must_use]
    pub fn best(&self) -> Option<Coding> {
        self.best_of(&CODINGS)
    }

    /// The most welcome one of these.
    #[must_use]
    pub fn best_of(&self, codings: &[Coding]) -> Option<Coding> {
        let mut best = None;
        // Of two that are equally welcome the packed one.
        let mut weight = self.plain.map_or(0, |plain| plain.saturating_sub(1));
        for &coding in codings {
            if self.packed[coding as usize] > weight {
                (best, weight) = (Some(coding), self.packed[coding as usize]);
            }
        }
        best
    }

    /// Whether it unpacks this coding; `None`: the plain bytes.
    #[must_use]
    pub fn takes(&self, coding: Option<Coding>) -> bool {
        coding.map_or(!self.is_plain_forbidden, |coding| self.packed[coding as usize] > 0)
    }

    /// Whether nothing that can be sent can be unpacked.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.is_plain_forbidden && self.best().is_none()
    }

    /// Whether the plain bytes are refused.
    #[must_use]
    pub const fn is_plain_forbidden(&self) -> bool {
        self.is_plain_forbidden
    }
}

fn coding_of(name: &str) -> Option<Coding> {
    let coding = CODINGS.into_iter().find(|coding| name.eq_ignore_ascii_case(coding.name()));
    // As old clients say it.
    coding.or_else(|| name.eq_ignore_ascii_case("x-gzip").then_some(Coding::Gzip))
}

/// `br;q=0.5` is brotli, half as welcome. A weight that is none is a whole one: the client can unpack it.
fn weighed(named: &str) -> (&str, u16) {
    let Some((name, weight)) = named.split_once(';') else { return (named.trim(), 1_000) };
    let weight = weight.trim();
    let weight = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q=")).map(str::trim);
    (name.trim(), weight.and_then(thousandths).unwrap_or(1_000))
}

/// `0.5` is 500, in whole numbers.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let of = |place: usize| fraction.as_bytes().get(place).map_or(0, |digit| u16::from(digit - b'0'));
    Some((whole * 1_000 + of(0) * 100 + of(1) * 10 + of(2)).min(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(named: &str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(named).unwrap());
        Accepted::of(&headers)
    }

    #[test]
    fn the_most_welcome_coding_is_taken_and_of_equal_ones_the_quickest() {
        for (named, best) in [
            ("", None),
            ("identity", None),
            ("*", None),
            ("deflate", None),
            ("gzip", Some(Coding::Gzip)),
            ("x-gzip", Some(Coding::Gzip)),
            ("gzip, deflate, br", Some(Coding::Br)),
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("GZIP ; q=1, br;q=0.9", Some(Coding::Gzip)),
            ("zstd;q=0, gzip;q=0.001", Some(Coding::Gzip)),
            ("br;q=0.25,gzip;q=0.3", Some(Coding::Gzip)),
            ("br;q=nonsense", Some(Coding::Br)),
            ("br;q=0.0000", Some(Coding::Br)),
            ("gzip;q=0", None),
            ("identity, gzip", Some(Coding::Gzip)),
            ("identity;q=1, gzip;q=0.1", None),
        ] {
            assert_eq!(accepted(named).best(), best, "{named}");
        }
    }

    #[test]
    fn the_plain_bytes_are_refused_only_where_they_are_forbidden() {
        for (named, forbidden, nothing) in [
            ("gzip, br, zstd", false, false),
            ("gzip;q=1.0, identity;q=0.5, *;q=0", false, false),
            ("identity;q=0", true, true),
            ("identity;q=0.000", true, true),
            ("gzip, *;q=0", true, false),
            ("IDENTITY; q=0", true, true),
            ("*;q=0, identity", false, false),
            ("gzip;q=0", false, false),
            ("gzip;q=0, *;q=0", true, true),
            ("", false, false),
        ] {
            let accepted = accepted(named);
            assert_eq!(
                (accepted.is_plain_forbidden(), accepted.is_nothing()),
                (forbidden, nothing),
                "{named}"
            );
        }
    }

    #[test]
    fn weights_are_read_as_they_are_written() {
        for (weight, expected) in [
            ("1", Some(1_000)),
            ("0", Some(0)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.005", Some(5)),
            ("1.000", Some(1_000)),
            ("1.5", Some(1_000)),
            ("0.", Some(0)),
            ("0.0005", None),
            ("2", None),
            ("-1", None),
            ("0.x", None),
            ("", None),
        ] {
            assert_eq!(thousandths(weight), expected, "{weight}");
        }
    }

    #[test]
    fn a_thousand_codings_cost_no_more_than_a_few() {
        let many = ",".repeat(2_000) + "gzip";
        assert_eq!(accepted(&many).best(), None);
    }

    proptest::proptest! {
        #[test]
        fn no_header_is_too_strange(named in "[ -~]{0,60}") {
            let accepted = accepted(&named);
            proptest::prop_assert!(!(accepted.is_nothing() && accepted.best().is_some()));
        }
    }
}

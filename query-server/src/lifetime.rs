//! How long an answer may be reused: never past the moment at which the clock changes a shop on it.

use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;

use crate::config::Config;

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Complete and current: the configured lifetimes.
    Full,
    /// Incomplete, stale, `404`, `410`: seconds.
    Short,
    /// More shops than surrogate keys: nobody could purge it, so it stays with whoever asked.
    Private,
    /// Read for one client's own change, a refusal, a failure.
    Never,
}

/// `Cache-Control` and `CDN-Cache-Control`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheHeaders {
    /// For everybody.
    pub cache_control: HeaderValue,
    /// For the CDN in front of us, which obeys it instead.
    pub cdn: Option<HeaderValue>,
}

/// The configured lifetimes, and their headers while nothing clamps them.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    full: Seconds,
    short: Seconds,
    full_headers: CacheHeaders,
    short_headers: CacheHeaders,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seconds {
    max_age: u64,
    s_maxage: u64,
    stale_while_revalidate: u64,
    stale_if_error: u64,
}

impl Lifetimes {
    /// As configured.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let full = Seconds {
            max_age: config.max_age_s,
            s_maxage: config.s_maxage_s,
            stale_while_revalidate: config.stale_while_revalidate_s,
            stale_if_error: config.stale_if_error_s,
        };
        let short = Seconds {
            max_age: config.short_age_s.min(config.max_age_s),
            s_maxage: config.short_age_s,
            stale_while_revalidate: 0,
            stale_if_error: 0,
        };
        Self { full, short, full_headers: full.headers(), short_headers: short.headers() }
    }

    /// Headers of an answer made for `now` that holds until `until` (`None`: for good).
    #[must_use]
    pub fn headers(&self, reuse: Reuse, until: Option<Timestamp>, now: Timestamp) -> CacheHeaders {
        let (seconds, unclamped) = match reuse {
            Reuse::Full => (&self.full, &self.full_headers),
            Reuse::Short => (&self.short, &self.short_headers),
            Reuse::Private => return self.private(until, now),
            Reuse::Never => return never(),
        };
        let clamped = seconds.clamped(remaining_s(until, now));
        if clamped == *seconds { unclamped.clone() } else { clamped.headers() }
    }

    fn private(&self, until: Option<Timestamp>, now: Timestamp) -> CacheHeaders {
        let max_age = self.full.max_age.min(remaining_s(until, now));
        CacheHeaders {
            cache_control: value(format!("private, max-age={max_age}")),
            cdn: Some(HeaderValue::from_static("no-store")),
        }
    }
}

/// `no-store`.
#[must_use]
pub const fn never() -> CacheHeaders {
    CacheHeaders { cache_control: HeaderValue::from_static("no-store"), cdn: None }
}

/// Whole seconds, rounded down.
fn remaining_s(until: Option<Timestamp>, now: Timestamp) -> u64 {
    let Some(until) = until else { return u64::MAX };
    u64::try_from((until.as_microsecond() - now.as_microsecond()) / 1_000_000).unwrap_or(0)
}

impl Seconds {
    fn clamped(self, remaining: u64) -> Self {
        let (max_age, s_maxage) = (self.max_age.min(remaining), self.s_maxage.min(remaining));
        // Whoever serves stale serves it after the longer of the two.
        let left = remaining - max_age.max(s_maxage);
        Self {
            max_age,
            s_maxage,
            stale_while_revalidate: self.stale_while_revalidate.min(left),
            stale_if_error: self.stale_if_error,
        }
    }

    fn headers(self) -> CacheHeaders {
        let Self { max_age, s_maxage, stale_while_revalidate, stale_if_error } = self;
        let mut stale = String::new();
        for (name, seconds) in
            [("stale-while-revalidate", stale_while_revalidate), ("stale-if-error", stale_if_error)]
        {
            if seconds > 0 {
                stale.push_str(&format!(", {name}={seconds}"));
            }
        }
        CacheHeaders {
            cache_control: value(format!("public, max-age={max_age}, s-maxage={s_maxage}{stale}")),
            cdn: Some(value(format!("public, max-age={s_maxage}{stale}"))),
        }
    }
}

fn value(text: String) -> HeaderValue {
    // Words, digits, blanks and commas are a header value.
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .unwrap_or(const { HeaderValue::from_static("no-store") })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(reuse: Reuse, until: Option<i64>) -> (String, Option<String>) {
        let at = |second| Timestamp::from_second(second).unwrap();
        let headers = Lifetimes::new(&Config::default()).headers(reuse, until.map(at), at(1_000));
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        (text(&headers.cache_control), headers.cdn.as_ref().map(text))
    }

    #[test]
    fn a_list_is_reused_as_configured_and_no_longer_than_its_shops_stay_as_they_are() {
        let all = "stale-while-revalidate=20, stale-if-error=3600";
        assert_eq!(
            said(Reuse::Full, None),
            (format!("public, max-age=2, s-maxage=10, {all}"), Some(format!("public, max-age=10, {all}")))
        );
        assert_eq!(said(Reuse::Full, Some(1_030)), said(Reuse::Full, None));
        assert_eq!(
            said(Reuse::Full, Some(1_017)).0,
            "public, max-age=2, s-maxage=10, stale-while-revalidate=7, stale-if-error=3600"
        );
        assert_eq!(said(Reuse::Full, Some(1_001)).0, "public, max-age=1, s-maxage=1, stale-if-error=3600");
        assert_eq!(said(Reuse::Full, Some(900)).0, "public, max-age=0, s-maxage=0, stale-if-error=3600");
        assert_eq!(said(Reuse::Short, None).0, "public, max-age=2, s-maxage=2");
        assert_eq!(said(Reuse::Private, Some(1_001)), ("private, max-age=1".into(), Some("no-store".into())));
        assert_eq!(said(Reuse::Never, None), ("no-store".into(), None));
    }

    /// All `name=seconds` of a header.
    fn seconds(header: &str, name: &str) -> u64 {
        let found = header.split(", ").find_map(|part| part.strip_prefix(&format!("{name}=")));
        found.map_or(0, |seconds| seconds.parse().unwrap())
    }

    proptest! {
        #[test]
        fn no_answer_outlives_the_next_change_of_its_shops(
            config in (0_u64..100, 0_u64..100, 0_u64..100, 0_u64..60),
            micros in 0_i64..200_000_000,
            remaining in -5_000_000_i64..300_000_000,
        ) {
            let config = Config {
                max_age_s: config.0,
                s_maxage_s: config.1,
                stale_while_revalidate_s: config.2,
                short_age_s: config.3,
                ..Config::default()
            };
            let now = Timestamp::from_microsecond(micros).unwrap();
            let until = Timestamp::from_microsecond(micros + remaining).unwrap();
            for reuse in [Reuse::Full, Reuse::Short, Reuse::Private] {
                let headers = Lifetimes::new(&config).headers(reuse, Some(until), now);
                for header in [Some(headers.cache_control), headers.cdn].into_iter().flatten() {
                    let header = header.to_str().unwrap();
                    let fresh = seconds(header, "max-age").max(seconds(header, "s-maxage"));
                    let reused = fresh + seconds(header, "stale-while-revalidate");
                    prop_assert!(i64::try_from(reused).unwrap() * 1_000_000 <= remaining.max(0), "{} {}", header, remaining);
                }
            }
        }
    }
}

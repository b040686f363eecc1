//! The query server's configuration: one plain struct, every number bounded, every key with a default.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use document_store::StoreAddress;
use document_store::near_cache::NearCacheLimits;
use serde::{Deserialize, Deserializer};
use service_runtime::logs::LogFormat;
use shop_search::{SearchAccess, SearchPlace, TextLimits};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// The longest lifetime and the longest patience that make sense: a day.
const DAY_S: u64 = 86_400;
const DAY_MS: u64 = DAY_S * 1_000;

/// See the module. An unknown key is refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the app's requests arrive: HTTP/1.1 and cleartext HTTP/2 on one port.
    pub public: SocketAddr,
    /// `/livez`, `/readyz`, `/startupz`, `/metrics`.
    pub ops: SocketAddr,
    /// The document store, which may come into being later: a directory, with the feature `redis`
    /// `redis://host:port/name`, with the feature `dynamodb` `dynamodb://region/table`.
    pub store: StoreAddress,
    /// A file that holds the password of the store's user.
    pub store_password_file: Option<PathBuf>,
    /// Where lists and searches are answered: `embedded` in this process, or by a search engine that an invalidator
    /// feeds, for example `http://127.0.0.1:9200/shops`.
    pub search: SearchPlace,
    /// How to show a search engine who one is.
    pub search_access: SearchAccess,
    /// How long a search engine may take; later the last good list is served. 500 ms by default, a minute at most.
    #[serde(deserialize_with = "within::<_, 1, 60_000>")]
    pub search_wait_ms: u64,
    /// Answers of a search engine kept for a second, and for while it is away. 64 MiB by default.
    #[serde(deserialize_with = "within::<_, 0, { 1024 * GIB }>")]
    pub search_bytes_max: u64,
    /// An HTML file served at `/`; without it `/` is not found.
    pub home_page: Option<PathBuf>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// 0: all connections share the runtime's threads. Above: so many threads with a listener of their own each
    /// (`SO_REUSEPORT`), 256 at most.
    #[serde(deserialize_with = "within::<_, 0, 256>")]
    pub worker_threads: u64,
    /// A section whose writer was not heard for longer is named as degraded. 1 ms to 30 days; a minute by default.
    #[serde(deserialize_with = "within::<_, 1, { 30 * DAY_MS }>")]
    pub degraded_after_ms: u64,
    /// List parts kept in this process. 2 GiB by default; 0: every get goes to the store.
    #[serde(deserialize_with = "within::<_, 0, { 1024 * GIB }>")]
    pub cards_bytes_max: u64,
    /// Detail parts kept in this process. 256 MiB by default.
    #[serde(deserialize_with = "within::<_, 0, { 1024 * GIB }>")]
    pub details_bytes_max: u64,
    /// Rendered lists and details kept for being sent again. 256 MiB by default; 0: each is composed anew.
    #[serde(deserialize_with = "within::<_, 0, { 1024 * GIB }>")]
    pub pages_bytes_max: u64,
    /// How long a list or batch waits for documents that are not resident; later ones are named missing. 150 ms by
    /// default, a minute at most.
    #[serde(deserialize_with = "within::<_, 1, 60_000>")]
    pub gather_wait_ms: u64,
    /// Open connections; further ones are told `503`. 10,000 by default.
    #[serde(deserialize_with = "within::<_, 1, 1_000_000>")]
    pub connections_max: u64,
    /// How late the threads may be before lists and searches are refused, in part and in the end all. 20 ms by
    /// default, a minute at most; 0: nobody is refused for that, the order path included.
    #[serde(deserialize_with = "within::<_, 0, 60_000>")]
    pub browse_delay_ms: u64,
    /// How late before the order path (detail, batch, availability) is refused too, when everybody else is. 200 ms by
    /// default, a minute at most; 0: never.
    #[serde(deserialize_with = "within::<_, 0, 60_000>")]
    pub order_delay_ms: u64,
    /// Requests that wait for the store at the same time, of which lists and searches may be half; fewer, while it
    /// is slower than usual. With `worker_threads` per thread. 4,096 by default.
    #[serde(deserialize_with = "within::<_, 64, 1_000_000>")]
    pub waiting_max: u64,
    /// Reads that wait for their own change at the same time. With `worker_threads` per thread. 128 by default.
    #[serde(deserialize_with = "within::<_, 1, 100_000>")]
    pub own_writes_max: u64,
    /// Requests at the same time on one HTTP/2 connection. 128 by default.
    #[serde(deserialize_with = "within::<_, 1, 10_000>")]
    pub streams_max: u64,
    /// From the first byte of a head to its last. 10 s by default.
    #[serde(deserialize_with = "within::<_, 100, 600_000>")]
    pub header_timeout_ms: u64,
    /// How long a connection may be quiet between requests. 75 s by default.
    #[serde(deserialize_with = "within::<_, 100, 3_600_000>")]
    pub idle_timeout_ms: u64,
    /// Names and values of a request's headers together; more is `431`. 16 KiB by default.
    #[serde(deserialize_with = "within::<_, 256, { 32 * KIB }>")]
    pub headers_bytes_max: u64,
    /// Path and query; more is `414`. 4 KiB by default.
    #[serde(deserialize_with = "within::<_, 256, { 16 * KIB }>")]
    pub uri_bytes_max: u64,
    /// What an app may reuse without asking. 2 s by default.
    #[serde(deserialize_with = "within::<_, 0, DAY_S>")]
    pub max_age_s: u64,
    /// What a CDN may reuse without asking. 10 s by default.
    #[serde(deserialize_with = "within::<_, 0, DAY_S>")]
    pub s_maxage_s: u64,
    /// How much longer it may answer with the old page while it asks. 20 s by default.
    #[serde(deserialize_with = "within::<_, 0, DAY_S>")]
    pub stale_while_revalidate_s: u64,
    /// How much longer while nobody answers it. The clock does not clamp this one: an hour-old list is better than
    /// none. An hour by default.
    #[serde(deserialize_with = "within::<_, 0, DAY_S>")]
    pub stale_if_error_s: u64,
    /// Of incomplete and stale lists, of `404` and `410`. 2 s by default.
    #[serde(deserialize_with = "within::<_, 0, 60>")]
    pub short_age_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            public: local(8080),
            ops: local(8081),
            store: PathBuf::from("store").into(),
            store_password_file: None,
            search: SearchPlace::Embedded,
            search_access: SearchAccess::default(),
            search_wait_ms: 500,
            search_bytes_max: 64 * MIB,
            home_page: None,
            log_format: LogFormat::default(),
            worker_threads: 0,
            degraded_after_ms: 60_000,
            cards_bytes_max: 2 * GIB,
            details_bytes_max: 256 * MIB,
            pages_bytes_max: 256 * MIB,
            gather_wait_ms: 150,
            connections_max: 10_000,
            browse_delay_ms: 20,
            order_delay_ms: 200,
            waiting_max: 4_096,
            own_writes_max: 128,
            streams_max: 128,
            header_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
            headers_bytes_max: 16 * KIB,
            uri_bytes_max: 4 * KIB,
            max_age_s: 2,
            s_maxage_s: 10,
            stale_while_revalidate_s: 20,
            stale_if_error_s: 3_600,
            short_age_s: 2,
        }
    }
}

impl Config {
    /// What may be resident.
    #[must_use]
    pub fn near_cache_limits(&self) -> NearCacheLimits {
        NearCacheLimits {
            cards_bytes_max: size(self.cards_bytes_max),
            details_bytes_max: size(self.details_bytes_max),
        }
    }

    /// What the first scan may leave to be indexed until the lists are there: those parts are in the near cache anyway, and
    /// lists should not wait for words.
    #[must_use]
    pub fn text_limits(&self) -> TextLimits {
        let least = TextLimits::default().waiting_bytes_max;
        TextLimits { waiting_bytes_max: self.cards_bytes_max.max(least) }
    }

    /// See [`Config::degraded_after_ms`].
    #[must_use]
    pub const fn degraded_after(&self) -> Duration {
        Duration::from_millis(self.degraded_after_ms)
    }

    /// See [`Config::gather_wait_ms`].
    #[must_use]
    pub const fn gather_wait(&self) -> Duration {
        Duration::from_millis(self.gather_wait_ms)
    }
}

/// A number of bytes or things; on a machine whose addresses are narrower, all there are.
pub(crate) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A whole number from `LEAST` to `MOST`.
fn within<'de, D: Deserializer<'de>, const LEAST: u64, const MOST: u64>(given: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(given)?;
    if (LEAST..=MOST).contains(&number) {
        Ok(number)
    } else {
        let refused = format!("`{number}` is out of range, expected {LEAST} to {MOST}");
        Err(serde::de::Error::custom(refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value) -> Result<Config, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(read(serde_json::json!({})).unwrap(), Config::default());
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_the_range() {
        let refused = read(serde_json::json!({"connections_max": 0})).unwrap_err();
        assert!(refused.starts_with("`0` is out of range, expected 1 to 1000000"), "{refused}");
        let refused = read(serde_json::json!({"conections_max": 1})).unwrap_err();
        assert!(refused.contains("unknown field `conections_max`"), "{refused}");
    }

    #[test]
    fn nothing_kept_and_nothing_resident_can_be_asked_for() {
        let config = read(serde_json::json!({"cards_bytes_max": 0, "pages_bytes_max": 0})).unwrap();
        assert_eq!((config.near_cache_limits().cards_bytes_max, config.pages_bytes_max), (0, 0));
    }
}

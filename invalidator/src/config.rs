//! What an operator can say, with what is sensible where nothing is said.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use change_events::EventsAddress;
use document_store::StoreAddress;
use serde::Deserialize;
use service_runtime::logs::LogFormat;
use shop_id::Writer;
use shop_search::{SearchAccess, SearchPlace};
use subscription::Settings;

use crate::index::IndexSettings;

/// The configuration of the invalidator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where `/livez`, `/readyz`, `/startupz` and `/metrics` are answered.
    pub ops: SocketAddr,
    /// The document store, created if it is not there: a directory, with the feature `redis`
    /// `redis://host:port/name`, with the feature `dynamodb` `dynamodb://region/table`.
    pub store: StoreAddress,
    /// A file that holds the password of the store's user.
    #[serde(default)]
    pub store_password_file: Option<PathBuf>,
    /// The largest size of the data file of a store that is a directory.
    #[serde(default)]
    pub store_map_bytes: MapBytes,
    /// Entries of the change log that are kept, over all shards, however young: whoever follows it and was away for
    /// longer than they reach back rebuilds by a scan. An entry of a shop that is listed in 40 cells takes some
    /// 160 bytes of the data file (`cargo run --release -p document-store --example log_entry_bytes`).
    #[serde(default = "defaults::log_entries_max")]
    pub log_entries_max: NonZeroU64,
    /// How writers announce changes: the directory of the embedded transport, or `sns-sqs://…`.
    pub events: EventsAddress,
    /// How often each writer is asked what changed: what a lost event costs at most.
    #[serde(default = "defaults::changed_since_interval_ms")]
    pub changed_since_interval_ms: NonZeroU64,
    /// Between two audits of the whole store.
    #[serde(default = "defaults::audit_interval_ms")]
    pub audit_interval_ms: NonZeroU64,
    /// How long a writer may take to answer for sections or changes.
    #[serde(default = "defaults::refetch_timeout_ms")]
    pub refetch_timeout_ms: NonZeroU64,
    /// How long a writer may take to answer a page of a full resync.
    #[serde(default = "defaults::page_timeout_ms")]
    pub page_timeout_ms: NonZeroU64,
    /// Refetches that run at once, per writer.
    #[serde(default = "defaults::refetches_in_flight_max")]
    pub refetches_in_flight_max: NonZeroUsize,
    /// Where query servers search: `embedded`, or a search engine that is fed from here, for example
    /// `http://127.0.0.1:9200/shops`.
    #[serde(default)]
    pub search: SearchPlace,
    /// How to show a search engine who one is.
    #[serde(default)]
    pub search_access: SearchAccess,
    /// How a search engine's index is built.
    #[serde(default)]
    pub search_index: IndexSettings,
    /// Where the writers are asked.
    pub writers: Writers,
    /// How log lines look.
    #[serde(default)]
    pub log_format: LogFormat,
}

/// One base URL for each writer of the document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writers {
    /// Of the shop writer.
    pub shop: BaseUrl,
    /// Of the ads writer.
    pub ads: BaseUrl,
    /// Of the reviews writer.
    pub reviews: BaseUrl,
}

impl Writers {
    /// All of them, in the order of `Writer::OF_THE_DOCUMENT`.
    #[must_use]
    pub const fn all(&self) -> [(Writer, &BaseUrl); 3] {
        [(Writer::Shop, &self.shop), (Writer::Ads, &self.ads), (Writer::Reviews, &self.reviews)]
    }
}

/// `http://127.0.0.1:7001`: to this, the paths of the contract are added.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(String);

impl BaseUrl {
    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let host = text.strip_prefix("http://").unwrap_or_default();
        let is_wrong = |letter: char| letter.is_whitespace() || letter == '?' || letter == '#';
        if host.is_empty() || host.starts_with(['/', ':']) || host.contains(is_wrong) {
            // Not what stands before an `@`: it may be a password.
            let shown =
                text.rsplit_once('@').map_or(text.clone(), |(_, behind)| format!("(hidden)@{behind}"));
            return Err(format!("`{shown}` is no base URL, expected for example `http://127.0.0.1:7001`"));
        }
        Ok(Self(text))
    }
}

/// Address space, not memory and not disk: the file is sparse and grows as documents come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct MapBytes(usize);

/// LMDB maps whole pages; the largest ones in use are 64 KiB.
const PAGE_BYTES: u64 = 64 << 10;
/// Less does not even hold an empty store and the copies that a transaction makes.
const MAP_BYTES_MIN: u64 = 1 << 20;

impl MapBytes {
    /// A multiple of any page size.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for MapBytes {
    /// For 1,000,000 shops: a list part of 2 kB and a detail part of 11 kB take four pages of 4 kB, some 17 GB in all;
    /// `log_entries_max` of the log take 0.7 GB. The rest is for pages that wait for readers.
    fn default() -> Self {
        Self(64 << 30)
    }
}

impl TryFrom<u64> for MapBytes {
    type Error = String;

    fn try_from(bytes: u64) -> Result<Self, String> {
        if bytes < MAP_BYTES_MIN {
            return Err(format!("`{bytes}` is too small, expected at least {MAP_BYTES_MIN}"));
        }
        let rounded =
            bytes.checked_next_multiple_of(PAGE_BYTES).and_then(|bytes| usize::try_from(bytes).ok());
        rounded.map(Self).ok_or_else(|| format!("`{bytes}` is more than this machine can address"))
    }
}

mod defaults {
    use super::{NonZeroU64, NonZeroUsize};

    const fn or_one(number: u64) -> NonZeroU64 {
        match NonZeroU64::new(number) {
            Some(number) => number,
            None => NonZeroU64::MIN,
        }
    }

    pub(super) const fn changed_since_interval_ms() -> NonZeroU64 {
        or_one(10_000)
    }

    /// A corrupt document is rare, and its shop is named missing meanwhile: an hour is soon enough.
    pub(super) const fn audit_interval_ms() -> NonZeroU64 {
        or_one(60 * 60 * 1_000)
    }

    /// More than an hour of 1,000 changes a second, more than a day of 46.
    pub(super) const fn log_entries_max() -> NonZeroU64 {
        or_one(4_000_000)
    }

    pub(super) const fn refetch_timeout_ms() -> NonZeroU64 {
        or_one(5_000)
    }

    pub(super) const fn page_timeout_ms() -> NonZeroU64 {
        or_one(30_000)
    }

    pub(super) const fn refetches_in_flight_max() -> NonZeroUsize {
        match NonZeroUsize::new(16) {
            Some(number) => number,
            None => NonZeroUsize::MIN,
        }
    }
}

impl Config {
    /// What the subscriptions are told.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let in_flight = self.refetches_in_flight_max.get();
        Settings {
            changed_since_interval: Duration::from_millis(self.changed_since_interval_ms.get()),
            refetch_timeout: Duration::from_millis(self.refetch_timeout_ms.get()),
            page_timeout: Duration::from_millis(self.page_timeout_ms.get()),
            refetches_in_flight_max: in_flight,
            // Half of them stay free for live changes.
            bulk_refetches_in_flight_max: (in_flight / 2).max(1),
            ..Settings::default()
        }
    }

    /// Between two audits.
    #[must_use]
    pub const fn audit_interval(&self) -> Duration {
        Duration::from_millis(self.audit_interval_ms.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = r#"
        ops = "127.0.0.1:7014"
        store = "data/store"
        events = "data/events"
        [writers]
        shop = "http://127.0.0.1:7001"
        ads = "http://127.0.0.1:7002/ads"
        reviews = "http://reviews.internal"
    "#;

    fn read(more: &str) -> Result<Config, String> {
        let arguments = more.split_whitespace().flat_map(|set| ["--set".to_owned(), set.to_owned()]);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("invalidator.toml");
        std::fs::write(&file, SMALLEST).unwrap();
        let file = ["--config".to_owned(), file.display().to_string()];
        service_runtime::config::load(file.into_iter().chain(arguments), []).map_err(|error| error.reason)
    }

    #[test]
    fn what_is_not_said_is_sensible() {
        let config = read("").unwrap();
        assert_eq!(config.settings().changed_since_interval, Duration::from_secs(10));
        assert_eq!(config.audit_interval(), Duration::from_secs(3_600));
        assert_eq!(config.store_map_bytes.get(), 64 << 30);
        assert_eq!(config.log_entries_max.get(), 4_000_000);
        assert_eq!((config.search, config.search_index.loss_percent_max.get()), (SearchPlace::Embedded, 1));
        let urls = config.writers.all().map(|(writer, url)| (writer, url.as_str()));
        assert_eq!(
            urls,
            [
                (Writer::Shop, "http://127.0.0.1:7001"),
                (Writer::Ads, "http://127.0.0.1:7002/ads"),
                (Writer::Reviews, "http://reviews.internal"),
            ]
        );
        assert_eq!(urls.map(|(writer, _)| writer), Writer::OF_THE_DOCUMENT);
    }

    #[test]
    fn what_is_said_is_passed_on() {
        let said = "changed_since_interval_ms=300 audit_interval_ms=500 refetch_timeout_ms=700 page_timeout_ms=900 refetches_in_flight_max=1 store_map_bytes=268435457 log_entries_max=5";
        let config = read(said).unwrap();
        let settings = config.settings();
        assert_eq!(settings.changed_since_interval, Duration::from_millis(300));
        assert_eq!(config.audit_interval(), Duration::from_millis(500));
        assert_eq!(settings.refetch_timeout, Duration::from_millis(700));
        assert_eq!(settings.page_timeout, Duration::from_millis(900));
        assert_eq!((settings.refetches_in_flight_max, settings.bulk_refetches_in_flight_max), (1, 1));
        assert_eq!(config.store_map_bytes.get(), (1 << 28) + (64 << 10));
        assert_eq!(config.log_entries_max.get(), 5);
    }

    #[test]
    fn nonsense_is_refused_with_the_expected_form() {
        for (said, expected) in [
            ("changed_since_interval_ms=0", "expected a nonzero u64"),
            ("log_entries_max=0", "expected a nonzero u64"),
            ("store_map_bytes=4096", "`4096` is too small, expected at least 1048576"),
            ("writers.shop=127.0.0.1:7001", "`127.0.0.1:7001` is no base URL, expected for example `http://"),
            ("writers.ads=https://ads", "`https://ads` is no base URL"),
            ("writers.ads=https://ads:hunter2@gateway", "`(hidden)@gateway` is no base URL"),
            (
                "search=elastic",
                "`elastic` is no place of search, expected `embedded` or for example `http://",
            ),
            ("search_index.loss_percent_max=101", "`101` is no percentage, expected 0 to 100"),
            ("search_index.on_start=forget", "unknown variant `forget`"),
            ("search_index.replica=0", "did you mean `replicas`?"),
            ("writers.ads=http://", "`http://` is no base URL"),
            ("writers.orders=http://orders", "unknown key `writers.orders`"),
            (
                "events=kafka://broker",
                "no events travel by `kafka`, expected a directory such as `data/events`",
            ),
            ("audit_interval=5", "did you mean `audit_interval_ms`?"),
        ] {
            let refused = read(said).unwrap_err();
            assert!(refused.contains(expected), "{said}: {refused}");
        }
    }
}

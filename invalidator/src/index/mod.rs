//! The index of a search engine, made from the change log: what an operator can say about it, and who does it.
//!
//! A query server with `search = "embedded"` keeps its own index and needs none of this. Otherwise one invalidator
//! follows the log from the cursor that stands in the index itself, and builds a new index where there is none to follow.

use std::num::{NonZeroU16, NonZeroUsize};

use serde::Deserialize;

#[cfg(feature = "elasticsearch")]
mod cursor; //   positions of the change log -> a line of text in the index, and back
#[cfg(feature = "elasticsearch")]
mod follower; // the change log              -> bulks, and the cursor behind them
#[cfg(feature = "elasticsearch")]
mod metrics; //  what is counted
#[cfg(feature = "elasticsearch")]
mod rebuild; //  a scan                      -> a new index beside the old one, then in its place

#[cfg(feature = "elasticsearch")]
pub use follower::{Indexing, IndexingError};
#[cfg(feature = "elasticsearch")]
pub use metrics::IndexMetrics;

/// What is done first. Anything but [`OnStart::Follow`] is for one start: `--set search_index.on_start=rebuild`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStart {
    /// The index is followed on from its cursor; a new one is built where that cannot be done.
    #[default]
    Follow,
    /// A new one is built in any case.
    Rebuild,
    /// The one before is asked again, and followed on from its own cursor.
    RollBack,
}

/// How the index is built.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexSettings {
    /// See [`OnStart`].
    pub on_start: OnStart,
    /// Parts of a new index. 1 by default: enough for a million shops.
    pub shards: NonZeroU16,
    /// Copies of each part. 1 by default; an engine of one node needs 0 to be green.
    pub replicas: u16,
    /// Korean texts are cut into morphemes beside; the engine's nodes need the plugin `analysis-nori`.
    pub nori: bool,
    /// A new index that would lose more of the shops does not take the place of the old one. 1 by default; 100: whatever
    /// it holds.
    pub loss_percent_max: Percent,
    /// Changes sent at once. 4 MiB by default; engines accept 100 MB.
    pub bulk_bytes_max: NonZeroUsize,
}

/// 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Percent(u8);

impl Percent {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for Percent {
    type Error = String;

    fn try_from(given: u64) -> Result<Self, String> {
        let percent = u8::try_from(given).ok().filter(|percent| *percent <= 100);
        percent.map(Self).ok_or_else(|| format!("`{given}` is no percentage, expected 0 to 100"))
    }
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            on_start: OnStart::default(),
            shards: NonZeroU16::MIN,
            replicas: 1,
            nori: false,
            loss_percent_max: Percent(1),
            bulk_bytes_max: const {
                match NonZeroUsize::new(4 << 20) {
                    Some(bytes) => bytes,
                    None => NonZeroUsize::MIN,
                }
            },
        }
    }
}

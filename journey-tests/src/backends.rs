//! What a marketplace stands on: directories, unless the environment names servers.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// In an address, what keeps one marketplace apart from another on the same servers.
const NAME: &str = "{name}";

/// Addresses as they stand in configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backends {
    /// Of the document store.
    pub store: String,
    /// Of the event transport.
    pub events: String,
    /// Of the shop search; `None`: the query servers' own.
    pub search: Option<String>,
}

impl Backends {
    /// From `SHOPFRONT_JOURNEY_STORE`, `SHOPFRONT_JOURNEY_EVENTS` and `SHOPFRONT_JOURNEY_SEARCH`, in which `{name}` stands for a
    /// name of this marketplace's own. What is not set is a folder of `directory`, or embedded.
    #[must_use]
    pub fn of_the_environment(directory: &Path) -> Self {
        static MARKETPLACES: AtomicU32 = AtomicU32::new(0);
        let number = MARKETPLACES.fetch_add(1, Ordering::Relaxed);
        let name = format!("journey-{}-{number}", std::process::id());
        let named = |what: &str| {
            std::env::var(format!("SHOPFRONT_JOURNEY_{what}"))
                .ok()
                .map(|address| address.replace(NAME, &name))
        };
        let folder = |folder: &str| directory.join(folder).display().to_string();
        Self {
            store: named("STORE").unwrap_or_else(|| folder("store")),
            events: named("EVENTS").unwrap_or_else(|| folder("events")),
            search: named("SEARCH"),
        }
    }
}

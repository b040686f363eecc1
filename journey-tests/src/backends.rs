//! What a marketplace stands on: directories, unless servers are named.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// In an address, what keeps one marketplace apart from another on the same servers.
const NAME: &str = "{name}";

/// Addresses with [`NAME`] in them; what is not named is a folder of the marketplace's own, or embedded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Of the document store.
    pub store: Option<String>,
    /// Of the event transport.
    pub events: Option<String>,
    /// Of the shop search.
    pub search: Option<String>,
}

impl Named {
    /// `SHOPFRONT_JOURNEY_STORE`, `SHOPFRONT_JOURNEY_EVENTS` and `SHOPFRONT_JOURNEY_SEARCH`, in which `{name}` stands for a
    /// name of the marketplace's own.
    #[must_use]
    pub fn by_the_environment() -> Self {
        let named = |what: &str| std::env::var(format!("SHOPFRONT_JOURNEY_{what}")).ok();
        Self { store: named("STORE"), events: named("EVENTS"), search: named("SEARCH") }
    }
}

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
    /// Of one marketplace, with its folders in `directory`.
    #[must_use]
    pub fn of(named: &Named, directory: &Path) -> Self {
        static MARKETPLACES: AtomicU32 = AtomicU32::new(0);
        let number = MARKETPLACES.fetch_add(1, Ordering::Relaxed);
        let name = format!("journey-{}-{number}", std::process::id());
        let own = |address: &Option<String>| address.as_ref().map(|address| address.replace(NAME, &name));
        let folder = |folder: &str| directory.join(folder).display().to_string();
        Self {
            store: own(&named.store).unwrap_or_else(|| folder("store")),
            events: own(&named.events).unwrap_or_else(|| folder("events")),
            search: own(&named.search),
        }
    }
}

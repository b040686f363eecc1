//! What configurations lead to: each dependency once, however many programs name it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use change_events::EventsAddress;
use document_store::StoreAddress;
use serde::Deserialize;
use shop_id::Writer;
use shop_search::{SearchAccess, SearchPlace};

use super::{Found, events, search, store, writers};

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Dependency {
    Store(StoreAddress, Option<PathBuf>),
    Events(EventsAddress, Vec<Writer>),
    Search(SearchPlace, SearchAccess),
    Writer(Writer, String),
}

/// What a doctor reads of any program's configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Configuration {
    store: Option<StoreAddress>,
    store_password_file: Option<PathBuf>,
    events: Option<EventsAddress>,
    search: Option<SearchPlace>,
    search_access: SearchAccess,
    writers: BTreeMap<Writer, String>,
}

impl Dependency {
    /// In the order in which one change travels.
    pub(super) fn of_files(files: &[PathBuf]) -> anyhow::Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for file in files {
            for dependency in read(file)?.dependencies() {
                if !all.contains(&dependency) {
                    all.push(dependency);
                }
            }
        }
        anyhow::ensure!(
            !all.is_empty(),
            "no configuration names a store, a transport, a search engine or a writer"
        );
        all.sort_by_key(Self::place);
        Ok(all)
    }

    const fn place(&self) -> u8 {
        match self {
            Self::Writer(..) => 0,
            Self::Events(..) => 1,
            Self::Store(..) => 2,
            Self::Search(..) => 3,
        }
    }

    pub(super) fn kind(&self) -> String {
        match self {
            Self::Writer(writer, _) => format!("writer {writer}"),
            Self::Events(..) => "events".to_owned(),
            Self::Store(..) => "document store".to_owned(),
            Self::Search(..) => "search".to_owned(),
        }
    }

    /// Without secrets.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Writer(_, url) => url.clone(),
            Self::Events(address, _) => address.to_string(),
            Self::Store(address, _) => address.to_string(),
            Self::Search(SearchPlace::Embedded, _) => "embedded".to_owned(),
            Self::Search(SearchPlace::Engine(address), _) => address.to_string(),
        }
    }

    pub(super) async fn ask(&self, patience: Duration) -> Found {
        match self {
            Self::Writer(writer, url) => writers::ask(*writer, url, patience).await,
            Self::Events(address, writers) => events::ask(address, writers).await,
            Self::Store(address, password_file) => store::ask(address, password_file.as_deref()).await,
            Self::Search(place, access) => search::ask(place, access).await,
        }
    }
}

impl Configuration {
    fn dependencies(self) -> Vec<Dependency> {
        let Self { store, store_password_file, events, search, search_access, writers } = self;
        let of_the_document = || Writer::OF_THE_DOCUMENT.to_vec();
        let followed = if writers.is_empty() { of_the_document() } else { writers.keys().copied().collect() };
        let mut found: Vec<Dependency> =
            writers.into_iter().map(|(writer, url)| Dependency::Writer(writer, url)).collect();
        found.extend(events.map(|events| Dependency::Events(events, followed)));
        found.extend(store.map(|store| Dependency::Store(store, store_password_file)));
        let engine = search.filter(|place| *place != SearchPlace::Embedded);
        found.extend(engine.map(|place| Dependency::Search(place, search_access)));
        found
    }
}

fn read(file: &Path) -> anyhow::Result<Configuration> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| {
        format!("`{shown}`: expected the configuration of an invalidator, a writer or a query server")
    })?;
    // Not the error's own words: it shows the line, in which a password may stand.
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        anyhow::anyhow!("`{shown}:{}`: {}", before.matches('\n').count() + 1, error.message())
    })
}

//! One of those that programs depend on: what it is called, and who asks it.

use std::path::PathBuf;
use std::time::Duration;

use change_events::EventsAddress;
use document_store::StoreAddress;
use shop_id::Writer;
use shop_search::{EngineAddress, SearchAccess};

use super::{Found, events, search, store, writers};
use crate::demo::layout::Program;

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Dependency {
    Store(StoreAddress, Option<PathBuf>),
    Events(EventsAddress, Vec<Writer>),
    Search(EngineAddress, SearchAccess),
    Writer(Writer, String),
}

/// Asked once, however many programs are told the same of it.
#[derive(Clone, Debug)]
pub(super) struct Needed {
    pub(super) dependency: Dependency,
    pub(super) by: Vec<Program>,
}

impl Needed {
    /// `document store redis://cache.internal:6379/shops, for invalidator and query-server`
    pub(super) fn shown(&self) -> String {
        let by: Vec<&str> = self.by.iter().map(|program| program.name()).collect();
        format!("{:<15} {}, for {}", self.dependency.kind(), self.dependency.address(), by.join(" and "))
    }
}

impl Dependency {
    /// In the order in which one change travels.
    pub(super) const fn place(&self) -> u8 {
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
            Self::Writer(_, url) => without_user(url),
            Self::Events(address, _) => address.to_string(),
            Self::Store(address, _) => address.to_string(),
            Self::Search(address, _) => address.to_string(),
        }
    }

    pub(super) async fn ask(&self, patience: Duration) -> Found {
        match self {
            Self::Writer(writer, url) => writers::ask(*writer, url, patience).await,
            Self::Events(address, writers) => events::ask(address, writers).await,
            Self::Store(address, password_file) => store::ask(address, password_file.as_deref()).await,
            Self::Search(address, access) => search::ask(address, access, patience).await,
        }
    }
}

/// `http://gateway:hunter2@ads.internal` is asked with the password, and shown without.
fn without_user(url: &str) -> String {
    let shown = url.split_once("://").and_then(|(scheme, rest)| {
        let (_, behind) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://(hidden)@{behind}"))
    });
    shown.unwrap_or_else(|| url.to_owned())
}

//! The real programs from the writers to the query server, on whatever store and transport is asked for.
//!
//! Writers hold real shops of London, which `shopfront demo` brought to them once; each run works on copies of their
//! databases, so that it finds the same shops whatever an earlier one changed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use document_store::{DocumentReader as _, SelectedReader};
use reqwest::Client;

use super::stores::Store;
use crate::children::{self, Child};
use crate::compare::place::Place;
use crate::compare::shops::{self, QueryServer};

/// The owners of the truth: the program, and what its database and the invalidator's key are called.
const WRITERS: [(&str, &str); 3] =
    [("shop-writer", "shop"), ("ads-writer", "ads"), ("reviews-writer", "reviews")];
/// A full resync of many shops into a slow store.
const RESYNC_MAX: Duration = Duration::from_secs(7_200);
/// Between two looks whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Three writers that hold so many shops.
#[derive(Debug)]
pub struct Writers {
    /// Of the shop writer.
    pub shop_url: String,
    events: String,
    addresses: Vec<SocketAddr>,
    children: Vec<Child>,
}

impl Writers {
    /// Started on copies of the databases; `events` is what carries their announcements.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn start(place: &Place, shops: u64, events: &str, client: &Client) -> anyhow::Result<Self> {
        let of_shops = Place::made(shops)?;
        shops::store(&of_shops, shops).await?;
        let from = of_shops.data.join("demo").join("databases");
        let folder = place.emptied("backends-writers")?;
        copied(&from, &folder)?;
        let (mut addresses, mut children) = (Vec::new(), Vec::new());
        for (program, word) in WRITERS {
            let (listen, ops) = (children::free_address()?, children::free_address()?);
            let database = folder.join(format!("{word}.sqlite")).to_string_lossy().into_owned();
            let config = toml::toml! { epoch_at_least = 1 };
            let config = with(config, [("listen", listen.to_string()), ("ops", ops.to_string())]);
            let config = with(config, [("database", database), ("events", events.to_owned())]);
            let mut child = started(place, program, &config)?;
            child.until_served(client, &format!("http://{ops}/readyz")).await?;
            addresses.push(listen);
            children.push(child);
        }
        let shop_url = format!("http://{}", addresses[0]);
        Ok(Self { shop_url, events: events.to_owned(), addresses, children })
    }

    /// Of all three.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        self.children.iter().flat_map(Child::process_ids).collect()
    }

    /// Where events of an embedded transport travel that nobody else uses.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn embedded_events(place: &Place) -> anyhow::Result<String> {
        Ok(place.emptied("backends-events")?.to_string_lossy().into_owned())
    }
}

fn with<const N: usize>(mut table: toml::Table, texts: [(&str, String); N]) -> toml::Table {
    table.extend(texts.map(|(key, text)| (key.to_owned(), toml::Value::String(text))));
    table
}

fn started(place: &Place, program: &str, config: &toml::Table) -> anyhow::Result<Child> {
    let name = format!("backends-{program}");
    let file = place.run.join(format!("{name}.toml"));
    std::fs::write(&file, config.to_string()).with_context(|| file.display().to_string())?;
    Child::start(program, place.program(program)?.arg("--config").arg(file), &place.log(&name))
}

/// Databases with what is not merged into them yet.
fn copied(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let file = file?.path();
        let name = file.file_name().context("a file has a name")?;
        std::fs::copy(&file, to.join(name)).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// The one who brings changes into a store.
///
/// # Errors
/// When it cannot be started.
pub fn invalidator(place: &Place, writers: &Writers, store: &str) -> anyhow::Result<Child> {
    let ops = children::free_address()?;
    let asked = WRITERS.iter().zip(&writers.addresses);
    let asked: toml::Table = asked
        .map(|((_, word), address)| ((*word).to_owned(), toml::Value::String(format!("http://{address}"))))
        .collect();
    let mut config = toml::Table::new();
    config.insert("writers".to_owned(), asked.into());
    let texts = [("ops", ops.to_string()), ("store", store.to_owned()), ("events", writers.events.clone())];
    started(place, "invalidator", &with(config, texts))
}

/// Waits until every writer was paged through, and the store says so.
///
/// # Errors
/// When the invalidator ends, or never gets there.
pub async fn until_complete(invalidator: &mut Child, store: &str) -> anyhow::Result<SelectedReader> {
    let address = Store::parsed(store)?;
    let reader =
        invalidator.until(RESYNC_MAX, LOOK_EVERY, async || SelectedReader::open(&address).await.ok()).await?;
    invalidator
        .until(RESYNC_MAX, LOOK_EVERY, async || {
            reader.identity().await.ok().filter(|identity| identity.complete).map(drop)
        })
        .await?;
    Ok(reader)
}

/// One that is ready, with all cards resident.
///
/// # Errors
/// When it does not get ready.
pub async fn query_server(
    place: &Place,
    store: &str,
    name: &str,
    client: &Client,
) -> anyhow::Result<QueryServer> {
    let mut server = QueryServer::start(place, &PathBuf::from(store), name, "")?;
    server.until_ready(client).await?;
    Ok(server)
}

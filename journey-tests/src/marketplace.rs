//! Writers, invalidator and query servers in an empty directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use shop_id::{ShopId, Writer};
use tempfile::TempDir;
use toml::Table;

use crate::backends::Backends;
use crate::{Program, eventually, ports::free_port, shops};

/// How a marketplace differs from the usual one.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many query servers read the one store.
    pub query_servers: usize,
    /// How often changed-since is asked. Long, so that a test sees events at work; short, where it is about them.
    pub changed_since_interval: Duration,
    /// After how long without a sign of life a section counts as degraded.
    pub degraded_after: Duration,
    /// Where the invalidator asks a writer, instead of at the writer itself.
    pub ask_instead: Vec<(Writer, String)>,
    /// More keys of the query server's configuration.
    pub query_server: Table,
    /// More keys of the invalidator's configuration.
    pub invalidator: Table,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            query_servers: 1,
            changed_since_interval: Duration::from_secs(2),
            degraded_after: Duration::from_secs(600),
            ask_instead: Vec::new(),
            query_server: Table::new(),
            invalidator: Table::new(),
        }
    }
}

/// Where one program listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// What it is for.
    pub public: u16,
    /// `/readyz`, `/metrics`.
    pub ops: u16,
}

impl Ports {
    fn free() -> Self {
        Self { public: free_port(), ops: free_port() }
    }
}

/// All programs of one small marketplace. Dropping it kills them and removes the directory.
#[derive(Debug)]
pub struct Marketplace {
    /// The owners of the truth, in the order of `Writer::OF_THE_DOCUMENT`.
    pub writers: Vec<Program>,
    /// The one writing process of the store.
    pub invalidator: Program,
    /// Who answers.
    pub query_servers: Vec<Program>,
    writer_ports: Vec<Ports>,
    invalidator_ops: u16,
    query_ports: Vec<Ports>,
    client: Client,
    backends: Backends,
    directory: TempDir,
}

impl Marketplace {
    /// Everything configured, nothing started.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn laid_out(settings: &Settings) -> anyhow::Result<Self> {
        let directory = TempDir::new()?;
        let at = directory.path();
        let backends = Backends::of_the_environment(at);
        let writer_ports = Writer::OF_THE_DOCUMENT.map(|_| Ports::free()).to_vec();
        let mut writers = Vec::new();
        for (writer, ports) in Writer::OF_THE_DOCUMENT.into_iter().zip(&writer_ports) {
            writers.push(writer_program(at, &backends, writer, *ports)?);
        }
        let invalidator_ops = free_port();
        let asked = asked_at(settings, &writer_ports);
        let invalidator =
            invalidator_program(at, "invalidator", &backends, settings, (asked, invalidator_ops))?;
        let query_ports: Vec<Ports> = (0..settings.query_servers).map(|_| Ports::free()).collect();
        let mut query_servers = Vec::new();
        for (number, ports) in query_ports.iter().enumerate() {
            query_servers.push(query_server_program(at, &backends, settings, number, *ports)?);
        }
        let client = Client::builder().timeout(Duration::from_secs(10)).build()?;
        Ok(Self {
            writers,
            invalidator,
            query_servers,
            writer_ports,
            invalidator_ops,
            query_ports,
            client,
            backends,
            directory,
        })
    }

    /// Lays the (stopped) invalidator out anew.
    ///
    /// # Errors
    /// When its configuration cannot be written.
    pub fn configure_invalidator(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let at = self.directory.path();
        let place = (asked_at(settings, &self.writer_ports), self.invalidator_ops);
        self.invalidator = invalidator_program(at, "invalidator", &self.backends, settings, place)?;
        Ok(())
    }

    /// Another invalidator on the same store, not started.
    ///
    /// # Errors
    /// When its configuration cannot be written.
    pub fn second_invalidator(&self, settings: &Settings) -> anyhow::Result<Program> {
        let at = self.directory.path();
        let place = (asked_at(settings, &self.writer_ports), free_port());
        invalidator_program(at, "second-invalidator", &self.backends, settings, place)
    }

    /// Everything started and ready.
    ///
    /// # Errors
    /// When a program does not become ready.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let mut marketplace = Self::laid_out(settings)?;
        for program in marketplace.programs() {
            program.start()?;
        }
        marketplace.ready().await?;
        Ok(marketplace)
    }

    /// Every program, in the order of the road.
    pub fn programs(&mut self) -> impl Iterator<Item = &mut Program> {
        self.writers.iter_mut().chain([&mut self.invalidator]).chain(&mut self.query_servers)
    }

    /// Waits until every program says that it is ready.
    ///
    /// # Errors
    /// Which one did not, and what it logged.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let ops: Vec<u16> = self
            .writer_ports
            .iter()
            .map(|ports| ports.ops)
            .chain([self.invalidator_ops])
            .chain(self.query_ports.iter().map(|ports| ports.ops))
            .collect();
        let client = self.client.clone();
        for (program, port) in self.programs().zip(ops) {
            let url = format!("http://127.0.0.1:{port}/readyz");
            let ready = eventually(&url, || async {
                Ok(client.get(&url).send().await?.status().is_success().then_some(()))
            });
            ready.await.with_context(|| program.log_tail())?;
        }
        Ok(())
    }

    /// The directory of the embedded store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// The directory of the embedded transport.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.directory.path().join("events")
    }

    /// One writer's process.
    pub fn writer(&mut self, writer: Writer) -> &mut Program {
        &mut self.writers[index(writer)]
    }

    /// Where one writer listens.
    #[must_use]
    pub fn writer_address(&self, writer: Writer) -> String {
        format!("http://127.0.0.1:{}", self.writer_ports[index(writer)].public)
    }

    /// Where a query server listens.
    #[must_use]
    pub fn public(&self, query_server: usize) -> String {
        format!("http://127.0.0.1:{}", self.query_ports[query_server].public)
    }

    /// Where a query server's ops port listens.
    #[must_use]
    pub fn ops(&self, query_server: usize) -> String {
        format!("http://127.0.0.1:{}", self.query_ports[query_server].ops)
    }

    /// One HTTP client for all.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// A change at a writer: the answer's JSON, or an error naming what was answered instead.
    ///
    /// # Errors
    /// When the writer is away or refuses.
    pub async fn change(
        &self,
        method: Method,
        writer: Writer,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.writer_address(writer));
        let answer = self.client.request(method, &url).json(body).send().await?;
        json_of(&url, answer).await
    }

    /// A new shop that is always open, in the one cell all journeys use.
    ///
    /// # Errors
    /// When the shop writer is away or refuses.
    pub async fn create_shop(&self, name: &str) -> anyhow::Result<ShopId> {
        let body = json!({"facts": shops::facts(name)});
        let created = self.change(Method::POST, Writer::Shop, "/v1/shops", &body).await?;
        Ok(created["shop_id"].as_str().context("a created shop has a shop_id")?.parse()?)
    }

    /// Renames a shop; the revision token.
    ///
    /// # Errors
    /// When the shop writer is away or refuses.
    pub async fn rename(&self, shop_id: ShopId, name: &str) -> anyhow::Result<String> {
        let path = format!("/v1/shops/{shop_id}");
        let changed = self.change(Method::PATCH, Writer::Shop, &path, &json!({"name": name})).await?;
        Ok(changed["revision_token"].as_str().context("a change answers a revision_token")?.to_owned())
    }

    /// Stars of a shop.
    ///
    /// # Errors
    /// When the reviews writer is away or refuses.
    pub async fn review(&self, shop_id: ShopId, count: u32) -> anyhow::Result<Value> {
        self.change(
            Method::PUT,
            Writer::Reviews,
            &format!("/v1/reviews/{shop_id}"),
            &shops::four_stars(count),
        )
        .await
    }

    /// A running campaign of a shop.
    ///
    /// # Errors
    /// When the ads writer is away or refuses.
    pub async fn advertise(&self, shop_id: ShopId, label: &str) -> anyhow::Result<Value> {
        self.change(Method::PUT, Writer::Ads, &format!("/v1/ads/{shop_id}"), &shops::campaign(label)).await
    }

    /// A read of the first query server, whatever its status.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn read(&self, path: &str) -> anyhow::Result<Response> {
        Ok(self.client.get(format!("{}{path}", self.public(0))).send().await?)
    }

    /// A successful read of a query server, as JSON.
    ///
    /// # Errors
    /// When nobody answers, or with another status.
    pub async fn read_json(&self, query_server: usize, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.public(query_server));
        let answer = self.client.get(&url).send().await?;
        json_of(&url, answer).await
    }

    /// The first page of the one list.
    ///
    /// # Errors
    /// See [`Marketplace::read_json`].
    pub async fn list(&self, query_server: usize) -> anyhow::Result<Value> {
        self.read_json(query_server, &format!("/v1/cells/{}/shops", shops::CELL)).await
    }

    /// The detail of a shop.
    ///
    /// # Errors
    /// See [`Marketplace::read_json`].
    pub async fn detail(&self, query_server: usize, shop_id: ShopId) -> anyhow::Result<Value> {
        self.read_json(query_server, &format!("/v1/shops/{shop_id}")).await
    }

    /// Waits until a shop's card in the list and its detail both fulfil a condition, at every query server.
    ///
    /// # Errors
    /// What never came true.
    pub async fn everywhere(
        &self,
        shop_id: ShopId,
        what: &str,
        fulfilled: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<()> {
        for query_server in 0..self.query_ports.len() {
            eventually(what, async || {
                let detail = self.detail(query_server, shop_id).await?;
                let list = self.list(query_server).await?;
                let card = card_of(&list, shop_id);
                Ok((fulfilled(&detail) && card.is_some_and(&fulfilled)).then_some(()))
            })
            .await?;
        }
        Ok(())
    }
}

/// A shop's card on a page.
#[must_use]
pub fn card_of(list: &Value, shop_id: ShopId) -> Option<&Value> {
    let shop_id = shop_id.to_string();
    list["shops"].as_array()?.iter().find(|card| card["id"] == shop_id.as_str())
}

async fn json_of(url: &str, answer: Response) -> anyhow::Result<Value> {
    let status = answer.status();
    let body = answer.text().await?;
    if !(StatusCode::OK..=StatusCode::NO_CONTENT).contains(&status) {
        bail!("{url} answered {status}: {body}");
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body).with_context(|| format!("{url} answered no JSON: {body}"))
}

fn index(writer: Writer) -> usize {
    Writer::OF_THE_DOCUMENT.iter().position(|known| *known == writer).unwrap_or(0)
}

fn text(value: impl std::fmt::Display) -> toml::Value {
    toml::Value::String(format!("{value}"))
}

fn address(port: u16) -> toml::Value {
    text(format!("127.0.0.1:{port}"))
}

fn milliseconds(duration: Duration) -> toml::Value {
    toml::Value::Integer(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn writer_program(at: &Path, backends: &Backends, writer: Writer, ports: Ports) -> anyhow::Result<Program> {
    let name = match writer {
        Writer::Shop => "shop-writer",
        Writer::Ads => "ads-writer",
        _ => "reviews-writer",
    };
    let mut settings = Table::new();
    settings.insert("listen".into(), address(ports.public));
    settings.insert("ops".into(), address(ports.ops));
    settings.insert("database".into(), text(at.join(format!("{writer}.sqlite")).display()));
    settings.insert("events".into(), text(&backends.events));
    Program::new(name, name, at, &settings)
}

/// Where the invalidator asks each writer.
fn asked_at(settings: &Settings, writers: &[Ports]) -> Table {
    let asked = Writer::OF_THE_DOCUMENT.into_iter().zip(writers).map(|(writer, ports)| {
        let instead = settings.ask_instead.iter().find(|(replaced, _)| *replaced == writer);
        let url =
            instead.map_or_else(|| format!("http://127.0.0.1:{}", ports.public), |(_, url)| url.clone());
        (writer.name().to_owned(), text(url))
    });
    asked.collect()
}

fn invalidator_program(
    at: &Path,
    label: &str,
    backends: &Backends,
    settings: &Settings,
    (asked, ops): (Table, u16),
) -> anyhow::Result<Program> {
    let mut table = settings.invalidator.clone();
    table.insert("ops".into(), address(ops));
    table.insert("store".into(), text(&backends.store));
    table.insert("events".into(), text(&backends.events));
    table.extend(backends.search.iter().map(|search| ("search".into(), text(search))));
    table.insert("changed_since_interval_ms".into(), milliseconds(settings.changed_since_interval));
    // Sparse files, but several marketplaces at once would still map a lot.
    table.entry("store_map_bytes").or_insert(toml::Value::Integer(1 << 28));
    table.insert("writers".into(), asked.into());
    Program::new("invalidator", label, at, &table)
}

fn query_server_program(
    at: &Path,
    backends: &Backends,
    settings: &Settings,
    number: usize,
    ports: Ports,
) -> anyhow::Result<Program> {
    let mut table = settings.query_server.clone();
    table.insert("public".into(), address(ports.public));
    table.insert("ops".into(), address(ports.ops));
    table.insert("store".into(), text(&backends.store));
    table.extend(backends.search.iter().map(|search| ("search".into(), text(search))));
    table.insert("degraded_after_ms".into(), milliseconds(settings.degraded_after));
    Program::new("query-server", &format!("query-server-{number}"), at, &table)
}

//! Writers, invalidator and query servers in an empty directory.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use shop_id::{ShopId, Writer};
use tempfile::TempDir;

use crate::backends::{Backends, Named};
use crate::settings::{Ports, asked_at, invalidator_program, query_server_program, writer_program};
use crate::transport::Transport;
use crate::{Program, eventually, ports::free_port, shops};

pub use crate::settings::Settings;

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
        let named = settings.backends.clone().unwrap_or_else(Named::by_the_environment);
        let backends = Backends::of(&named, at);
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

    /// What it stands on.
    #[must_use]
    pub const fn backends(&self) -> &Backends {
        &self.backends
    }

    /// The event transport, as its operators see it.
    ///
    /// # Errors
    /// When its address is none.
    pub fn transport(&self) -> anyhow::Result<Transport> {
        Transport::at(&self.backends.events)
    }

    /// Waits until all that is announced from now on reaches the invalidator. It is ready before that: with a transport that
    /// is away it follows the writers all the same.
    ///
    /// # Errors
    /// When it never subscribes.
    pub async fn subscribed(&self) -> anyhow::Result<()> {
        let transport = self.transport()?;
        for writer in Writer::OF_THE_DOCUMENT {
            let what = format!("the invalidator subscribes to {writer}");
            eventually(&what, async || Ok(transport.is_subscribed(writer).await?.then_some(()))).await?;
        }
        Ok(())
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

    /// Where the invalidator's ops port listens.
    #[must_use]
    pub fn invalidator_ops(&self) -> String {
        format!("http://127.0.0.1:{}", self.invalidator_ops)
    }

    /// The sum of a metric over all labels that contain `labels`; 0 while there is none.
    ///
    /// # Errors
    /// When the ops port does not answer.
    pub async fn metric(&self, ops: &str, name: &str, labels: &str) -> anyhow::Result<f64> {
        let shown = self.client.get(format!("{ops}/metrics")).send().await?.text().await?;
        let values = shown.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (named, labelled) = series.split_once('{').unwrap_or((series, ""));
            (named == name && labelled.contains(labels)).then(|| value.parse::<f64>().ok())?
        });
        Ok(values.sum())
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

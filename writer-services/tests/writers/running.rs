//! A writer in a directory of its own.

use std::path::PathBuf;
use std::time::Duration;

use change_events::EventConsumer as _;
use change_events::embedded::{EmbeddedConsumer, EmbeddedOptions};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use service_runtime::program::Context;
use shop_id::{RevisionToken, ShopId, Writer};
use tempfile::TempDir;
use writer_api::WriterClient;
use writer_services::{Config, RunError};

/// Generous: says "broken", never "slow".
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Running {
    pub(crate) writer: Writer,
    pub(crate) config: Config,
    pub(crate) context: Context,
    pub(crate) url: String,
    http: reqwest::Client,
    directory: TempDir,
}

pub(crate) fn shop(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

pub(crate) fn config_in(directory: &TempDir) -> Config {
    toml_config(&format!(
        "listen = \"127.0.0.1:0\"\nops = \"127.0.0.1:0\"\ndatabase = \"{at}/db/writer.sqlite\"\nevents = \"{at}/events\"",
        at = directory.path().display()
    ))
}

fn toml_config(text: &str) -> Config {
    let arguments = text.lines().map(|line| {
        let (key, value) = line.split_once(" = ").unwrap();
        ["--set".to_owned(), format!("{key}={}", value.trim_matches('"'))]
    });
    service_runtime::config::load(arguments.flatten(), []).unwrap()
}

impl Running {
    pub(crate) async fn start(writer: Writer) -> Self {
        Self::start_with(writer, |_| {}).await
    }

    pub(crate) async fn start_with(writer: Writer, set: impl FnOnce(&mut Config)) -> Self {
        let directory = TempDir::new().unwrap();
        let mut config = config_in(&directory);
        set(&mut config);
        let (context, url) = started(writer, &config).await.unwrap();
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Self { writer, config, context, url, http, directory }
    }

    /// An orderly end.
    pub(crate) async fn end(&self) {
        self.context.drain.begin();
        assert!(self.context.drain.finished(PATIENCE).await, "the writer does not end");
    }

    /// An orderly end and a new start on the same files, perhaps with another configuration.
    pub(crate) async fn restart(&mut self, set: impl FnOnce(&mut Config)) {
        self.end().await;
        set(&mut self.config);
        self.start_again().await;
    }

    /// After an end.
    pub(crate) async fn start_again(&mut self) {
        (self.context, self.url) = started(self.writer, &self.config).await.unwrap();
    }

    pub(crate) fn events(&self) -> PathBuf {
        self.directory.path().join("events")
    }

    pub(crate) fn client(&self) -> WriterClient {
        WriterClient::new(self.writer, self.url.clone(), PATIENCE)
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = if body.is_null() { request } else { request.json(body) };
        answer_of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, &Value::Null).await
    }

    /// A request that the helpers above cannot say.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A successful change: outcome and revision token.
    pub(crate) async fn change(&self, method: Method, path: &str, body: &Value) -> Changed {
        let (status, answer) = self.ask(method, path, body).await;
        assert!(matches!(status, 200 | 201), "{path}: {status} {answer}");
        Changed::of(&answer)
    }

    pub(crate) async fn create(&self, name: &str) -> ShopId {
        self.change(Method::POST, "/v1/shops", &json!({"facts": facts(name)})).await.shop_id
    }

    /// A number out of `/metrics`, summed over its labels.
    pub(crate) fn counted(&self, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.context.metrics.lock().unwrap()).unwrap();
        let name = format!("shopfront_writer_services_{name}{{");
        let values = text.lines().filter(|line| line.starts_with(&name));
        values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }
}

pub(crate) async fn answer_of(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn started(writer: Writer, config: &Config) -> Result<(Context, String), RunError> {
    let context = Context::default();
    let address = writer_services::start(writer, config, &context).await?;
    context.readiness.ready().unwrap();
    Ok((context, format!("http://{address}")))
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) shop_id: ShopId,
    pub(crate) outcome: String,
    pub(crate) token: RevisionToken,
}

impl Changed {
    fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let (shop_id, token) = (text("shop_id").parse().unwrap(), text("revision_token").parse().unwrap());
        Self { shop_id, outcome: text("outcome"), token }
    }

    pub(crate) fn said(&self) -> String {
        format!("{} {}", self.outcome, self.token)
    }
}

/// A shop that is open at all hours.
pub(crate) fn facts(name: &str) -> Value {
    let gbp = |amount: u32| json!({"amount": amount, "currency": "GBP"});
    json!({
        "name": name,
        "location": {"lat": 51.511_532_2, "lng": -0.116_000_3},
        "time_zone": "Europe/London",
        "categories": ["pizza"],
        "opening_hours": [{"day": "mon", "opens": "00:00", "closes": "24:00"}],
        "delivery": {
            "area": {"radius_m": 1500},
            "fee_ladder": [{"order_at_least": gbp(0), "fee": gbp(199)}],
            "min_order": gbp(1000),
            "eta_minutes": {"from": 20, "to": 35}
        },
        "menu": [{"id": "1", "group": "Pizza", "name": "Margherita", "price": gbp(950)}]
    })
}

pub(crate) fn campaign(label: &str) -> Value {
    json!({"campaigns": [{"id": "1", "label": label, "starts_at": "2020-01-01T00:00:00Z",
        "ends_at": "2100-01-01T00:00:00Z", "weight": 10}]})
}

pub(crate) fn stars(count: u32) -> Value {
    json!({"by_stars": [0, 0, 0, count, 0]})
}

/// Somebody who listens.
pub(crate) fn subscribe(running: &Running) -> EmbeddedConsumer {
    let options = EmbeddedOptions { visibility_timeout: PATIENCE, look_around: Duration::from_millis(100) };
    EmbeddedConsumer::open(&running.events(), running.writer, "listener", options)
}

/// The next events: whose, and which commit.
pub(crate) async fn heard(consumer: &EmbeddedConsumer, count: usize) -> Vec<(u64, String)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let received = tokio::time::timeout(PATIENCE, consumer.receive(100)).await;
        for delivery in received.expect("an event arrives").unwrap() {
            let event = delivery.event.unwrap();
            heard.push((event.subject.get(), event.sequence.to_string()));
            consumer.acknowledge(vec![delivery.receipt]).await.unwrap();
        }
    }
    heard
}

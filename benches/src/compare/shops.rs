//! The shops that all contestants serve: a store, made once by the demo, and query servers on it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use reqwest::Client;

use crate::children::{self, Child};
use crate::compare::place::Place;
use crate::say;

/// Seeding commits every shop at three writers and projects each change.
const SEEDING_MAX: Duration = Duration::from_secs(3_600);
/// The writers are not there any more, which the longest bound leaves unsaid: it would only add bytes.
const DEGRADED_AFTER_MS: u64 = 30 * 86_400_000;

/// Makes the store, or finds the one of an earlier run; its directory.
///
/// # Errors
/// When the demo cannot be started or does not come to its end.
pub async fn store(place: &Place, shops: u64) -> anyhow::Result<PathBuf> {
    let (demo, complete) = (place.data.join("demo"), place.data.join("complete"));
    let store = demo.join("store");
    if complete.is_file() {
        return Ok(store);
    }
    say(&format!("seeding {shops} shops, once"));
    let ready = place.data.join("ready.json");
    drop(std::fs::remove_file(&ready));
    let ports = children::free_ports(16)?;
    let mut command = place.program("shopfront")?;
    command
        .args(["demo", "--changes-per-second", "0", "--shops", &shops.to_string()])
        .args(["--writers-port", &(ports + 2).to_string()])
        .args(["--public", &format!("127.0.0.1:{ports}"), "--ops", &format!("127.0.0.1:{}", ports + 1)])
        .arg("--data-dir")
        .arg(&demo)
        .arg("--ready-file")
        .arg(&ready);
    let mut child = Child::start("shopfront demo", &mut command, &place.log("demo"))?;
    child.until(SEEDING_MAX, Duration::from_millis(100), async || ready.is_file().then_some(())).await?;
    drop(child);
    std::fs::write(&complete, "").context("remembering that all shops are there")?;
    Ok(store)
}

/// A query server with its public address.
#[derive(Debug)]
pub struct QueryServer {
    /// The process.
    pub child: Child,
    /// Where it answers the app.
    pub public: SocketAddr,
    ops: SocketAddr,
}

impl QueryServer {
    /// Starts one on the store; `more` are further lines of its configuration.
    ///
    /// # Errors
    /// When it is not built or cannot be started.
    pub fn start(place: &Place, store: &std::path::Path, name: &str, more: &str) -> anyhow::Result<Self> {
        let (public, ops) = (children::free_address()?, children::free_address()?);
        let config = place.run.join(format!("{name}.toml"));
        let store = toml::Value::String(store.to_string_lossy().into_owned());
        std::fs::write(
            &config,
            format!(
                "public = \"{public}\"\nops = \"{ops}\"\nstore = {store}\ndegraded_after_ms = {DEGRADED_AFTER_MS}\n{more}"
            ),
        )?;
        let mut command = place.program("query-server")?;
        let child = Child::start(name, command.arg("--config").arg(config), &place.log(name))?;
        Ok(Self { child, public, ops })
    }

    /// Asks its ops port until it says that it is ready.
    ///
    /// # Errors
    /// When it never does.
    pub async fn until_ready(&mut self, client: &Client) -> anyhow::Result<()> {
        self.child.until_served(client, &format!("http://{}/readyz", self.ops)).await
    }

    /// Base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.public)
    }
}

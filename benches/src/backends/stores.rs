//! A kind of store -> one of its own name, the processes behind it, and nothing of it left at the end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::ValueEnum;
use document_store::StoreAddress;
use serde::Serialize;

use super::processes;
use crate::compare::place::Place;

/// Keys that are looked for, and deleted, at once.
const KEYS_AT_ONCE: usize = 1_000;

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A directory.
    Lmdb,
    /// One Redis.
    Redis,
    /// Three masters, each with a replica.
    RedisCluster,
    /// One Valkey.
    Valkey,
    /// A stand-in on this machine.
    Dynamodb,
}

impl Kind {
    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lmdb => "LMDB",
            Self::Redis => "Redis",
            Self::RedisCluster => "Redis Cluster",
            Self::Valkey => "Valkey",
            Self::Dynamodb => "DynamoDB Local",
        }
    }

    /// The variable that says where its server is, and what `cargo xtask servers` calls that.
    #[must_use]
    pub const fn server(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Lmdb => None,
            Self::Redis => Some(("SHOPFRONT_TEST_REDIS", "redis")),
            Self::RedisCluster => Some(("SHOPFRONT_TEST_REDIS_CLUSTER", "redis-cluster")),
            Self::Valkey => Some(("SHOPFRONT_TEST_VALKEY", "valkey")),
            Self::Dynamodb => Some(("SHOPFRONT_TEST_DYNAMODB", "dynamodb")),
        }
    }
}

/// SNS and SQS.
pub const SNS_SQS: (&str, &str) = ("SHOPFRONT_TEST_SNS_SQS", "sns-sqs");
/// The program of Redis, for servers that are killed.
pub const REDIS_PROGRAM: (&str, &str) = ("SHOPFRONT_TEST_REDIS_SERVER", "redis");

/// Where the servers are that `cargo xtask servers` started.
#[derive(Clone, Debug, Default)]
pub struct Servers(BTreeMap<String, String>);

impl Servers {
    /// As the environment says.
    #[must_use]
    pub fn of_the_environment() -> Self {
        Self(std::env::vars().filter(|(name, _)| name.starts_with("SHOPFRONT_TEST_")).collect())
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// Which server is missing, and how to start it.
    pub fn get(&self, (variable, server): (&str, &str)) -> anyhow::Result<&str> {
        let value = self.0.get(variable).map(String::as_str);
        value.with_context(|| {
            format!(
                "`{variable}` is not set; `cargo xtask backends` starts what it needs, or run `cargo xtask servers up {server}`"
            )
        })
    }
}

/// One store, of a name that nobody else uses.
#[derive(Clone, Debug)]
pub struct Store {
    /// Of what kind.
    pub kind: Kind,
    /// As configurations name it.
    pub address: String,
    name: String,
    /// `127.0.0.1:6379,127.0.0.1:6380`, or a URL.
    server: String,
    folder: PathBuf,
}

impl Store {
    /// Not created yet; `section` tells it from the others of this run.
    ///
    /// # Errors
    /// When its server is not there.
    pub fn new(kind: Kind, servers: &Servers, place: &Place, section: &str) -> anyhow::Result<Self> {
        let name = format!("backends-{section}-{}", std::process::id());
        let folder = place.run.join(&name);
        let server = kind.server().map_or(Ok(""), |server| servers.get(server))?.to_owned();
        let address = address(kind, &server, &name, &folder.to_string_lossy());
        Ok(Self { kind, address, name, server, folder })
    }

    /// The same store, its server being reached at another address.
    #[must_use]
    pub fn reached_at(&self, relay: std::net::SocketAddr) -> String {
        let scheme = if self.kind == Kind::Dynamodb { "http" } else { "redis" };
        address(self.kind, &format!("{scheme}://{relay}"), &self.name, "")
    }

    /// As the store's own readers and writers want it.
    ///
    /// # Errors
    /// When it is none.
    pub fn parsed(address: &str) -> anyhow::Result<StoreAddress> {
        StoreAddress::parse(address).map_err(anyhow::Error::msg)
    }

    /// Where its server listens, the first one of several.
    ///
    /// # Errors
    /// When it has none.
    pub fn server(&self) -> anyhow::Result<std::net::SocketAddr> {
        let hosts = self.server.split_once("://").map_or("", |(_, hosts)| hosts);
        let first = hosts.split(',').next().unwrap_or_default();
        first.trim_end_matches('/').parse().with_context(|| format!("`{}` is no server", self.server))
    }

    /// All processes that keep it, replicas included; none for a directory.
    ///
    /// # Errors
    /// When they cannot be found.
    pub async fn process_ids(&self) -> anyhow::Result<Vec<u32>> {
        let ports = match self.kind {
            Kind::Lmdb => return Ok(Vec::new()),
            Kind::RedisCluster => self.nodes().await?.into_iter().map(|node| node.port).collect(),
            _ => vec![self.server()?.port()],
        };
        processes::listening_on(&ports)
    }

    /// What the server says of itself.
    pub async fn version(&self) -> String {
        let asked = async {
            let mut connection = connected(self.server()?.port()).await?;
            let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
            anyhow::Ok(version_in(&info).unwrap_or_default())
        };
        match self.kind {
            Kind::Lmdb | Kind::Dynamodb => self.kind.title().to_owned(),
            _ => format!("{} {}", self.kind.title(), asked.await.unwrap_or_default()),
        }
    }

    async fn nodes(&self) -> anyhow::Result<Vec<Node>> {
        let mut connection = connected(self.server()?.port()).await?;
        let told: String = redis::cmd("CLUSTER").arg("NODES").query_async(&mut connection).await?;
        Ok(told.lines().filter_map(Node::of).collect())
    }

    /// Takes all of it away again.
    ///
    /// # Errors
    /// When the server does not do so.
    pub async fn remove(&self) -> anyhow::Result<()> {
        match self.kind {
            Kind::Lmdb => {
                if self.folder.exists() {
                    std::fs::remove_dir_all(&self.folder)?;
                }
            }
            Kind::Redis | Kind::Valkey => remove_keys(self.server()?.port(), &self.name).await?,
            Kind::RedisCluster => {
                for node in self.nodes().await?.into_iter().filter(|node| node.is_master) {
                    remove_keys(node.port, &self.name).await?;
                }
            }
            Kind::Dynamodb => self.remove_table().await?,
        }
        Ok(())
    }

    async fn remove_table(&self) -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        // Signed by nobody: a stand-in takes any signature that looks like one.
        let answer = client
            .post(&self.server)
            .header("x-amz-target", "DynamoDB_20120810.DeleteTable")
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(serde_json::json!({"TableName": self.name}).to_string())
            .send()
            .await?;
        let status = answer.status();
        let said = answer.text().await?;
        // One that was never made is away, too.
        if !status.is_success() && !said.contains("ResourceNotFoundException") {
            bail!("table `{}` cannot be deleted: {status}: {said}", self.name);
        }
        Ok(())
    }
}

fn address(kind: Kind, server: &str, name: &str, folder: &str) -> String {
    match kind {
        Kind::Lmdb => folder.to_owned(),
        Kind::Redis | Kind::Valkey => format!("{server}/{name}"),
        Kind::RedisCluster => format!("{server}/{name}?cluster=true"),
        Kind::Dynamodb => format!("dynamodb://us-east-1/{name}?endpoint={server}&create=true"),
    }
}

/// A node of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    port: u16,
    is_master: bool,
}

impl Node {
    /// `<id> 127.0.0.1:7001@17001 myself,master - 0 …`
    fn of(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().skip(1);
        let (address, flags) = (words.next()?, words.next()?);
        let port = address.split('@').next()?.rsplit(':').next()?.parse().ok()?;
        Some(Self { port, is_master: flags.split(',').any(|flag| flag == "master") })
    }
}

/// `valkey_version`, or `redis_version`, which Valkey tells for the sake of old clients.
fn version_in(info: &str) -> Option<String> {
    let told = |name: &str| info.lines().find_map(|line| line.trim_end().strip_prefix(name));
    told("valkey_version:").or_else(|| told("redis_version:")).map(str::to_owned)
}

/// To one server of this machine.
///
/// # Errors
/// When it does not answer.
pub async fn connected(port: u16) -> anyhow::Result<redis::aio::MultiplexedConnection> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/"))?;
    Ok(client.get_multiplexed_async_connection().await?)
}

async fn remove_keys(port: u16, name: &str) -> anyhow::Result<()> {
    let mut connection = connected(port).await?;
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{{{name}:*")).arg("COUNT").arg(KEYS_AT_ONCE);
        let (next, keys): (u64, Vec<String>) = scan.query_async(&mut connection).await?;
        for key in keys {
            // One by one: in a cluster they are of different slots.
            redis::cmd("UNLINK").arg(key).query_async::<()>(&mut connection).await?;
        }
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_store_has_an_address_that_its_readers_understand() {
        for (kind, server, expected) in [
            (Kind::Lmdb, "", "/tmp/x"),
            (Kind::Redis, "redis://127.0.0.1:7", "redis://127.0.0.1:7/x"),
            (Kind::RedisCluster, "redis://127.0.0.1:7,127.0.0.1:8", "redis://127.0.0.1:7,127.0.0.1:8/x"),
            (Kind::Dynamodb, "http://127.0.0.1:7", "dynamodb://us-east-1/xxx?endpoint=http://127.0.0.1:7"),
        ] {
            let name = if kind == Kind::Dynamodb { "xxx" } else { "x" };
            let parsed = Store::parsed(&address(kind, server, name, "/tmp/x")).unwrap();
            assert_eq!(parsed.to_string(), expected);
        }
    }

    #[test]
    fn the_first_server_of_several_is_known() {
        let store = |kind, server: &str| Store {
            kind,
            address: String::new(),
            name: String::new(),
            server: server.to_owned(),
            folder: PathBuf::new(),
        };
        assert_eq!(store(Kind::RedisCluster, "redis://127.0.0.1:7,127.0.0.1:8").server().unwrap().port(), 7);
        assert_eq!(store(Kind::Dynamodb, "http://127.0.0.1:9").server().unwrap().port(), 9);
        assert!(store(Kind::Lmdb, "").server().is_err());
    }

    #[test]
    fn nodes_and_versions_are_read_from_what_servers_say() {
        let line = "07c3 127.0.0.1:30004@31004,name slave e7d1 0 1426238317239 4 connected";
        assert_eq!(Node::of(line), Some(Node { port: 30_004, is_master: false }));
        assert!(Node::of("e7d1 127.0.0.1:1@2 myself,master - 0 0 2 connected 0-5460").unwrap().is_master);
        assert_eq!(Node::of("vars currentEpoch 6"), None);
        assert_eq!(version_in("redis_version:7.2.4\r\nvalkey_version:9.1.2\r\n").unwrap(), "9.1.2");
        assert_eq!(version_in("redis_version:7.0.15\r\n").unwrap(), "7.0.15");
    }

    #[test]
    fn a_missing_server_is_named_with_the_command_that_starts_it() {
        let error = Servers::default().get(SNS_SQS).unwrap_err().to_string();
        assert!(error.contains("cargo xtask servers up sns-sqs"), "{error}");
    }
}

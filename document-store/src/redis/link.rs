//! A command -> its answer, over a connection that is made anew when it breaks.
//!
//! One connection carries the commands of all callers at once. To a replicated pair it leads to whichever of the servers
//! says that it is the master; a cluster's client keeps one to each node, and follows `MOVED` and `ASK` by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates, Value,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::failed::Failed;
use super::server::Info;
use super::values::{list, text};
use crate::address::{RedisAddress, Secret};

/// After a failed attempt to connect, all callers get its error for so long instead of trying again themselves.
const FAILED_FOR: Duration = Duration::from_millis(100);
/// Of the cluster's client, each after looking who serves the slot now: what a failover or a moved slot takes.
const CLUSTER_RETRIES: u32 = 4;
const CLUSTER_RETRY_WAIT_MAX_MS: u64 = 50;

/// One connection to wherever the store is.
#[derive(Debug)]
pub(super) struct Link {
    address: RedisAddress,
    certificates: Option<TlsCertificates>,
    wire: ArcSwapOption<Wire>,
    /// Held by the one who connects; the last failure.
    connecting: Mutex<Option<(Instant, Failed)>>,
    began: Instant,
}

/// What is connected now.
struct Wire {
    via: Via,
    /// The server at the other end; in a cluster there are many.
    server: Option<(String, u16)>,
    /// Since the link began: when the last answer came.
    answered_micros: AtomicU64,
}

enum Via {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Wire to {:?}", self.server)
    }
}

impl Link {
    /// Not connected yet.
    pub(super) fn new(address: RedisAddress, certificates: Option<TlsCertificates>) -> Self {
        Self {
            address,
            certificates,
            wire: ArcSwapOption::empty(),
            connecting: Mutex::default(),
            began: Instant::now(),
        }
    }

    pub(super) const fn is_cluster(&self) -> bool {
        self.address.is_cluster
    }

    /// Asks the node of a shard. A connection that turns out to be broken is replaced once; nothing of what is asked does
    /// harm when it is done twice, since saves compare what they replace.
    pub(super) async fn ask(&self, route: Route, command: &Cmd) -> Result<Value, Failed> {
        self.ask_for(
            self.address.patience,
            RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route)),
            command,
        )
        .await
    }

    /// The same, to be given up after another time.
    async fn ask_for(&self, patience: Duration, to: RoutingInfo, command: &Cmd) -> Result<Value, Failed> {
        let began = Instant::now();
        let asking = async {
            match self.attempt(&to, command).await {
                Err(Failed::Said(error)) if error.is_connection_dropped() => self.attempt(&to, command).await,
                settled => settled,
            }
        };
        let answer = tokio::time::timeout(patience, asking).await;
        answer.unwrap_or_else(|_| {
            self.give_up(began);
            let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            Err(Failed::Late { waited_ms })
        })
    }

    async fn attempt(&self, to: &RoutingInfo, command: &Cmd) -> Result<Value, Failed> {
        let wire = self.connected().await?;
        let answer = match &wire.via {
            Via::Server(connection) => command.query_async::<Value>(&mut connection.clone()).await,
            Via::Cluster(cluster) => {
                let answer = cluster.clone().route_command(command.clone(), to.clone()).await;
                answer.and_then(Value::extract_error)
            }
        };
        match answer {
            Ok(value) => {
                wire.answered_micros.store(self.now(), Ordering::Relaxed);
                Ok(value)
            }
            Err(error) => {
                let is_elsewhere = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
                    || error.kind() == ErrorKind::ClusterConnectionNotFound;
                // A cluster's client heals its own connections.
                let is_broken = matches!(wire.via, Via::Server(_)) && error.is_unrecoverable_error();
                if is_elsewhere || is_broken {
                    self.drop_wire(&wire);
                }
                Err(self.said(error))
            }
        }
    }

    /// A connection that is not made in time is as late as an answer that does not come.
    fn said(&self, error: RedisError) -> Failed {
        if error.is_timeout() {
            let waited_ms = u64::try_from(self.address.patience.as_millis()).unwrap_or(u64::MAX);
            return Failed::Late { waited_ms };
        }
        Failed::Said(error)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Nothing was heard over this connection for as long as somebody waited: a host that is gone says nothing either.
    fn give_up(&self, asked: Instant) {
        let asked_micros = u64::try_from((asked - self.began).as_micros()).unwrap_or(u64::MAX);
        if let Some(wire) = &*self.wire.load()
            && wire.answered_micros.load(Ordering::Relaxed) <= asked_micros
            && matches!(wire.via, Via::Server(_))
        {
            self.drop_wire(wire);
        }
    }

    fn drop_wire(&self, wire: &Arc<Wire>) {
        let current = self.wire.load();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, wire)) {
            self.wire.compare_and_swap(&*current, None);
        }
    }

    /// Another master may have been chosen: look again with the next command.
    pub(super) fn look_again(&self) {
        self.wire.store(None);
    }

    async fn connected(&self) -> Result<Arc<Wire>, Failed> {
        if let Some(wire) = self.wire.load_full() {
            return Ok(wire);
        }
        let mut last_failure = self.connecting.lock().await;
        if let Some(wire) = self.wire.load_full() {
            return Ok(wire);
        }
        if let Some((at, failed)) = &*last_failure
            && at.elapsed() < FAILED_FOR
        {
            return Err(failed.clone());
        }
        let connected = if self.is_cluster() { self.cluster().await } else { self.master().await };
        match connected {
            Ok((via, server)) => {
                *last_failure = None;
                let wire = Arc::new(Wire { via, server, answered_micros: AtomicU64::new(self.now()) });
                self.wire.store(Some(Arc::clone(&wire)));
                Ok(wire)
            }
            Err(failed) => {
                *last_failure = Some((Instant::now(), failed.clone()));
                Err(failed)
            }
        }
    }

    /// The one server, or whichever of them says that it is the master.
    async fn master(&self) -> Result<(Via, Option<(String, u16)>), Failed> {
        let hosts = &self.address.hosts;
        if let [only] = &hosts[..] {
            let connection = self.server(only).await.map_err(|error| self.said(error))?;
            return Ok((Via::Server(connection), Some(only.clone())));
        }
        let mut failure = None;
        for (host, answer) in hosts.iter().zip(join_all(hosts.iter().map(|host| self.role_of(host))).await) {
            match answer {
                Ok((connection, info)) if !info.is_replica => {
                    return Ok((Via::Server(connection), Some(host.clone())));
                }
                Ok(_) => {}
                Err(error) => failure = Some(self.said(error)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            let reason = "none of the servers says that it is the master".to_owned();
            Failed::Known(crate::StoreError::Unavailable { store: self.address.to_string(), reason })
        }))
    }

    async fn role_of(&self, host: &(String, u16)) -> Result<(MultiplexedConnection, Info), RedisError> {
        let mut connection = self.server(host).await?;
        let mut command = redis::cmd("INFO");
        let asking = command.arg("replication").query_async::<Value>(&mut connection);
        let answer = tokio::time::timeout(self.address.patience, asking).await;
        let answer =
            answer.map_err(|_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut)))??;
        Ok((connection, Info::parse(&text(&answer).unwrap_or_default())))
    }

    async fn server(&self, host: &(String, u16)) -> Result<MultiplexedConnection, RedisError> {
        let info = self.info(host)?;
        let client = match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone())?,
            None => Client::open(info)?,
        };
        // How long an answer may take is decided by whoever asks.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.address.patience))
            .set_response_timeout(None);
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    fn info(&self, (host, port): &(String, u16)) -> Result<ConnectionInfo, RedisError> {
        let address = if self.address.has_tls {
            ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host.clone(), *port)
        };
        let mut settings = RedisConnectionInfo::default();
        if let Some(username) = &self.address.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.address.password {
            settings = settings.set_password(Secret::reveal(password));
        }
        Ok(address.into_connection_info()?.set_redis_settings(settings))
    }

    async fn cluster(&self) -> Result<(Via, Option<(String, u16)>), Failed> {
        let nodes: Result<Vec<ConnectionInfo>, RedisError> =
            self.address.hosts.iter().map(|host| self.info(host)).collect();
        let mut builder = ClusterClient::builder(nodes.map_err(Failed::Said)?)
            .connection_timeout(self.address.patience)
            .response_timeout(self.address.patience)
            .retries(CLUSTER_RETRIES)
            .max_retry_wait(CLUSTER_RETRY_WAIT_MAX_MS)
            .min_retry_wait(1);
        if let Some(username) = &self.address.username {
            builder = builder.username(username);
        }
        if let Some(password) = &self.address.password {
            builder = builder.password(password.reveal());
        }
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        let client = builder.build().map_err(Failed::Said)?;
        let cluster = client.get_async_connection().await.map_err(|error| self.said(error))?;
        Ok((Via::Cluster(cluster), None))
    }

    /// What the process says of itself that serves a shard.
    pub(super) async fn info_of(&self, route: Route) -> Result<Info, Failed> {
        let answer = self.ask(route, &redis::cmd("INFO")).await?;
        Ok(Info::parse(&text(&answer).unwrap_or_default()))
    }

    /// The processes that are masters of the cluster now.
    pub(super) async fn run_ids_of_masters(&self) -> Result<Vec<String>, Failed> {
        let mut command = redis::cmd("INFO");
        command.arg("server");
        let to = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let answer = self.ask_for(self.address.patience, to, &command).await?;
        let Value::Map(answers) = answer else { return Ok(Vec::new()) };
        Ok(answers.iter().filter_map(|(_, info)| Some(Info::parse(&text(info)?).run_id)).collect())
    }

    /// Where the shards are served, to listen there: `slots` are theirs.
    pub(super) async fn servers(&self, route: Route, slots: &[u16]) -> Result<Vec<(String, u16)>, Failed> {
        if !self.is_cluster() {
            return Ok(self.connected().await?.server.clone().into_iter().collect());
        }
        let mut command = redis::cmd("CLUSTER");
        let answer = self.ask(route, command.arg("SLOTS")).await?;
        let mut servers = Vec::new();
        for range in list(answer) {
            let [Value::Int(from), Value::Int(to), Value::Array(master), ..] = &list(range)[..] else {
                continue;
            };
            let [host, Value::Int(port), ..] = &master[..] else { continue };
            if slots.iter().any(|slot| (*from..=*to).contains(&i64::from(*slot)))
                && let (Some(host), Ok(port)) = (text(host), u16::try_from(*port))
            {
                servers.push((host, port));
            }
        }
        servers.sort_unstable();
        servers.dedup();
        Ok(servers)
    }
}

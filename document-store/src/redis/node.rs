//! One server: a command -> its answer, over a connection that is made anew when it breaks.
//!
//! One connection carries the commands of all callers at once. A server that is frozen or gone costs those who ask it, and
//! nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo,
    RedisError, TlsCertificates, Value,
};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::failed::Failed;
use crate::address::RedisAddress;

/// After a failed attempt to connect, all callers get its error for so long instead of trying again themselves.
const FAILED_FOR: Duration = Duration::from_millis(100);

/// Name and port.
pub(super) type Host = (String, u16);

/// How servers of a store are connected to.
#[derive(Debug)]
pub(super) struct How {
    pub(super) address: RedisAddress,
    pub(super) certificates: Option<TlsCertificates>,
}

impl How {
    pub(super) fn patience_ms(&self) -> u64 {
        u64::try_from(self.address.patience.as_millis()).unwrap_or(u64::MAX)
    }

    async fn connect(&self, (host, port): &Host) -> Result<MultiplexedConnection, RedisError> {
        let (host, port) = (host.clone(), *port);
        let address = if self.address.has_tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let mut settings = RedisConnectionInfo::default();
        if let Some(username) = &self.address.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.address.password {
            settings = settings.set_password(password.expose_secret());
        }
        let info = address.into_connection_info()?.set_redis_settings(settings);
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
}

/// See the module.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) host: Host,
    how: Arc<How>,
    wire: ArcSwapOption<Wire>,
    /// Held by the one who connects; the last failure.
    connecting: Mutex<Option<(Instant, Failed)>>,
    began: Instant,
}

/// What is connected now.
struct Wire {
    connection: MultiplexedConnection,
    /// Since the node was made: when the last answer came.
    answered_micros: AtomicU64,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Wire")
    }
}

impl Node {
    /// Not connected yet.
    pub(super) fn new(host: Host, how: Arc<How>) -> Self {
        let (wire, connecting) = (ArcSwapOption::empty(), Mutex::default());
        Self { host, how, wire, connecting, began: Instant::now() }
    }

    /// A connection that turns out to be broken is replaced once; nothing of what is asked does harm when it is done twice,
    /// since saves compare what they replace. `is_moving`: the slot is on its way here.
    pub(super) async fn ask(&self, command: &Cmd, is_moving: bool) -> Result<Value, Failed> {
        match self.attempt(command, is_moving).await {
            Err(Failed::Said(error)) if error.is_connection_dropped() => {
                self.attempt(command, is_moving).await
            }
            settled => settled,
        }
    }

    async fn attempt(&self, command: &Cmd, is_moving: bool) -> Result<Value, Failed> {
        let wire = self.connected().await?;
        let mut connection = wire.connection.clone();
        let answer = if is_moving {
            let mut both = redis::pipe();
            both.cmd("ASKING").ignore().add_command(command.clone());
            let answers = both.query_async::<Vec<Value>>(&mut connection).await;
            answers.map(|answers| answers.into_iter().next().unwrap_or_default())
        } else {
            command.query_async::<Value>(&mut connection).await
        };
        match answer {
            Ok(value) => {
                wire.answered_micros.store(self.now(), Ordering::Relaxed);
                Ok(value)
            }
            Err(error) => {
                if error.is_unrecoverable_error() {
                    self.drop_wire(&wire);
                }
                Err(self.said(error))
            }
        }
    }

    /// A connection that is not made in time is as late as an answer that does not come.
    fn said(&self, error: RedisError) -> Failed {
        if error.is_timeout() {
            Failed::Late { waited_ms: self.how.patience_ms() }
        } else {
            Failed::Said(error)
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Nothing was heard over this connection for as long as somebody waited: a host that is gone says nothing either.
    pub(super) fn give_up(&self, asked: Instant) {
        let asked = asked.saturating_duration_since(self.began);
        let asked_micros = u64::try_from(asked.as_micros()).unwrap_or(u64::MAX);
        if let Some(wire) = &*self.wire.load()
            && wire.answered_micros.load(Ordering::Relaxed) <= asked_micros
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
        match self.how.connect(&self.host).await {
            Ok(connection) => {
                *last_failure = None;
                let wire = Arc::new(Wire { connection, answered_micros: AtomicU64::new(self.now()) });
                self.wire.store(Some(Arc::clone(&wire)));
                Ok(wire)
            }
            Err(error) => {
                let failed = self.said(error);
                *last_failure = Some((Instant::now(), failed.clone()));
                Err(failed)
            }
        }
    }
}

//! The server's push -> those who wait for the log look again.
//!
//! A client of its own (`fred`, which speaks RESP3's pushes) has the servers tell when a shard's `meta` changes, which every
//! save does. Several saves within one turn of the server's loop are told as one. Nothing depends on being told: a
//! connection that breaks, and a failover that nobody notices, cost one look-around.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::{ClientLike as _, EventInterface as _, TrackingInterface as _};
use fred::rustls::pki_types::CertificateDer;
use fred::rustls::pki_types::pem::PemObject as _;
use fred::rustls::{ClientConfig, RootCertStore};
use fred::types::config::{Config, ServerConfig, TlsConnector};
use fred::types::{Builder, RespVersion};
use futures_util::future::{select_all, try_join_all};
use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::reader::Store;

/// Between two attempts to listen.
const PAUSE: Duration = Duration::from_secs(1);
/// One attempt. The client waits for some answers without an end: of a server that is silent, or reset the connection
/// between two of its steps, nothing would be heard again.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);

/// TLS of either client takes the process's choice of cryptography. Whoever chose before is right.
pub(super) fn choose_cryptography() {
    drop(fred::rustls::crypto::ring::default_provider().install_default());
}

/// Begins with the first who waits.
#[derive(Debug, Default)]
pub(super) struct Listener {
    rung: watch::Sender<u64>,
    renewed: Arc<Notify>,
    task: OnceLock<JoinHandle<()>>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl Listener {
    /// Changes with every ring from now on.
    pub(super) fn listen(&self, store: &Arc<Store>) -> watch::Receiver<u64> {
        self.task.get_or_init(|| {
            let (store, rung) = (Arc::downgrade(store), self.rung.clone());
            tokio::spawn(listen_on(store, rung, Arc::clone(&self.renewed)))
        });
        self.rung.subscribe()
    }

    /// A ring was missed: listen anew, to whoever serves the shards now.
    pub(super) fn renew(&self) {
        // Who is connecting anyway must not do so once more.
        self.renewed.notify_waiters();
    }
}

async fn listen_on(store: Weak<Store>, rung: watch::Sender<u64>, renewed: Arc<Notify>) {
    loop {
        let Some(strong) = store.upgrade() else { return };
        let connected = tokio::time::timeout(ATTEMPT_MAX, connect(&strong)).await;
        drop(strong);
        match connected {
            Ok(Ok(mut connections)) => {
                // What was saved while nobody listened.
                rung.send_modify(|count| *count += 1);
                tokio::select! {
                    () = renewed.notified() => tracing::debug!("listening to the store anew"),
                    () = pass_on(&mut connections, &rung) => tracing::debug!("a connection that was listened to has ended"),
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "cannot listen to the store; looking around instead"),
            Err(_) => {
                tracing::debug!("nobody answers who wants to listen to the store; looking around instead");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A connection over which a server tells of saves. Dropping it closes it, at whatever step it is.
struct Listening {
    client: Client,
    connection: JoinHandle<Result<(), fred::error::Error>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// One to each server of our shards, since each tells of its own keys only.
async fn connect(store: &Store) -> Result<Vec<Listening>, Box<dyn std::error::Error + Send + Sync>> {
    let shards: Vec<u16> = (0..store.keys.shards()).collect();
    let slots: Vec<u16> = shards.iter().map(|shard| store.keys.slot(*shard)).collect();
    let prefixes: Vec<String> = shards.iter().map(|shard| store.keys.meta(*shard)).collect();
    let servers = store.rest.servers(&slots).await;
    let servers = servers.map_err(|failed| failed.told(&store.name))?;
    let connecting =
        servers.into_iter().map(|(host, port)| listening_to(store, host, port, prefixes.clone()));
    try_join_all(connecting).await
}

async fn listening_to(
    store: &Store,
    host: String,
    port: u16,
    prefixes: Vec<String>,
) -> Result<Listening, Box<dyn std::error::Error + Send + Sync>> {
    let address = &store.address;
    let tls = match (address.has_tls, &store.ca) {
        (false, _) => None,
        (true, None) => Some(TlsConnector::default_rustls()?),
        (true, Some(pem)) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate?)?;
            }
            Some(TlsConnector::from(
                ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
            ))
        }
    };
    let config = Config {
        server: ServerConfig::new_centralized(host, port),
        version: RespVersion::RESP3,
        username: address.username.clone(),
        password: address.password.as_ref().map(|password| password.expose_secret().to_owned()),
        tls: tls.map(Into::into),
        ..Config::default()
    };
    let patience = address.patience;
    let client = Builder::from_config(config)
        .with_connection_config(|connection| {
            connection.connection_timeout = patience;
            connection.internal_command_timeout = patience;
            connection.max_command_attempts = 1;
        })
        .build()?;
    // Without a policy for reconnecting, a broken connection ends the client: it is then looked for anew.
    let listening = Listening { connection: client.connect(), client };
    listening.client.wait_for_connect().await?;
    listening.client.start_tracking(prefixes, true, false, false, false).await?;
    Ok(listening)
}

/// Until one of the connections has ended.
async fn pass_on(connections: &mut [Listening], rung: &watch::Sender<u64>) {
    let listening = connections.iter_mut().map(|Listening { client, connection }| {
        let (mut told, mut failed) = (client.invalidation_rx(), client.error_rx());
        Box::pin(async move {
            loop {
                tokio::select! {
                    told = told.recv() => match told {
                        // Told of more than was taken: rung all the same.
                        Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                            rung.send_modify(|count| *count += 1);
                        }
                        Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                    },
                    _ = failed.recv() => return,
                    _ = &mut *connection => return,
                }
            }
        })
    });
    let listening: Vec<_> = listening.collect();
    if !listening.is_empty() {
        select_all(listening).await;
    }
}

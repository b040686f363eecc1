//! Who comes in: accepts, refuses and cuts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::pump::pump;
use crate::{Fault, Order};

/// More than any test opens; whoever comes then is cut at once.
const CONNECTIONS_MAX: usize = 1024;

/// Clients that wait to be accepted.
const BACKLOG: u32 = 128;

/// After an error of `accept`, of which a process without free descriptors has many.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A port that is held, whether or not somebody listens on it: nobody else may take it in between.
#[derive(Debug)]
enum Port {
    Listening(TcpListener),
    /// Bound, but not listening: the kernel refuses whoever comes.
    Refusing(TcpSocket),
}

#[derive(Debug)]
pub(crate) struct Door {
    server: SocketAddr,
    address: SocketAddr,
    port: Option<Port>,
    fault: watch::Sender<Fault>,
    open: watch::Sender<usize>,
    connections: JoinSet<()>,
}

impl Door {
    pub(crate) async fn open(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self {
            server,
            address: listener.local_addr()?,
            port: Some(Port::Listening(listener)),
            fault: watch::Sender::new(Fault::Pass),
            open: watch::Sender::new(0),
            connections: JoinSet::new(),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn open_connections(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }

    /// Until the proxy is dropped; the connections end with this.
    pub(crate) async fn keep(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                client = accepted(self.port.as_ref()) => self.let_in(client),
                Some(_) = self.connections.join_next() => {}
            }
            self.open.send_replace(self.connections.len());
        }
    }

    async fn obey(&mut self, order: Order) {
        let done = match order {
            Order::Be(fault, done) => {
                self.port = Some(self.turned(fault == Fault::Refuse));
                self.fault.send_replace(fault);
                done
            }
            Order::Cut(done) => {
                self.connections.shutdown().await;
                self.open.send_replace(0);
                done
            }
        };
        // Whoever ordered may have gone.
        let _ = done.send(());
    }

    /// The same port, listening or refusing.
    fn turned(&mut self, refuse: bool) -> Port {
        let rebound = || -> io::Result<TcpSocket> {
            let socket = TcpSocket::new_v4()?;
            // Connections that are open or just ended stand on the same port.
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            Ok(socket)
        };
        let turned = match (self.port.take(), refuse) {
            (Some(Port::Listening(listener)), true) => {
                drop(listener);
                rebound().map(Port::Refusing)
            }
            (Some(Port::Refusing(socket)), false) => socket.listen(BACKLOG).map(Port::Listening),
            (Some(port), _) => Ok(port),
            (None, _) => rebound().map(Port::Refusing),
        };
        // A test whose network cannot fail as it orders would prove nothing.
        turned.unwrap_or_else(|error| panic!("{} cannot refuse or listen: {error}", self.address))
    }

    fn let_in(&mut self, client: TcpStream) {
        if self.connections.len() < CONNECTIONS_MAX {
            self.connections.spawn(connection(client, self.server, self.fault.subscribe()));
        }
    }
}

/// The next client; never one while the port refuses.
async fn accepted(port: Option<&Port>) -> TcpStream {
    let Some(Port::Listening(listener)) = port else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((client, _)) => return client,
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// From its acceptance until one side ends it or it is cut; then both sides are reset.
async fn connection(client: TcpStream, server: SocketAddr, fault: watch::Receiver<Fault>) {
    let prepared = client.set_nodelay(true).and_then(|()| client.set_zero_linger());
    if prepared.is_err() {
        return;
    }
    // A host without power accepts nothing; the client must not learn that from the proxy.
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    if upstream.set_nodelay(true).and_then(|()| upstream.set_zero_linger()).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = upstream.into_split();
    // An orderly end of one side is passed on, and the other side may go on: half-closed connections are real.
    drop(tokio::try_join!(pump(from_client, to_server, fault.clone()), pump(from_server, to_client, fault),));
}

//! A TCP proxy inside a test's own process, which stands between a client and its server and fails as networks do.
//!
//! In: the address of a server, and at any moment a [`Fault`]. Out: an address to give to the client. It deliberately knows
//! nothing of what is spoken through it. A whole process that stops or dies is no fault of the network: tests stop and kill
//! those themselves.
//!
//! ```no_run
//! # async fn example(redis: std::net::SocketAddr) -> std::io::Result<()> {
//! use fault_proxy::{Fault, FaultProxy};
//!
//! let proxy = FaultProxy::start(redis).await?;
//! let url = format!("redis://{}", proxy.address());
//! proxy.set(Fault::HalfOpen).await;
//! // … ask for a shop: no answer ever comes …
//! proxy.set(Fault::Pass).await;
//! # drop(url);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod door; // a client connects  -> accepted, refused, or cut
mod pump; // bytes of one side  -> the other side, late, slowly or never

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use door::Door;

/// What the network does to whoever talks through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes go through.
    Pass,
    /// All bytes arrive this much later, in each direction. As many are under way as fit 1 MiB.
    Delay(Duration),
    /// No more bytes go through each connection and direction in a second.
    Limit {
        /// At least 1.
        bytes_per_second: NonZeroU32,
    },
    /// Connections are accepted, and stay open, and nothing that is sent ever arrives, as when the other host lost its power. A
    /// connection that lost bytes to it is reset when the fault ends: the other host does not remember it.
    HalfOpen,
    /// New connections are refused; those that are open go on.
    Refuse,
}

/// The proxy; it ends, and cuts what goes through it, when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
    open: watch::Receiver<usize>,
}

/// What the door is told, and by what it says that it is so.
#[derive(Debug)]
pub(crate) enum Order {
    Be(Fault, oneshot::Sender<()>),
    Cut(oneshot::Sender<()>),
}

impl FaultProxy {
    /// Listens on a free port of loopback, and passes what it hears there to the server.
    ///
    /// # Errors
    /// When no port is to be had. Whether the server is there shows when a client connects.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let (orders, received) = mpsc::channel(1);
        let door = Door::open(server).await?;
        let (address, open) = (door.address(), door.open_connections());
        tokio::spawn(door.keep(received));
        Ok(Self { address, orders, open })
    }

    /// Where clients connect to, for as long as the proxy lives.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the network does this, to connections that are open too. It is so when this returns.
    pub async fn set(&self, fault: Fault) {
        self.order(|done| Order::Be(fault, done)).await;
    }

    /// Resets all connections that are open; new ones are as the fault has it. They are gone when this returns.
    pub async fn cut(&self) {
        self.order(Order::Cut).await;
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        *self.open.borrow()
    }

    /// Waits until so many are open; tests bound it by their own timeout.
    pub async fn until_open_connections(&self, wanted: usize) {
        let mut open = self.open.clone();
        // The door lives as long as this.
        drop(open.wait_for(|open| *open == wanted).await);
    }

    async fn order(&self, order: impl FnOnce(oneshot::Sender<()>) -> Order) {
        let (done, is_done) = oneshot::channel();
        // A door that ended has no connections to fail: its runtime was shut down.
        if self.orders.send(order(done)).await.is_ok() {
            drop(is_done.await);
        }
    }
}

//! Listeners -> connections, bounded in number, ended in an orderly way.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::searches::Search;
use document_store::DocumentReader;
use service_runtime::Drain;
use service_runtime::program::{BindError, bind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;

use crate::admission::{Gate, watch};
use crate::config::{Config, size};
use crate::connection::{self, Patience};
use crate::door::Door;
use crate::metrics::{Counters, add};
use crate::problem::Problem;

/// Wait after the system refused a connection (no file descriptors, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections the kernel holds for us.
const BACKLOG: u32 = 4_096;
/// Connections that are being told that there are too many; more are dropped without a word.
const REFUSED_MAX: u64 = 256;
/// How long one of those may take to hear it.
const REFUSAL_MAX: Duration = Duration::from_secs(1);

/// All open connections of the process.
#[derive(Debug)]
pub struct Connections {
    max: u64,
    being_refused: AtomicU64,
    ending: AtomicBool,
    next: AtomicU64,
    /// To wake quiet connections when the end begins. Locked when one opens and closes.
    wakers: Mutex<HashMap<u64, Waker>>,
    counters: Arc<Counters>,
}

impl Connections {
    /// None, at most so many.
    #[must_use]
    pub fn new(max: u64, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            max,
            being_refused: AtomicU64::new(0),
            ending: AtomicBool::new(false),
            next: AtomicU64::new(0),
            wakers: Mutex::default(),
            counters,
        })
    }

    /// The end has begun: finish what runs, take nothing new.
    pub fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
        for waker in self.wakers().values() {
            waker.wake_by_ref();
        }
    }

    pub(crate) fn are_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    pub(crate) fn waking(self: &Arc<Self>) -> Waking {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Waking { connections: Arc::clone(self), number, is_known: false }
    }

    fn enter(self: &Arc<Self>) -> Option<Entered> {
        let open = self.counters.connections_open.fetch_add(1, Ordering::Relaxed) + 1;
        let entered = Entered(Arc::clone(self));
        // Dropping it gives the place back.
        (open <= self.max).then_some(entered)
    }

    fn wakers(&self) -> MutexGuard<'_, HashMap<u64, Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place among the open connections.
struct Entered(Arc<Connections>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.counters.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's entry among those to be woken.
#[derive(Debug)]
pub(crate) struct Waking {
    connections: Arc<Connections>,
    number: u64,
    is_known: bool,
}

impl Waking {
    /// A task's waker does not change: noted at its first poll.
    pub(crate) fn is_woken_with(&mut self, waker: &Waker) {
        if !self.is_known {
            self.is_known = true;
            self.connections.wakers().insert(self.number, waker.clone());
        }
    }
}

impl Drop for Waking {
    fn drop(&mut self) {
        self.connections.wakers().remove(&self.number);
    }
}

/// Listens and serves until the end has begun; the address that was bound. With `worker_threads` each thread has a
/// listener and a runtime of its own, and connections never change threads.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn listen<S: DocumentReader, Q: Search>(
    config: &Config,
    door: &Door<S, Q>,
    drain: &Drain,
) -> Result<SocketAddr, BindError> {
    let connections = Connections::new(config.connections_max, Arc::clone(door.counters()));
    let ending = (Arc::clone(&connections), drain.clone());
    tokio::spawn(async move {
        ending.1.begun().await;
        ending.0.end();
    });
    let patience = Patience::of(config);
    if config.worker_threads == 0 {
        let listener = bind("public", config.public).await?;
        let bound = listener.local_addr().unwrap_or(config.public);
        watch_over(door, config.clone());
        drain.spawn(accept(listener, door.clone(), patience, connections, drain.clone()));
        return Ok(bound);
    }
    let mut address = config.public;
    for number in 0..size(config.worker_threads) {
        let refuse = |reason| BindError { what: "public", address, reason };
        let socket = bind_shared(address).map_err(refuse)?;
        let bound = socket.local_addr().map_err(refuse)?;
        let (connections, ending) = (Arc::clone(&connections), drain.clone());
        let door = door.with_gate(Gate::new(config, Arc::clone(door.counters())));
        let config = config.clone();
        let accepting = async move {
            match socket.listen(BACKLOG) {
                Ok(listener) => {
                    watch_over(&door, config);
                    accept(listener, door, patience, connections, ending).await;
                }
                Err(error) => {
                    tracing::error!(%error, %bound, "a thread cannot listen; ending");
                    ending.begin();
                }
            }
        };
        on_a_thread_of_its_own(number, accepting, drain).map_err(refuse)?;
        // With port 0 the first one decides.
        address = bound;
    }
    Ok(address)
}

/// In the runtime whose lateness is to be measured, for as long as that is there.
fn watch_over<S: DocumentReader, Q: Search>(door: &Door<S, Q>, config: Config) {
    let (gate, delays) = (Arc::clone(door.gate()), door.delays().clone());
    door.counters().admission.show(&gate);
    tokio::spawn(async move { watch(gate, delays, &config).await });
}

fn bind_shared(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The end waits for it as for any task.
fn on_a_thread_of_its_own<F>(number: usize, accepting: F, drain: &Drain) -> std::io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ended, has_ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::Builder::new().name(format!("accept-{number}")).spawn(move || {
        runtime.block_on(accepting);
        drop(ended);
    })?;
    drain.spawn(async move {
        // Nothing is ever sent: the thread's end drops the sender.
        drop(has_ended.await);
    });
    Ok(())
}

/// Accepts until the end has begun, then waits for the connections.
async fn accept<S: DocumentReader, Q: Search>(
    listener: TcpListener,
    door: Door<S, Q>,
    patience: Patience,
    connections: Arc<Connections>,
    drain: Drain,
) {
    let running = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.begun() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        add(&connections.counters.connections, 1);
        let Some(entered) = connections.enter() else {
            refuse(stream, &connections, &running);
            continue;
        };
        // Answers are one write; waiting for more would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke");
            continue;
        }
        let serving = connection::serve(stream, door.clone(), patience, Arc::clone(&connections));
        running.spawn(async move {
            serving.await;
            drop(entered);
        });
    }
    // Whoever connects now is refused by the system and goes to another server.
    drop(listener);
    running.close();
    running.wait().await;
}

/// Tells a client that there are too many connections, in a moment or not at all.
fn refuse(mut stream: TcpStream, connections: &Arc<Connections>, running: &TaskTracker) {
    add(&connections.counters.connections_refused, 1);
    if connections.being_refused.fetch_add(1, Ordering::Relaxed) >= REFUSED_MAX {
        connections.being_refused.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let connections = Arc::clone(connections);
    running.spawn(async move {
        let saying = async {
            stream.write_all(&too_many()).await?;
            stream.shutdown().await?;
            // Closing with its request unread would throw the answer away on its side.
            let mut unread = [0; 1_024];
            for _ in 0..64 {
                if stream.read(&mut unread).await? == 0 {
                    break;
                }
            }
            Ok::<(), std::io::Error>(())
        };
        // A client that does not listen is left.
        drop(tokio::time::timeout(REFUSAL_MAX, saying).await);
        connections.being_refused.fetch_sub(1, Ordering::Relaxed);
    });
}

fn too_many() -> Vec<u8> {
    let detail = "too many connections are open; try again, or raise `connections_max`";
    let body = Problem::unavailable("too_many_connections", detail).to_json();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         retry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

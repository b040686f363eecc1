//! A port -> connections, bounded in count and time; an orderly end lets what runs finish.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use service_runtime::Drain;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// A head that takes longer is given up, and so is a connection on which nothing is asked. Longer than the 90 s for
/// which our own clients keep an idle connection, so that the side that uses it is the one that closes it.
const HEAD_MAX: Duration = Duration::from_secs(100);
/// A client that takes no byte of its answer for so long is gone.
const STALL_MAX: Duration = Duration::from_secs(30);
/// Bytes of a head.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Wait after the system refused a connection (no file descriptors, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the end begins; connections then finish what they were asked.
pub(crate) async fn serve(listener: TcpListener, router: Router, connections_max: usize, drain: Drain) {
    let free = Arc::new(Semaphore::new(connections_max.max(1)));
    loop {
        let accepted = tokio::select! {
            () = drain.begun() => return,
            accepted = accept(&listener, &free) => accepted,
        };
        match accepted {
            Ok((connection, permit)) => {
                drain.spawn(converse(connection, router.clone(), drain.clone(), permit));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// First room, then a connection: who comes too many waits in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(free).acquire_owned().await.map_err(io::Error::other)?;
    let (connection, _) = listener.accept().await?;
    // Small answers are not to wait for more.
    connection.set_nodelay(true)?;
    Ok((connection, permit))
}

async fn converse(connection: TcpStream, router: Router, drain: Drain, permit: OwnedSemaphorePermit) {
    let service = TowerToHyperService::new(router);
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Unstalled::new(connection)), service);
    tokio::pin!(conversation);
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = drain.begun() => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(permit);
}

/// A connection whose writes fail once nothing could be written for [`STALL_MAX`]: answers are large, and a client
/// that does not read would hold one in memory for ever.
struct Unstalled {
    connection: TcpStream,
    stalled_at: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl Unstalled {
    fn new(connection: TcpStream) -> Self {
        Self { connection, stalled_at: Box::pin(tokio::time::sleep(STALL_MAX)), is_waiting: false }
    }

    fn watched<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            self.stalled_at.as_mut().reset(Instant::now() + STALL_MAX);
        }
        ready!(self.stalled_at.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of its answer")))
    }
}

impl AsyncRead for Unstalled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(context, buffer)
    }
}

impl AsyncWrite for Unstalled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(context, bytes);
        self.watched(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(context, slices);
        self.watched(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

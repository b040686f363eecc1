//! One connection: which HTTP it speaks, how long it may take, how it ends.
//!
//! hyper's own head timeout arms and drops a timer per request; here a connection has one timer, which looks a few
//! times per timeout whether anything came to its end since.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::searches::Search;
use bytes::{Buf, Bytes};
use document_store::DocumentReader;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::accept::Connections;
use crate::bare;
use crate::config::{Config, size};
use crate::door::{Door, Doorway};
use crate::metrics::add;

/// How often within a timeout the clock is looked at: a connection is cut off up to a quarter late.
const LOOKS_PER_TIMEOUT: u32 = 4;
/// More than our own bounds of URI and headers together, so that we answer `414` and `431`, not hyper's bare ones.
const HEAD_BYTES_MAX: u32 = 64 << 10;
/// Answers of one HTTP/2 stream that wait for a slow reader.
const SEND_BYTES_MAX: usize = 256 << 10;

/// How long connections may take, and how much they may hold.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the first byte of a head to its last.
    pub header_timeout: Duration,
    /// Between requests.
    pub idle_timeout: Duration,
    /// Requests at the same time on one HTTP/2 connection.
    pub streams_max: u32,
}

impl Patience {
    /// As configured.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            header_timeout: Duration::from_millis(config.header_timeout_ms),
            idle_timeout: Duration::from_millis(config.idle_timeout_ms),
            streams_max: u32::try_from(config.streams_max).unwrap_or(u32::MAX),
        }
    }
}

/// Signs of life of one connection: written by its reading side and its requests, read by its watch.
#[derive(Debug, Default)]
pub struct Pulse {
    requests: AtomicU32,
    running: AtomicU32,
    head_begun: AtomicBool,
}

impl Pulse {
    pub(crate) fn asked(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head_begun.store(false, Ordering::Relaxed);
    }

    pub(crate) fn begins(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ends(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection until either side ends it.
pub async fn serve<S: DocumentReader, Q: Search>(
    stream: TcpStream,
    door: Door<S, Q>,
    patience: Patience,
    connections: Arc<Connections>,
) {
    let pulse = Arc::<Pulse>::default();
    let counters = Arc::clone(door.counters());
    let doorway = Doorway::new(door, Arc::clone(&pulse));
    let speaks = tokio::time::timeout(patience.header_timeout, speaks_http2(&stream)).await;
    let watch = Watch::new(patience, Arc::clone(&pulse));
    let ended = match speaks {
        Ok(Ok(true)) => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .max_concurrent_streams(patience.streams_max)
                .max_header_list_size(HEAD_BYTES_MAX)
                .max_send_buf_size(SEND_BYTES_MAX);
            let connection = builder.serve_connection(TokioIo::new(stream), doorway);
            watched(connection, http2::Connection::graceful_shutdown, watch, &connections).await
        }
        Ok(Ok(false)) => {
            let io = Heard { io: TokioIo::new(stream), pulse, instead: Bytes::new() };
            let connection =
                http1::Builder::new().max_buf_size(size(HEAD_BYTES_MAX.into())).serve_connection(io, doorway);
            watched(connection, http1::Connection::graceful_shutdown, watch, &connections).await
        }
        // It went before it said anything.
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection broke");
            return;
        }
        Err(_) => Ended::TooSlow,
    };
    match ended {
        Ended::Well => {}
        Ended::Broke(error) => tracing::debug!(%error, "a connection broke"),
        Ended::TooSlow => {
            add(&counters.connections_slow, 1);
            tracing::debug!("a connection was cut off: it took too long");
        }
    }
}

/// HTTP/2 begins with a preface; no method of HTTP/1 begins with its first three bytes.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8; 3] = b"PRI";
    let mut first = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut first).await?;
        if first[..length] != PREFACE[..length] || length == 0 {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        // A byte or two that could be either; peeking again would find the same at once.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How a connection ended.
enum Ended {
    Well,
    Broke(hyper::Error),
    TooSlow,
}

/// Drives a connection, ends it in an orderly way when the process does, and cuts it off when it takes too long.
async fn watched<C>(
    connection: C,
    shut: impl Fn(Pin<&mut C>),
    mut watch: Watch,
    connections: &Arc<Connections>,
) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut look = pin!(tokio::time::sleep(watch.pause));
    let mut waking = connections.waking();
    let mut is_ending = false;
    poll_fn(|context| {
        waking.is_woken_with(context.waker());
        if !is_ending && connections.are_ending() {
            is_ending = true;
            shut(connection.as_mut());
        }
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(ended.map_or_else(Ended::Broke, |()| Ended::Well));
            }
            if look.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            match watch.look() {
                Verdict::Wait => {}
                Verdict::Shut => shut(connection.as_mut()),
                Verdict::CutOff => return Poll::Ready(Ended::TooSlow),
            }
            look.as_mut().reset(Instant::now() + watch.pause);
        }
    })
    .await
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Wait,
    /// Quiet for too long: what is being sent may end.
    Shut,
    /// A head that does not end, or an answer that is not taken.
    CutOff,
}

/// Looks at a pulse from time to time.
#[derive(Debug)]
struct Watch {
    pulse: Arc<Pulse>,
    pause: Duration,
    header_looks: u32,
    idle_looks: u32,
    requests_before: u32,
    head_open_for: u32,
    quiet_for: u32,
}

impl Watch {
    fn new(patience: Patience, pulse: Arc<Pulse>) -> Self {
        let pause = patience.header_timeout / LOOKS_PER_TIMEOUT;
        let looks = patience.idle_timeout.as_millis().div_ceil(pause.as_millis().max(1));
        Self {
            pulse,
            pause,
            header_looks: LOOKS_PER_TIMEOUT,
            idle_looks: u32::try_from(looks).unwrap_or(u32::MAX),
            requests_before: 0,
            head_open_for: 0,
            quiet_for: 0,
        }
    }

    fn look(&mut self) -> Verdict {
        let requests = self.pulse.requests.load(Ordering::Relaxed);
        let is_running = self.pulse.running.load(Ordering::Relaxed) > 0;
        let is_head_open = self.pulse.head_begun.load(Ordering::Relaxed) || requests == 0;
        if is_running || requests != self.requests_before {
            self.requests_before = requests;
            (self.head_open_for, self.quiet_for) = (0, 0);
            return Verdict::Wait;
        }
        self.quiet_for += 1;
        self.head_open_for = if is_head_open { self.head_open_for + 1 } else { 0 };
        if self.head_open_for >= self.header_looks || self.quiet_for >= self.idle_looks.saturating_mul(2) {
            Verdict::CutOff
        } else if self.quiet_for == self.idle_looks {
            Verdict::Shut
        } else {
            Verdict::Wait
        }
    }
}

/// An HTTP/1 connection that notes when bytes of a next head arrive, and gives hyper's bare refusals a body.
#[derive(Debug)]
struct Heard {
    io: TokioIo<TcpStream>,
    pulse: Arc<Pulse>,
    /// What is sent instead of the bytes that hyper wants to write, as far as it is not sent yet.
    instead: Bytes,
}

impl Heard {
    /// Whether these bytes are a bare refusal: then something better is sent.
    fn is_replaced(&mut self, bytes: &[u8]) -> bool {
        if self.instead.is_empty()
            && let Some(instead) = bare::with_body(bytes)
        {
            self.instead = instead;
        }
        !self.instead.is_empty()
    }

    /// Done when the last of it is sent: then all of what hyper wanted to write counts as written.
    fn poll_instead(&mut self, context: &mut Context<'_>, all: usize) -> Poll<std::io::Result<usize>> {
        while !self.instead.is_empty() {
            let sent = ready!(Pin::new(&mut self.io).poll_write(context, &self.instead))?;
            if sent == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.instead.advance(sent);
        }
        Poll::Ready(Ok(all))
    }
}

impl Read for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if read.is_ready() {
            self.pulse.head_begun.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl Write for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.is_replaced(bytes) {
            return self.poll_instead(context, bytes.len());
        }
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let first = bare::first(buffers);
        if self.is_replaced(first) {
            return self.poll_instead(context, first.len());
        }
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> (Watch, Arc<Pulse>) {
        let pulse = Arc::<Pulse>::default();
        let patience = Patience {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            streams_max: 1,
        };
        (Watch::new(patience, Arc::clone(&pulse)), pulse)
    }

    fn looks(watch: &mut Watch, times: usize) -> Vec<Verdict> {
        (0..times).map(|_| watch.look()).collect()
    }

    #[test]
    fn who_never_finishes_the_first_head_is_cut_off() {
        let (mut watch, _pulse) = watch();
        assert_eq!(looks(&mut watch, 4), [Verdict::Wait, Verdict::Wait, Verdict::Wait, Verdict::CutOff]);
    }

    #[test]
    fn who_is_quiet_between_requests_is_shown_out_and_then_cut_off() {
        let (mut watch, pulse) = watch();
        pulse.asked();
        assert_eq!(looks(&mut watch, 12), [Verdict::Wait; 12]);
        assert_eq!(watch.look(), Verdict::Shut, "30 s in looks of 2.5 s, the first of which saw the request");
        assert_eq!(looks(&mut watch, 11), [Verdict::Wait; 11]);
        assert_eq!(watch.look(), Verdict::CutOff);
    }

    #[test]
    fn who_goes_on_asking_or_waits_for_an_answer_stays() {
        let (mut watch, pulse) = watch();
        for _ in 0..100 {
            pulse.head_begun.store(true, Ordering::Relaxed);
            assert_eq!(watch.look(), Verdict::Wait);
            pulse.asked();
            assert_eq!(watch.look(), Verdict::Wait);
        }
        pulse.begins();
        assert_eq!(looks(&mut watch, 100), vec![Verdict::Wait; 100]);
        pulse.ends();
        pulse.head_begun.store(true, Ordering::Relaxed);
        assert_eq!(looks(&mut watch, 4)[3], Verdict::CutOff, "the next head does not end");
    }
}

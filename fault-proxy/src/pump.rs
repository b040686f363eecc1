//! Bytes of one side on their way to the other.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::Fault;

/// Read at once.
const CHUNK_BYTES: usize = 16 << 10;

/// Under way in one direction, 1 MiB; the sender waits for more, as it does for a full window.
const CHUNKS_MAX: usize = 64;

/// A limit is kept over spans of this many parts of a second, so that a slow connection trickles instead of bursting.
const PARTS_OF_A_SECOND: u32 = 20;

/// Some bytes, and when they may arrive; none at the end.
struct Chunk {
    bytes: Vec<u8>,
    due: Instant,
}

/// Until the sender ends, orderly; an error if the connection is over for both sides.
pub(crate) async fn pump(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    fault: watch::Receiver<Fault>,
) -> io::Result<()> {
    let (under_way, arriving) = mpsc::channel(CHUNKS_MAX);
    tokio::try_join!(receive(from, under_way, fault.clone()), deliver(arriving, to, fault))?;
    Ok(())
}

async fn receive(
    mut from: OwnedReadHalf,
    under_way: mpsc::Sender<Chunk>,
    mut fault: watch::Receiver<Fault>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut lost = false;
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            changed = fault.changed() => {
                changed.map_err(|_| io::ErrorKind::ConnectionAborted)?;
                if lost && *fault.borrow_and_update() != Fault::HalfOpen {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                continue;
            }
        };
        let now = *fault.borrow();
        if now == Fault::HalfOpen {
            lost = true;
            if read == 0 {
                // Nor does the end arrive.
                ended(&mut fault).await?;
            }
            continue;
        }
        if lost {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let delay = if let Fault::Delay(delay) = now { delay } else { Duration::ZERO };
        let chunk = Chunk { bytes: buffer[..read].to_vec(), due: Instant::now() + delay };
        under_way.send(chunk).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
        if read == 0 {
            return Ok(());
        }
    }
}

/// Waits for the fault to end; then the connection is reset.
async fn ended(fault: &mut watch::Receiver<Fault>) -> io::Result<()> {
    drop(fault.wait_for(|fault| *fault != Fault::HalfOpen).await);
    Err(io::ErrorKind::ConnectionReset.into())
}

async fn deliver(
    mut arriving: mpsc::Receiver<Chunk>,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
) -> io::Result<()> {
    while let Some(chunk) = arriving.recv().await {
        sleep_until(chunk.due).await;
        if *fault.borrow() == Fault::HalfOpen {
            // It was under way when the other host lost its power.
            ended(&mut fault).await?;
        }
        if chunk.bytes.is_empty() {
            return to.shutdown().await;
        }
        let mut rest = chunk.bytes.as_slice();
        while !rest.is_empty() {
            let now = *fault.borrow();
            let (some, later) = rest.split_at(at_once(now).min(rest.len()));
            to.write_all(some).await?;
            sleep_until(Instant::now() + time_for(now, some.len())).await;
            rest = later;
        }
    }
    Ok(())
}

/// How many bytes are written before the clock is looked at again.
fn at_once(fault: Fault) -> usize {
    match fault {
        Fault::Limit { bytes_per_second } => {
            usize::try_from(bytes_per_second.get().div_ceil(PARTS_OF_A_SECOND)).unwrap_or(CHUNK_BYTES)
        }
        _ => CHUNK_BYTES,
    }
}

/// How long so many bytes keep the connection busy.
fn time_for(fault: Fault, bytes: usize) -> Duration {
    match fault {
        Fault::Limit { bytes_per_second } => {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            Duration::from_secs(1).saturating_mul(bytes) / bytes_per_second.get()
        }
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_limit_is_a_time_for_bytes() {
        let limit = |bytes: u32| Fault::Limit { bytes_per_second: NonZeroU32::new(bytes).unwrap() };
        for (fault, bytes, expected) in [
            (Fault::Pass, 16_384, Duration::ZERO),
            (limit(1_000), 1_000, Duration::from_secs(1)),
            (limit(1_000), 50, Duration::from_millis(50)),
            (limit(1), 3, Duration::from_secs(3)),
            (limit(u32::MAX), 1, Duration::ZERO),
        ] {
            assert_eq!(time_for(fault, bytes), expected, "{bytes} bytes through {fault:?}");
        }
        assert_eq!(at_once(limit(1)), 1, "even the slowest moves");
        assert_eq!(at_once(limit(1_000)), 50);
    }
}

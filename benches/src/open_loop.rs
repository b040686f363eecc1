//! Latency at a fixed rate: requests are sent when they are due, whether or not earlier ones were answered.
//!
//! A closed loop waits for slow answers and so asks least when it hurts most. Here a latency counts from the moment at which
//! the request was due, so what waits behind a slow answer waits visibly.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;

use crate::http1::Connection;
use crate::popularity;

/// A sleeping thread is woken up to so late; the rest is waited for awake.
const WAKES_LATE: Duration = Duration::from_micros(120);
/// Longest latency that is told apart, in nanoseconds: a minute.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Mean rate; the gaps are those of people who know nothing of each other (Poisson).
    pub per_second: f64,
    /// For so long.
    pub seconds: f64,
    /// Of the gaps.
    pub seed: u64,
    /// Requests on their way at the same time; with more due, they wait for a connection, which counts.
    pub connections: usize,
}

/// What the askers saw.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// Nanoseconds from being due to the last byte.
    pub nanos: Histogram<u64>,
    /// Answers other than 2xx and 3xx.
    pub errors: u64,
}

impl Latencies {
    /// Nothing yet.
    ///
    /// # Errors
    /// Never, with these bounds.
    pub fn none() -> anyhow::Result<Self> {
        Ok(Self { nanos: Histogram::new_with_max(LATENCY_MAX_NS, 3)?, errors: 0 })
    }

    /// Adds what another run saw.
    ///
    /// # Errors
    /// Never, with these bounds.
    pub fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.nanos.add(&other.nanos).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        self.errors += other.errors;
        Ok(())
    }

    /// Milliseconds within which this share of requests was answered.
    #[must_use]
    pub fn millis(&self, quantile: f64) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let nanos = self.nanos.value_at_quantile(quantile) as f64;
        nanos / 1e6
    }
}

/// Asks `requests` in the `order` given, around and around, until the time is over or `stop` is set. Blocks.
///
/// # Errors
/// When the server refuses connections or breaks one.
pub fn run(
    address: SocketAddr,
    requests: &[String],
    order: &[usize],
    offer: Offer,
    stop: &AtomicBool,
) -> anyhow::Result<Latencies> {
    let due = popularity::arrivals(offer.per_second, offer.seconds, offer.seed);
    let mut connections = Vec::with_capacity(offer.connections);
    for _ in 0..offer.connections {
        connections.push(Connection::open(address)?);
    }
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let ask = |mut connection: Connection| -> anyhow::Result<Latencies> {
        let mut seen = Latencies::none()?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (Some(due), false) = (due.get(number), stop.load(Ordering::Relaxed)) else { return Ok(seen) };
            let due = began + Duration::from_nanos(*due);
            wait_until(due);
            let request = &requests[order[number % order.len()]];
            let status = connection.ask(request.as_bytes()).with_context(|| request.clone())?;
            let nanos = u64::try_from(due.elapsed().as_nanos()).unwrap_or(LATENCY_MAX_NS);
            seen.nanos.saturating_record(nanos.clamp(1, LATENCY_MAX_NS));
            seen.errors += u64::from(!(200..400).contains(&status));
        }
    };
    let seen: anyhow::Result<Vec<Latencies>> = thread::scope(|scope| {
        let askers: Vec<_> =
            connections.into_iter().map(|connection| scope.spawn(|| ask(connection))).collect();
        let panicked = |_| anyhow::anyhow!("an asking thread panicked");
        askers.into_iter().map(|asker| asker.join().map_err(panicked)?).collect()
    });
    let mut all = Latencies::none()?;
    for seen in seen? {
        all.add(&seen)?;
    }
    Ok(all)
}

fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if let Some(asleep) = left.checked_sub(WAKES_LATE) {
        thread::sleep(asleep);
    }
    while Instant::now() < due {
        // The servers under test need the core more than this loop does.
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// Answers every read with 200; the first one only after so many others were asked.
    fn server_that_holds_the_first_answer_for(others: usize) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = std::sync::Arc::new((Mutex::new(0), Condvar::new()));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, asked) = (stream.unwrap(), asked.clone());
                thread::spawn(move || {
                    let mut piece = [0; 1_024];
                    while stream.read(&mut piece).is_ok_and(|count| count > 0) {
                        let mut count = asked.0.lock().unwrap();
                        *count += 1;
                        asked.1.notify_all();
                        if *count == 1 {
                            drop(asked.1.wait_while(count, |count| *count <= others).unwrap());
                        } else {
                            drop(count);
                        }
                        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
                    }
                });
            }
        });
        address
    }

    #[test]
    fn requests_are_sent_when_due_though_an_earlier_one_is_not_answered() {
        let offer = Offer { per_second: 4_000.0, seconds: 0.05, seed: 5, connections: 32 };
        let due = popularity::arrivals(offer.per_second, offer.seconds, offer.seed);
        let address = server_that_holds_the_first_answer_for(due.len() - 1);
        let requests = ["GET /7 HTTP/1.1\r\n\r\n".to_owned()];
        let seen = run(address, &requests, &[0], offer, &AtomicBool::new(false)).unwrap();
        assert_eq!((seen.nanos.len(), seen.errors), (due.len() as u64, 0));
        // The first waited for all others, so the last one's due time is the least that it can have taken.
        assert!(seen.nanos.max() + seen.nanos.max() / 100 >= due[due.len() - 1] - due[0]);
    }

    #[test]
    fn it_ends_when_told() {
        let address = server_that_holds_the_first_answer_for(0);
        let offer = Offer { per_second: 1.0, seconds: 3_600.0, seed: 5, connections: 32 };
        let requests = ["GET /7 HTTP/1.1\r\n\r\n".to_owned()];
        let seen = run(address, &requests, &[0], offer, &AtomicBool::new(true)).unwrap();
        assert_eq!(seen.nanos.len(), 0);
    }

    #[test]
    fn nobody_listening_is_an_error() {
        let address = crate::children::free_address().unwrap();
        let offer = Offer { per_second: 1.0, seconds: 1.0, seed: 5, connections: 32 };
        assert!(run(address, &[], &[0], offer, &AtomicBool::new(false)).is_err());
    }
}

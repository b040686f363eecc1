//! Lists at a steady rate, each answer noted with its moment and with what it lacks; then looked at phase by phase.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::meter::{self, Waits};
use crate::http1::Connection;

/// Nobody waits for another's answer at the rates that are asked here.
const CONNECTIONS: usize = 16;
/// A server that is away is asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(10);

/// One list.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// When it was due.
    pub due: Instant,
    /// From then to its last byte.
    pub took: Duration,
    /// None: the connection broke.
    pub status: Option<u16>,
    /// Shops are named missing.
    pub lacks_shops: bool,
    /// The list says that it is of an earlier moment.
    pub is_stale: bool,
}

/// What a stretch of time showed.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    /// `before`
    pub name: &'static str,
    /// How long it was.
    pub seconds: f64,
    /// From being due to the last byte.
    pub waits: Waits,
    /// Answers other than 200, broken connections included.
    pub not_200: u64,
    /// Pages that name shops missing.
    pub lacking_shops: u64,
    /// Pages that say since when they are stale.
    pub stale: u64,
}

/// Asks for `requests` in turn, so many a second, until it is told to stop. Blocks.
#[must_use]
pub fn ask(address: SocketAddr, requests: &[String], per_second: u64, stop: &AtomicBool) -> Vec<Answer> {
    let (began, next) = (Instant::now(), AtomicUsize::new(0));
    let gap = Duration::from_secs(1) / u32::try_from(per_second.max(1)).unwrap_or(u32::MAX);
    let asker = || {
        let (mut answers, mut connection) = (Vec::new(), None);
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = began + gap * u32::try_from(number).unwrap_or(u32::MAX);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let request = requests[number % requests.len()].as_bytes();
            answers.push(asked(&mut connection, address, request, due));
        }
        answers
    };
    let mut answers: Vec<Answer> = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(asker)).collect();
        askers.into_iter().flat_map(|asker| asker.join().unwrap_or_default()).collect()
    });
    answers.sort_by_key(|answer| answer.due);
    answers
}

fn asked(held: &mut Option<Connection>, address: SocketAddr, request: &[u8], due: Instant) -> Answer {
    let broken = || Answer { due, took: due.elapsed(), status: None, lacks_shops: false, is_stale: false };
    let Ok(mut connection) = held.take().map_or_else(|| Connection::open(address), Ok) else {
        std::thread::sleep(AGAIN_AFTER);
        return broken();
    };
    let Ok(status) = connection.ask(request) else { return broken() };
    let page = connection.answer();
    let has = |what: &[u8]| page.windows(what.len()).any(|window| window == what);
    let answer = Answer {
        due,
        took: due.elapsed(),
        status: Some(status),
        lacks_shops: has(b"\"missing\":[{"),
        is_stale: has(b"\"stale_since\":"),
    };
    *held = Some(connection);
    answer
}

/// What was due from one moment to another.
///
/// # Errors
/// Never, with answers of this module.
pub fn phase(name: &'static str, answers: &[Answer], from: Instant, until: Instant) -> anyhow::Result<Phase> {
    let within: Vec<&Answer> =
        answers.iter().filter(|answer| answer.due >= from && answer.due < until).collect();
    let mut waits = Histogram::new(3)?;
    within.iter().try_for_each(|answer| meter::note(&mut waits, answer.took))?;
    let count = |is_so: &dyn Fn(&Answer) -> bool| within.iter().filter(|answer| is_so(answer)).count() as u64;
    Ok(Phase {
        name,
        seconds: until.saturating_duration_since(from).as_secs_f64(),
        waits: Waits::of(&waits),
        not_200: count(&|answer| answer.status != Some(200)),
        lacking_shops: count(&|answer| answer.lacks_shops),
        stale: count(&|answer| answer.is_stale),
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn an_answer_belongs_to_the_phase_in_which_it_was_due() {
        let began = Instant::now();
        let at = |millis, took, status, lacks_shops| Answer {
            due: began + Duration::from_millis(millis),
            took: Duration::from_millis(took),
            status,
            lacks_shops,
            is_stale: false,
        };
        let answers = [
            at(0, 1, Some(200), false),
            at(999, 2_000, Some(503), false),
            at(1_000, 7, Some(200), true),
            at(1_001, 3, None, false),
        ];
        let second = |number| began + Duration::from_secs(number);
        let before = phase("before", &answers, began, second(1)).unwrap();
        assert_eq!((before.waits.count, before.not_200, before.lacking_shops), (2, 1, 0));
        let during = phase("during", &answers, second(1), second(2)).unwrap();
        assert_eq!((during.waits.count, during.not_200, during.lacking_shops), (2, 1, 1));
        assert!((during.waits.most_micros / 7e3 - 1.0).abs() < 2e-3, "{during:?}");
    }

    #[test]
    fn pages_with_missing_shops_and_broken_connections_are_told_apart() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for body in ["{\"missing\":[]}", "{\"missing\":[{\"id\":\"7\"}],\"stale_since\":\"x\"}"] {
                let (mut stream, _) = listener.accept().unwrap();
                assert!(stream.read(&mut [0; 512]).unwrap() > 0);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        });
        let ask = || asked(&mut None, address, b"GET / HTTP/1.1\r\n\r\n", Instant::now());
        let (whole, lacking) = (ask(), ask());
        assert_eq!((whole.status, whole.lacks_shops, whole.is_stale), (Some(200), false, false));
        assert_eq!((lacking.status, lacking.lacks_shops, lacking.is_stale), (Some(200), true, true));
        assert_eq!(ask().status, None);
    }
}

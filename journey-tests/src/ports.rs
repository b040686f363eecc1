//! Ports that nobody else listens on.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which the kernel takes ports for outgoing connections, so that no client of another
/// test sits on a port between here and the program that is told to listen on it.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of 127.0.0.1 that was free a moment ago and that this process hands out only once.
#[must_use]
pub fn free_port() -> u16 {
    // Processes that run at the same time begin at different places.
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start.wrapping_add(step)) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The first of `count` ports in a row, all of them free a moment ago and not handed out to anybody else.
#[must_use]
pub fn free_ports_from(count: u16) -> u16 {
    let mut row: Vec<u16> = Vec::new();
    loop {
        let port = free_port();
        if row.last().is_some_and(|last| *last + 1 != port) {
            row.clear();
        }
        row.push(port);
        if row.len() == usize::from(count) {
            return row[0];
        }
    }
}

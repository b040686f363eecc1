//! Many people who ask one server at the same time, each on a connection of their own.
//!
//! Each asks on a schedule, not when somebody else was answered; whoever is behind the schedule asks at once. So what is
//! offered does not shrink because the server is slow. Written on sockets, since a client that costs more than the
//! server would only measure itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::PATIENCE;

/// No head is longer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// One answer, as far as a crowd looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// All of the head.
    pub head: String,
    /// All of the body.
    pub body: String,
}

impl Answered {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[derive(Debug, Default)]
struct Heard {
    /// How many answers had which status, and the last one of each.
    by_status: BTreeMap<u16, (usize, Option<Answered>)>,
    /// Of those who were not answered.
    lost: Vec<String>,
}

/// People who ask until they are sent home.
#[derive(Debug)]
pub struct Crowd {
    address: SocketAddr,
    paths: Arc<[String]>,
    every: Duration,
    heard: Arc<Mutex<Heard>>,
    goes_home: Arc<AtomicBool>,
    people: JoinSet<()>,
}

impl Crowd {
    /// Nobody yet. Each will ask for the paths in turn.
    #[must_use]
    pub fn before(address: SocketAddr, paths: Vec<String>, every: Duration) -> Self {
        let paths = paths.into();
        Self {
            address,
            paths,
            every,
            heard: Arc::default(),
            goes_home: Arc::default(),
            people: JoinSet::new(),
        }
    }

    /// So many more.
    pub fn grows(&mut self, people: usize) {
        for person in 0..people {
            let (address, paths, every) = (self.address, Arc::clone(&self.paths), self.every);
            let (heard, goes_home) = (Arc::clone(&self.heard), Arc::clone(&self.goes_home));
            self.people.spawn(async move {
                let asking = asks(address, &paths, person, every, &heard, &goes_home);
                if let Err(error) = asking.await {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).lost.push(format!("{error:#}"));
                }
            });
        }
    }

    /// How many answers had this status so far.
    #[must_use]
    pub fn count(&self, status: u16) -> usize {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.by_status.get(&status).map_or(0, |(count, _)| *count)
    }

    /// Everybody waits for the last answer and leaves: how many answers there were of each status, with one example.
    ///
    /// # Errors
    /// Who was not answered at all.
    pub async fn home(mut self) -> anyhow::Result<BTreeMap<u16, (usize, Answered)>> {
        self.goes_home.store(true, Ordering::Relaxed);
        while let Some(person) = self.people.join_next().await {
            person?;
        }
        let heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(lost) = heard.lost.first() {
            bail!("{} people were not answered, one of them: {lost}", heard.lost.len());
        }
        let with_example =
            |(status, (count, last)): (u16, (usize, Option<Answered>))| Some((status, (count, last?)));
        Ok(heard.by_status.into_iter().filter_map(with_example).collect())
    }
}

async fn asks(
    address: SocketAddr,
    paths: &[String],
    person: usize,
    every: Duration,
    heard: &Mutex<Heard>,
    goes_home: &AtomicBool,
) -> anyhow::Result<()> {
    let mut connection = TcpStream::connect(address).await.context("connecting")?;
    let (mut due, mut turn) = (Instant::now(), person);
    while !goes_home.load(Ordering::Relaxed) {
        tokio::time::sleep_until(due).await;
        due += every;
        let path = &paths[turn % paths.len()];
        turn += 1;
        let answer = tokio::time::timeout(PATIENCE, ask(&mut connection, path)).await;
        let answer = answer.with_context(|| format!("no answer for {path} within {PATIENCE:?}"))??;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let of_status = heard.by_status.entry(answer.status).or_default();
        *of_status = (of_status.0 + 1, Some(answer));
    }
    Ok(())
}

/// One request, on a connection that stays open.
async fn ask(connection: &mut TcpStream, path: &str) -> anyhow::Result<Answered> {
    connection.write_all(format!("GET {path} HTTP/1.1\r\nhost: shops\r\n\r\n").as_bytes()).await?;
    let mut read = Vec::with_capacity(32 << 10);
    let head_bytes = loop {
        if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(&mut read).await? == 0 || read.len() > HEAD_BYTES_MAX {
            // A whole answer is read below; what comes before is a head.
            anyhow::ensure!(read.windows(4).any(|bytes| bytes == b"\r\n\r\n"), "no head for {path}");
        }
    };
    let head = String::from_utf8_lossy(&read[..head_bytes]).into_owned();
    let status = head.get(9..12).and_then(|status| status.parse().ok()).context("a head has a status")?;
    let mut answer = Answered { status, head, body: String::new() };
    let length: usize = answer.header("content-length").context("an answer has a length")?.parse()?;
    while read.len() < head_bytes + length {
        anyhow::ensure!(connection.read_buf(&mut read).await? > 0, "{path} was cut off in its body");
    }
    answer.body = String::from_utf8_lossy(&read[head_bytes..]).into_owned();
    Ok(answer)
}

//! A server of one's own, to be frozen, killed and flushed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use document_store::address::RedisAddress;
use document_store::conformance::{merging, shop_section};
use document_store::redis::{RedisReader, RedisWriter};
use document_store::{DocumentReader, DocumentWriter, Lookup, Put, StoreAddress, StoreError};
use redis::{Connection, Value};
use rustix::process::{Pid, Signal, kill_process};
use shop_id::ShopId;
use tempfile::TempDir;

/// How long anything may take on a machine that is busy with something else; only waited for when a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn shop(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

/// Killed at the end.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    directory: TempDir,
    arguments: Vec<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Nobody listens there, nor where a node of a cluster would talk to others.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 22_000 + u16::try_from(std::process::id() % 700).unwrap() * 10;
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut ports = std::iter::repeat_with(|| first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)));
    ports.find(|port| is_free(*port) && is_free(port + 10_000)).unwrap()
}

fn program(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("`{variable}` is not set: run `cargo xtask servers up redis`, then `cargo xtask test`")
    })
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    /// `DIR` in an argument is where the server runs.
    pub(crate) fn start_in(directory: TempDir, arguments: &[&str]) -> Self {
        let at = directory.path().display().to_string();
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.replace("DIR", &at)).collect();
        let port = free_port();
        let child = spawn(directory.path(), port, &arguments);
        let mut server = Self { child, port, directory, arguments };
        server.wait();
        server
    }

    fn wait(&mut self) {
        let began = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "the server does not start");
            assert!(self.child.try_wait().unwrap().is_none(), "the server ended");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// As a power cut would.
    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.directory.path(), self.port, &self.arguments);
        self.wait();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn connection(&self) -> Connection {
        redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap().get_connection().unwrap()
    }

    /// What an operator types.
    pub(crate) fn say(&self, line: &str) -> Value {
        say(&mut self.connection(), line).unwrap()
    }

    pub(crate) fn address(&self, settings: &str) -> RedisAddress {
        at(&format!("redis://127.0.0.1:{}/shopfront?{settings}", self.port))
    }
}

pub(crate) fn say(connection: &mut Connection, line: &str) -> redis::RedisResult<Value> {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    words.for_each(|word| {
        command.arg(word);
    });
    command.query(connection)
}

fn spawn(directory: &Path, port: u16, arguments: &[String]) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(directory.join("log")).unwrap();
    Command::new(program("SHOPFRONT_TEST_REDIS_SERVER"))
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(arguments)
        .current_dir(directory)
        .stdout(Stdio::from(log))
        .spawn()
        .unwrap()
}

pub(crate) fn at(text: &str) -> RedisAddress {
    match StoreAddress::parse(text).unwrap() {
        StoreAddress::Redis(address) => address,
        other => panic!("{other} is no Redis"),
    }
}

/// A store that is complete, with shops 1 to 9 of the first counter.
pub(crate) async fn filled(address: &RedisAddress) -> (RedisWriter, RedisReader) {
    let writer = RedisWriter::open(address).await.unwrap();
    for number in 1..=9 {
        save(&writer, number, 1).await.unwrap();
    }
    writer.mark_complete(writer.identity().await.unwrap().activation).await.unwrap();
    let reader = RedisReader::open(address).await.unwrap();
    (writer, reader)
}

pub(crate) async fn save(writer: &RedisWriter, number: u64, counter: u64) -> Result<Put, StoreError> {
    writer.update(shop(number), merging(shop(number), shop_section(counter, "x", &[]))).await
}

/// Again and again, until it works.
pub(crate) async fn until<T, E: std::fmt::Display>(what: &str, attempt: impl AsyncFn() -> Result<T, E>) -> T {
    let began = std::time::Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{what}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `+` found, `-` unknown, `?` an error, of shops 1 to 9.
pub(crate) async fn seen(reader: &impl DocumentReader) -> String {
    let shop_ids: Vec<ShopId> = (1..=9).map(shop).collect();
    let sign = |answer: &Result<Lookup<_>, StoreError>| match answer {
        Ok(Lookup::Unknown) => '-',
        Ok(_) => '+',
        Err(_) => '?',
    };
    reader.gather(&shop_ids).await.iter().map(sign).collect()
}

//! Questions to servers over a plain socket: enough of HTTP and of Redis's protocol to hear whether one is ready.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// For one answer: a machine that starts nine servers at once is slow.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// No question here has a longer answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Ports of loopback that nobody listens on now. They may be taken before the server takes them: then it is started again.
pub(crate) fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    // All are held until all are found, so that none is found twice.
    let held = (0..count).map(|_| TcpListener::bind(loopback)).collect::<Result<Vec<_>, _>>()?;
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Whether a server could listen there.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Asks again until it is so; the last answer if it never is.
pub(crate) fn until(patience: Duration, ask: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let Err(error) = ask() else { return Ok(()) };
        if started.elapsed() > patience {
            return Err(error.context(format!("not so within {} s", patience.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The body of a `200`.
pub(crate) fn get(port: u16, path: &str) -> anyhow::Result<String> {
    http(port, &format!("GET {path} HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\n\r\n"))
}

/// The body of the `200` that answers this request.
pub(crate) fn http(port: u16, request: &str) -> anyhow::Result<String> {
    let mut stream = connected(port)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.split(' ').nth(1) == Some("200"), "`{status}` instead of `200`: {body}");
    Ok(body.to_owned())
}

/// What a Redis or Valkey answers to one command.
pub(crate) fn redis(port: u16, words: &[&str]) -> anyhow::Result<String> {
    let mut stream = connected(port)?;
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(request.as_bytes())?;
    let mut answer = BufReader::new(stream.take(ANSWER_BYTES_MAX));
    let mut first = String::new();
    answer.read_line(&mut first)?;
    let (kind, rest) = first.trim_end().split_at_checked(1).context("no answer")?;
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "$" => {
            let mut value = vec![0; usize::try_from(rest.parse::<u32>().context("no value")?)?];
            answer.read_exact(&mut value)?;
            Ok(String::from_utf8_lossy(&value).into_owned())
        }
        _ => bail!("`{}` to `{}`", first.trim_end(), words.join(" ")),
    }
}

/// Whether a line of what Redis tells of itself says so.
pub(crate) fn redis_says(port: u16, question: &[&str], line: &str) -> anyhow::Result<()> {
    let told = redis(port, question)?;
    ensure!(
        told.lines().any(|told| told == line),
        "{port} does not say `{line}` to `{}`",
        question.join(" ")
    );
    Ok(())
}

fn connected(port: u16) -> anyhow::Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, ANSWER_WAIT)
        .with_context(|| format!("nobody listens on {address}"))?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.set_write_timeout(Some(ANSWER_WAIT))?;
    Ok(stream)
}

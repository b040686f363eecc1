//! One HTTP/1.1 connection that is asked one thing after another, without a runtime in between: what stands
//! between sending and the last byte is the server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// No page of ours is nearly so long.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// An answer that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::with_capacity(64 << 10) })
    }

    /// The bytes of the last answer, head included.
    #[must_use]
    pub fn answer(&self) -> &[u8] {
        &self.received
    }

    /// Sends a request and reads the answer to its end; its status.
    ///
    /// # Errors
    /// When the connection breaks or what comes is no HTTP.
    pub fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request)?;
        self.received.clear();
        loop {
            if let Some(status) = complete(&self.received)? {
                return Ok(status);
            }
            ensure!(
                self.received.len() < ANSWER_BYTES_MAX,
                "an answer of more than {ANSWER_BYTES_MAX} bytes"
            );
            let mut piece = [0; 32 << 10];
            let count = self.stream.read(&mut piece)?;
            ensure!(count > 0, "the connection ended within an answer");
            self.received.extend_from_slice(&piece[..count]);
        }
    }
}

/// The status, once the whole answer is there.
fn complete(received: &[u8]) -> anyhow::Result<Option<u16>> {
    let Some(end) = find(received, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&received[..end]).context("a head that is no text")?;
    let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
    let status = status.with_context(|| format!("`{first}`, expected `HTTP/1.1` and a status"))?;
    let body = &received[end + 4..];
    if matches!(status, 204 | 304) {
        return Ok(Some(status));
    }
    let header = |name: &str| {
        let pairs = headers.split("\r\n").filter_map(|line| line.split_once(':'));
        pairs.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    if let Some(length) = header("content-length") {
        let length: usize = length.parse().with_context(|| format!("content-length `{length}`"))?;
        return Ok((body.len() >= length).then_some(status));
    }
    ensure!(
        header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")),
        "neither content-length nor chunks: {head}"
    );
    Ok(chunks_end(body)?.then_some(status))
}

/// Whether the last chunk is there.
fn chunks_end(mut body: &[u8]) -> anyhow::Result<bool> {
    loop {
        let Some(line_end) = find(body, b"\r\n") else { return Ok(false) };
        let line = std::str::from_utf8(&body[..line_end])?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).with_context(|| format!("chunk size `{size}`"))?;
        let Some(next) = size.checked_add(line_end + 4) else { bail!("chunk size `{size}`") };
        // Our servers send no trailers.
        if body.len() < next {
            return Ok(false);
        }
        if size == 0 {
            return Ok(true);
        }
        body = &body[next..];
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;

    use super::*;

    #[test]
    fn an_answer_ends_where_it_says() {
        for (received, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", Some(200)),
            ("HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nab", None),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", None),
            ("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", Some(304)),
            ("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Some(503)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Some(200)),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA;x\r\n0123456789\r\n00\r\n\r\n",
                Some(200),
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", None),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", None),
        ] {
            assert_eq!(complete(received.as_bytes()).unwrap(), expected, "{received}");
        }
    }

    #[test]
    fn what_is_no_http_is_an_error() {
        for received in [
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 2x0 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert!(complete(received.as_bytes()).is_err(), "{received}");
        }
    }

    #[test]
    fn one_thing_is_asked_after_another() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = std::io::BufReader::new(stream.try_clone().unwrap()).lines();
            for status in ["200", "404"] {
                while !lines.next().unwrap().unwrap().is_empty() {}
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok");
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut connection = Connection::open(address).unwrap();
        assert_eq!(connection.ask(b"GET /7 HTTP/1.1\r\n\r\n").unwrap(), 200);
        assert_eq!(connection.ask(b"GET /8 HTTP/1.1\r\n\r\n").unwrap(), 404);
        server.join().unwrap();
    }
}

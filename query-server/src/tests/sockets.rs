//! Over real sockets: slow, large, many, at the end. Where time is paused, a timeout passes as soon as all wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use service_runtime::Drain;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::shops::*;
use crate::accept::listen;
use crate::config::Config;

/// Sends bytes and reads until the other side closes.
pub(crate) async fn talk(address: SocketAddr, bytes: &[u8]) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(bytes).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub(crate) fn head_and_body(answer: &str) -> (String, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    (head.to_owned(), body.to_owned())
}

struct Listening {
    server: Server,
    address: SocketAddr,
    drain: Drain,
}

async fn listening(config: Config) -> Listening {
    let config = Config { public: "127.0.0.1:0".parse().unwrap(), ..config };
    let server = Server::open(config.clone()).await;
    server.save(7, sections("Napoli", 1)).await;
    let drain = Drain::new();
    let address = listen(&config, &server.door(), &drain).await.unwrap();
    Listening { server, address, drain }
}

const ASK: &str = "GET /v1/shops/7 HTTP/1.1\r\nhost: shops\r\n\r\n";
const ASK_AND_CLOSE: &str = "GET /v1/shops/7 HTTP/1.1\r\nhost: shops\r\nconnection: close\r\n\r\n";

/// Reads one answer with its body.
async fn read_answer(connection: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let byte = connection.read_u8().await.unwrap_or_else(|error| panic!("{error} after {text}"));
        read.push(byte);
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let listening = listening(Config::default()).await;
    let mut connection = TcpStream::connect(listening.address).await.unwrap();
    for _ in 0..20 {
        connection.write_all(ASK.as_bytes()).await.unwrap();
        let answer = read_answer(&mut connection).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Napoli"), "{answer}");
    }
    assert_eq!(listening.server.front.counters.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_flood_of_pipelined_requests_is_answered_in_order() {
    let listening = listening(Config::default()).await;
    let ask = |number: usize| format!("GET /v1/shops?ids={number} HTTP/1.1\r\nhost: shops\r\n\r\n");
    let flood: String = (1..=500).map(ask).chain([ASK_AND_CLOSE.to_owned()]).collect();
    let mut connection = TcpStream::connect(listening.address).await.unwrap();
    let (mut reading, mut writing) = connection.split();
    let mut answers = String::new();
    let (sent, read) =
        tokio::join!(writing.write_all(flood.as_bytes()), reading.read_to_string(&mut answers));
    sent.unwrap();
    read.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 501);
    let tags: Vec<&str> =
        answers.lines().filter_map(|line| line.strip_prefix("surrogate-key: shop-")).collect();
    let expected: Vec<String> = (1..=500).chain([7]).map(|number| number.to_string()).collect();
    assert_eq!(tags, expected);
}

#[tokio::test]
async fn a_head_request_gets_the_head_alone() {
    let listening = listening(Config::default()).await;
    let (full, _) = head_and_body(&talk(listening.address, ASK_AND_CLOSE.as_bytes()).await.unwrap());
    let head = ASK_AND_CLOSE.replace("GET", "HEAD");
    let (head, body) = head_and_body(&talk(listening.address, head.as_bytes()).await.unwrap());
    assert_eq!(body, "");
    let without_status = |head: &str| {
        let mut lines: Vec<String> =
            head.lines().filter(|line| !line.starts_with("cache-status")).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(without_status(&head), without_status(&full));
}

#[tokio::test]
async fn http2_without_tls_is_spoken_on_the_same_port() {
    let listening = listening(Config::default()).await;
    let stream = TcpStream::connect(listening.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut asking = Vec::new();
    for _ in 0..50 {
        let request = http::Request::get("http://shops/v1/shops/7").body(Empty::<Bytes>::new()).unwrap();
        asking.push(sender.send_request(request));
    }
    for answer in futures_util::future::join_all(asking).await {
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("Napoli"));
    }
    let head = http::Request::head("http://shops/v1/shops/7").body(Empty::new()).unwrap();
    let head = sender.send_request(head).await.unwrap();
    let length: usize = head.headers()["content-length"].to_str().unwrap().parse().unwrap();
    assert!(length > 100, "as long as what GET would get");
    assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
    let large = http::Request::get("http://shops/v1/shops/7").header("x-large", "x".repeat(20_000));
    let answer = sender.send_request(large.body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 431);
    let request = http::Request::get(format!("http://shops/v1/shops/7?x={}", "x".repeat(5_000)));
    let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 414);
    let answer =
        sender.send_request(http::Request::get("http://shops/v1/shops/7").body(Empty::new()).unwrap());
    assert_eq!(answer.await.unwrap().status(), 200, "the connection goes on");
    assert_eq!(listening.server.front.counters.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn heads_that_do_not_end_are_cut_off_and_others_do_not_notice() {
    let listening = listening(Config::default()).await;
    let mut good = TcpStream::connect(listening.address).await.unwrap();
    good.write_all(ASK.as_bytes()).await.unwrap();
    read_answer(&mut good).await;
    // Nothing at all, the beginning of either HTTP, a head without its end, a second head after an answer.
    for (asked, begun) in
        [("", ""), ("", "P"), ("", "PRI"), ("", "GET /v1/shops/7 HTTP/1.1\r\nhost: sho"), (ASK, "GET /v1")]
    {
        let mut connection = TcpStream::connect(listening.address).await.unwrap();
        if !asked.is_empty() {
            connection.write_all(asked.as_bytes()).await.unwrap();
            assert!(read_answer(&mut connection).await.contains("Napoli"));
        }
        let began = tokio::time::Instant::now();
        connection.write_all(begun.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // What was not read is answered with a reset.
        drop(connection.read_to_end(&mut rest).await);
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"), "{begun}");
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(7) && took <= Duration::from_secs(13), "{begun}: {took:?}");
    }
    assert_eq!(listening.server.front.counters.connections_slow.load(Ordering::Relaxed), 5);
    good.write_all(ASK_AND_CLOSE.as_bytes()).await.unwrap();
    assert!(read_answer(&mut good).await.contains("Napoli"), "quiet between requests is no crime");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_in_is_cut_off_too() {
    let listening = listening(Config::default()).await;
    let mut connection = TcpStream::connect(listening.address).await.unwrap();
    let began = tokio::time::Instant::now();
    connection.write_all(b"GET /v1/shops/7 HTTP/1.1\r\n").await.unwrap();
    while connection.write_all(b"x-more: x\r\n").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert!(began.elapsed() < Duration::from_secs(30), "still listened to");
    }
    assert_eq!(listening.server.front.counters.connections_slow.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_is_closed_after_a_while() {
    let listening = listening(Config::default()).await;
    let began = tokio::time::Instant::now();
    let answer = talk(listening.address, ASK.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"));
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(75) && took <= Duration::from_secs(90), "{took:?}");
}

#[tokio::test]
async fn huge_heads_are_refused() {
    let listening = listening(Config::default()).await;
    let ask = |url: &str, more: &str| {
        format!("GET {url} HTTP/1.1\r\nhost: shops\r\nconnection: close\r\n{more}\r\n").into_bytes()
    };
    for (request, status, code) in [
        (ask(&format!("/v1/shops/7?x={}", "x".repeat(5_000)), ""), 414, "uri_too_long"),
        (ask("/v1/shops/7", &format!("x-large: {}\r\n", "x".repeat(20_000))), 431, "headers_too_large"),
        // More than we ever read: refused before there is a request.
        (ask(&format!("/v1/shops/7?x={}", "x".repeat(70_000)), ""), 414, "uri_too_long"),
        (ask("/v1/shops/7", &"x: y\r\n".repeat(500)), 431, "headers_too_large"),
        (ask("/v1/shops/7", "broken\r\n"), 400, "malformed_request"),
        (b"what is this\r\n\r\n".to_vec(), 400, "malformed_request"),
        (b"GET /v1/shops/7 HTTP/1.1\r\nconnection: close\r\n\r\n".to_vec(), 400, "malformed_host"),
        (ask("/v1/shops/7", "host: others\r\n"), 400, "malformed_host"),
    ] {
        let mut connection = TcpStream::connect(listening.address).await.unwrap();
        // It may be refused before it was sent.
        drop(connection.write_all(&request).await);
        let (head, body) = head_and_body(&read_answer(&mut connection).await);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()), "{body}");
    }
    // Closed with bytes unread, so that only its beginning is sure to arrive.
    let mut connection = TcpStream::connect(listening.address).await.unwrap();
    let endless = ask("/v1/shops/7", &format!("x-large: {}\r\n", "x".repeat(100_000)));
    drop(connection.write_all(&endless).await);
    let mut first = [0; 12];
    connection.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let listening = listening(Config::default()).await;
    let head = "GET /v1/shops/7 HTTP/1.1\r\nhost: shops\r\n";
    let declared = format!("{head}content-length: 1000000000\r\n\r\n");
    let answer = talk(listening.address, declared.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("connection: close"), "{answer}");
    let mut connection = TcpStream::connect(listening.address).await.unwrap();
    connection.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let mut sent = 0;
    // The answer comes first, then nobody reads any more.
    while connection.write_all(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 100 << 20, "still read after {sent} bytes");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn too_many_connections_are_told_so_and_the_others_go_on() {
    let listening = listening(Config { connections_max: 3, ..Config::default() }).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut connection = TcpStream::connect(listening.address).await.unwrap();
        connection.write_all(ASK.as_bytes()).await.unwrap();
        assert!(read_answer(&mut connection).await.contains("Napoli"));
        open.push(connection);
    }
    let refused = talk(listening.address, ASK.as_bytes()).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
    let (_, body) = head_and_body(&refused);
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["code"], "too_many_connections");
    open[0].write_all(ASK.as_bytes()).await.unwrap();
    assert!(read_answer(&mut open[0]).await.contains("Napoli"));
    drop(open.pop());
    let counters = &listening.server.front.counters;
    while counters.connections_open.load(Ordering::Relaxed) > 2 {
        tokio::task::yield_now().await;
    }
    assert!(talk(listening.address, ASK_AND_CLOSE.as_bytes()).await.unwrap().contains("Napoli"));
    assert_eq!(counters.connections_refused.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_running_requests_are_finished_and_quiet_connections_closed() {
    let listening = listening(Config::default()).await;
    let mut quiet = TcpStream::connect(listening.address).await.unwrap();
    quiet.write_all(ASK.as_bytes()).await.unwrap();
    read_answer(&mut quiet).await;
    let waits = "GET /v1/shops/7?min_revision=shop:1-99 HTTP/1.1\r\nhost: shops\r\n\r\n";
    let running = tokio::spawn({
        let address = listening.address;
        async move { talk(address, waits.as_bytes()).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = tokio::time::Instant::now();
    listening.drain.begin();
    let mut rest = Vec::new();
    quiet.read_to_end(&mut rest).await.unwrap();
    assert_eq!((rest.len(), began.elapsed()), (0, Duration::ZERO), "closed at once");
    let answer = running.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("not-reached"), "{answer}");
    assert!(listening.drain.finished(Duration::from_secs(10)).await);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(TcpStream::connect(listening.address).await.is_err(), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off() {
    let listening = listening(Config { idle_timeout_ms: 20_000, ..Config::default() }).await;
    let connection = TcpStream::connect(listening.address).await.unwrap();
    let (_not_read, mut writing) = connection.into_split();
    let counters = Arc::clone(&listening.server.front.counters);
    let began = tokio::time::Instant::now();
    // Until the answers fill every buffer on the way.
    while writing.write_all(ASK.repeat(100).as_bytes()).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(60));
    }
    while counters.connections_open.load(Ordering::Relaxed) > 0 {
        tokio::task::yield_now().await;
    }
}

//! A road to the server that can be cut, slowed down, and answered on: one request a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to requests from now on.
#[derive(Clone)]
pub(crate) enum Road {
    Open,
    /// Connections are cut, those that wait included.
    Cut,
    /// Whatever the server says comes late.
    Slow(Duration),
    /// The server does it, and its answer is lost.
    LoseAnswers,
    /// Whoever asks for this (header or body contain it) gets this answer; everybody else the server's.
    Answer(&'static str, Answerer),
}

/// The body of a request -> status and body of the answer; `None`: the server's.
pub(crate) type Answerer = Arc<dyn Fn(&str) -> Option<(u16, String)> + Send + Sync>;

pub(crate) struct Between {
    pub(crate) endpoint: String,
    road: watch::Sender<Road>,
    requests: Arc<AtomicUsize>,
}

impl Between {
    pub(crate) async fn start() -> Self {
        let server = super::server::endpoint().trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (road, requests) = (watch::Sender::new(Road::Open), Arc::new(AtomicUsize::new(0)));
        let (roads, counted) = (road.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (mut roads, server, counted) = (roads.subscribe(), server.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let road = roads.borrow_and_update().clone();
                    let is_cut = roads.wait_for(|road| matches!(road, Road::Cut));
                    tokio::select! {
                        _ = is_cut => {}
                        _ = one_request(client, &server, road, &counted) => {}
                    }
                });
            }
        });
        Self { endpoint, road, requests }
    }

    pub(crate) fn becomes(&self, road: Road) {
        self.road.send_replace(road);
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn one_request(
    mut client: TcpStream,
    server: &str,
    road: Road,
    counted: &AtomicUsize,
) -> std::io::Result<()> {
    let request = read_request(&mut client).await?;
    counted.fetch_add(1, Ordering::Relaxed);
    if let Road::Answer(about, answerer) = &road
        && request.contains(about)
        && let Some((status, body)) = answerer(request.split_once("\r\n\r\n").unwrap_or_default().1)
    {
        let kind = if body.starts_with('<') { "text/xml" } else { "application/x-amz-json-1.0" };
        let answer = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        return client.write_all(answer.as_bytes()).await;
    }
    let mut upstream = TcpStream::connect(server).await?;
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or_default();
    upstream.write_all(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes()).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    match road {
        Road::Slow(late) => tokio::time::sleep(late).await,
        Road::LoseAnswers => return Ok(()),
        _ => {}
    }
    let answer = String::from_utf8_lossy(&answer).replacen("\r\n", "\r\nconnection: close\r\n", 1);
    client.write_all(answer.as_bytes()).await
}

async fn read_request(client: &mut TcpStream) -> std::io::Result<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length.lines().find_map(|line| line.strip_prefix("content-length:"));
            if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return Ok(text.into_owned());
            }
        }
        if client.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

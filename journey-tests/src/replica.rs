//! A writer's replica that answers from some time ago, and a line that can be cut.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Stands between the invalidator and a writer. While it lags it answers what the writer answered to the same
/// question before, byte by byte, as a replica does that has not yet applied the newest commits.
#[derive(Clone, Debug)]
pub struct Replica(Arc<State>);

#[derive(Debug)]
struct State {
    writer: String,
    address: String,
    lagging: AtomicBool,
    answered_from_before: AtomicU64,
    remembered: Mutex<HashMap<String, (u16, String)>>,
    client: Client,
}

impl Replica {
    /// Listens on a port of its own, in front of a writer's address.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn of(writer: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let state = Arc::new(State {
            writer,
            address: format!("http://{}", listener.local_addr()?),
            lagging: AtomicBool::new(false),
            answered_from_before: AtomicU64::new(0),
            remembered: Mutex::new(HashMap::new()),
            client: Client::new(),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                tokio::spawn(async move { drop(serve(&state, connection).await) });
            }
        });
        Ok(Self(state))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address.clone()
    }

    /// From now on it answers from before (`true`) or as the writer does (`false`).
    pub fn lag(&self, lagging: bool) {
        self.0.lagging.store(lagging, Ordering::SeqCst);
    }

    /// How many answers came from before.
    #[must_use]
    pub fn answered_from_before(&self) -> u64 {
        self.0.answered_from_before.load(Ordering::SeqCst)
    }
}

/// One request, one answer, then the connection is closed: enough for a test, and nothing to get wrong.
async fn serve(state: &State, mut connection: TcpStream) -> anyhow::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = connection.read_u8().await?;
        head.push(byte);
        anyhow::ensure!(head.len() < 16_384, "a head of more than 16 KiB");
    }
    let head = String::from_utf8(head)?;
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let (status, body) = answer(state, &path).await;
    let response = format!(
        "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(response.as_bytes()).await?;
    connection.shutdown().await?;
    Ok(())
}

async fn answer(state: &State, path: &str) -> (u16, String) {
    if state.lagging.load(Ordering::SeqCst) {
        let remembered = state.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(remembered) = remembered {
            state.answered_from_before.fetch_add(1, Ordering::SeqCst);
            return remembered;
        }
        // Never asked before the lag began: a replica that is away.
        return (503, "{}".to_owned());
    }
    let Ok(answer) = state.client.get(format!("{}{path}", state.writer)).send().await else {
        return (503, "{}".to_owned());
    };
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap_or_default();
    let remembered = (status, body.clone());
    state.remembered.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), remembered);
    (status, body)
}

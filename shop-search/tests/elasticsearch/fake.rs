//! An engine that does what a real one cannot be made to do: HTTP/1.1 with prepared answers, everything it heard kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shop_search::elasticsearch::Engine;
use shop_search::{EngineAddress, SearchAccess};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the fake says.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) after: Duration,
}

/// What it heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// `POST /shops/_msearch?…`.
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

type Says = Arc<dyn Fn(&Heard) -> Reply + Send + Sync>;

/// Listens for as long as its runtime lives.
pub(crate) struct Fake {
    pub(crate) base: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    says: Arc<Mutex<Says>>,
}

pub(crate) fn reply(status: u16, body: &str) -> Reply {
    Reply { status, body: body.to_owned(), after: Duration::ZERO }
}

/// What a bulk of so many changes is answered, one status each.
pub(crate) fn items(statuses: &[u16]) -> String {
    let item = |status: &u16| {
        match status {
        429 => r#"{"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue is full"}}}"#
            .to_owned(),
        status => format!("{{\"index\":{{\"status\":{status}}}}}"),
    }
    };
    format!("{{\"items\":[{}]}}", statuses.iter().map(item).collect::<Vec<_>>().join(","))
}

impl Heard {
    pub(crate) fn is_search(&self) -> bool {
        self.line.contains("/_msearch")
    }

    /// Lines of a bulk that name a shop.
    pub(crate) fn changes(&self) -> usize {
        self.body.lines().filter(|line| line.contains("\"_id\"")).count()
    }
}

impl Fake {
    pub(crate) async fn start(says: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let says: Arc<Mutex<Says>> = Arc::new(Mutex::new(Arc::new(says)));
        let (all_heard, all_says) = (Arc::clone(&heard), Arc::clone(&says));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&all_heard), Arc::clone(&all_says)));
            }
        });
        Self { base, heard, says }
    }

    pub(crate) fn now_says(&self, says: impl Fn(&Heard) -> Reply + Send + Sync + 'static) {
        *self.says.lock().unwrap() = Arc::new(says);
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn searches(&self) -> usize {
        self.heard().iter().filter(|heard| heard.is_search()).count()
    }

    pub(crate) fn engine(&self, access: &SearchAccess) -> Engine {
        let address = EngineAddress::parse(&format!("{}/shops", self.base)).unwrap();
        Engine::new(address, access).unwrap()
    }
}

async fn serve(stream: TcpStream, all_heard: Arc<Mutex<Vec<Heard>>>, says: Arc<Mutex<Says>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let length =
            head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        let line = head.lines().next()?.to_owned();
        let heard = Heard { line, head, body: String::from_utf8(body).ok()? };
        all_heard.lock().unwrap().push(heard.clone());
        let says = Arc::clone(&says.lock().unwrap());
        let said = says(&heard);
        tokio::time::sleep(said.after).await;
        let Reply { status, body, .. } = said;
        let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

//! An engine that does what a real one cannot be made to do: HTTP/1.1 with prepared answers, everything it heard kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::CertifiedKey;
use rustls::pki_types::PrivateKeyDer;

use shop_search::elasticsearch::Engine;
use shop_search::{EngineAddress, SearchAccess};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

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
    /// Shows a certificate of its own, which also lies in a file.
    pub(crate) async fn start_tls(
        says: impl Fn(&Heard) -> Reply + Send + Sync + 'static,
    ) -> (Self, tempfile::NamedTempFile) {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), cert.pem()).unwrap();
        let certificates = vec![cert.der().clone()];
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
        (Self::listen(says, Some(TlsAcceptor::from(Arc::new(config)))).await, file)
    }

    pub(crate) async fn start(says: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(says, None).await
    }

    async fn listen(
        says: impl Fn(&Heard) -> Reply + Send + Sync + 'static,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let says: Arc<Mutex<Says>> = Arc::new(Mutex::new(Arc::new(says)));
        let (all_heard, all_says) = (Arc::clone(&heard), Arc::clone(&says));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heard, says) = (Arc::clone(&all_heard), Arc::clone(&all_says));
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, heard, says).await,
                        Some(tls) => serve(tls.accept(stream).await.ok()?, heard, says).await,
                    }
                });
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

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    all_heard: Arc<Mutex<Vec<Heard>>>,
    says: Arc<Mutex<Says>>,
) -> Option<()> {
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
        stream.flush().await.ok()?;
    }
}

//! The ops port: `/livez` `/readyz` `/startupz` `/metrics`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};

use crate::{Drain, Readiness};

/// What is counted in this process. Shared by all who register.
pub type Metrics = Arc<Mutex<Registry>>;

/// A probe that does not even finish its head is cut off.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// Wait after the system refused a connection (no file descriptors, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Further paths of one program's ops port: `None` is not found. Asked after the four of every program.
pub type Pages = Arc<dyn Fn(&Request<Incoming>) -> Option<Response<Full<Bytes>>> + Send + Sync>;

/// Serves the ops port for as long as the process lives: readiness must be seen to end first.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Metrics,
    drain: Drain,
    pages: Option<Pages>,
) {
    let ops = Arc::new(Ops { readiness, metrics, drain, pages });
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                tokio::spawn(Arc::clone(&ops).converse(connection));
            }
            Err(error) => {
                tracing::warn!(%error, "the ops port cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Ops {
    readiness: Readiness,
    metrics: Metrics,
    drain: Drain,
    pages: Option<Pages>,
}

impl Ops {
    async fn converse(self: Arc<Self>, connection: TcpStream) {
        let answer = service_fn(|request| {
            let answer = self.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .serve_connection(TokioIo::new(connection), answer)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "an ops connection broke");
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(path, "/livez" | "/readyz" | "/startupz" | "/metrics") {
            let page = self.pages.as_ref().and_then(|pages| pages(request));
            return page.unwrap_or_else(|| {
                let known = "not found, expected /livez, /readyz, /startupz or /metrics\n";
                text(StatusCode::NOT_FOUND, known.to_owned())
            });
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n".to_owned());
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match path {
            "/livez" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if self.drain.has_begun() => unavailable("draining: the end has begun"),
            "/readyz" => condition(self.readiness.ready()),
            "/startupz" => condition(self.readiness.started()),
            _ => self.metrics(),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut encoded = String::new();
        let registry = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing into a string cannot fail; a metric that fails to encode itself is a fault of this build.
        if prometheus_client::encoding::text::encode(&mut encoded, &registry).is_err() {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "a metric could not be written\n".to_owned());
        }
        let mut answer = text(StatusCode::OK, encoded);
        let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        answer
    }
}

fn condition(fulfilled: Result<(), String>) -> Response<Full<Bytes>> {
    match fulfilled {
        Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
        Err(why) => unavailable(&why),
    }
}

fn unavailable(why: &str) -> Response<Full<Bytes>> {
    text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"))
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(address: std::net::SocketAddr, head: &str) -> String {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!("{head} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_ops_port_says_what_is_and_why_not() {
        let (readiness, metrics, drain) = (Readiness::new(), Metrics::default(), Drain::new());
        let changes: Counter = Counter::default();
        changes.inc_by(3);
        metrics.lock().unwrap().register("shopfront_changes", "Changes taken", changes);
        readiness.expect("store", "`/data/store` does not exist yet");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pages: Pages = Arc::new(|request| {
            (request.uri().path() == "/extra").then(|| text(StatusCode::OK, "more".to_owned()))
        });
        tokio::spawn(serve(listener, readiness.clone(), metrics, drain.clone(), Some(pages)));

        assert!(ask(address, "GET /livez").await.starts_with("HTTP/1.1 200"));
        let not_ready = ask(address, "GET /readyz").await;
        assert!(not_ready.starts_with("HTTP/1.1 503"), "{not_ready}");
        assert!(not_ready.ends_with("store: `/data/store` does not exist yet\n"), "{not_ready}");
        assert!(ask(address, "GET /startupz").await.starts_with("HTTP/1.1 503"));
        readiness.hold("store");
        assert!(ask(address, "GET /readyz").await.starts_with("HTTP/1.1 200"));
        readiness.expect("store", "went away");
        assert!(ask(address, "GET /startupz").await.starts_with("HTTP/1.1 200"), "it had started");
        readiness.hold("store");
        let counted = ask(address, "GET /metrics").await;
        assert!(counted.contains("shopfront_changes_total 3\n"), "{counted}");
        assert!(ask(address, "GET /extra").await.ends_with("more"));
        assert!(ask(address, "GET /v1/shops").await.starts_with("HTTP/1.1 404"));
        assert!(ask(address, "POST /metrics").await.starts_with("HTTP/1.1 405"));
        drain.begin();
        assert!(ask(address, "GET /readyz").await.starts_with("HTTP/1.1 503"), "others are sent elsewhere");
    }
}

//! One engine over HTTP: requests bounded in time, answers in bytes, failures named.
//!
//! hyper directly: nothing of the engine's own clients is needed but HTTP and JSON, and both Elasticsearch and
//! OpenSearch speak those (figures in ARCHITECTURE.md).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::EngineError;
use crate::place::{EngineAddress, SearchAccess};

/// An answer of 26 shops is 2 kB; one to a bulk of thousands names each.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// Until a connection stands; what the whole question may take is its own bound.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Engines drop idle connections after minutes; ours go before.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// Of what an engine says about a mistake.
const REASON_CHARS_MAX: usize = 400;
/// What a bulk and several searches are sent as: one JSON value a line.
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// See the module. Cloning shares the connections.
#[derive(Clone)]
pub struct Engine {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: Arc<EngineAddress>,
    authorization: Option<HeaderValue>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    Nothing,
    Json(Bytes),
    Lines(Bytes),
}

/// What came back, whatever it means.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) bytes: Bytes,
}

#[derive(Deserialize)]
struct Failure {
    error: Why,
}

/// Engines explain themselves in an object, and sometimes in a sentence.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Why {
    Object {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        reason: Option<String>,
        /// Where the reason is left empty, as for shards that are away, it stands here.
        #[serde(default)]
        caused_by: Option<Box<Self>>,
    },
    Sentence(String),
}

impl Why {
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Object { kind, .. } => kind,
            Self::Sentence(_) => "",
        }
    }

    pub(crate) fn said(&self) -> String {
        let said = match self {
            Self::Object { kind, reason: Some(reason), .. } if !reason.is_empty() => {
                format!("{kind}: {reason}")
            }
            Self::Object { caused_by: Some(cause), .. } => cause.said(),
            Self::Object { kind, .. } => kind.clone(),
            Self::Sentence(sentence) => sentence.clone(),
        };
        said.chars().take(REASON_CHARS_MAX).collect()
    }
}

impl Engine {
    /// Prepared; nothing is connected yet.
    ///
    /// # Errors
    /// [`EngineError::Setup`] for files that cannot be read and settings that exclude each other.
    pub fn new(address: EngineAddress, access: &SearchAccess) -> Result<Self, EngineError> {
        let engine = address.base.clone();
        let refused = |reason: String| EngineError::Setup { engine: engine.clone(), reason };
        let authorization = authorization(access).map_err(&refused)?;
        let tls = tls(access).map_err(&refused)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(https.wrap_connector(tcp));
        Ok(Self { client, address: Arc::new(address), authorization })
    }

    /// The alias that lists are asked by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.address.name
    }

    pub(crate) fn base(&self) -> &str {
        &self.address.base
    }

    /// Any answer at all.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
        patience: Duration,
    ) -> Result<Answer, EngineError> {
        let request = self.request(method, path, sent)?;
        let asking = async {
            let response = self.client.request(request).await.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let bytes = body.map_err(|error| self.unreachable(&*error))?.to_bytes();
            Ok(Answer { status, bytes })
        };
        tokio::time::timeout(patience, asking).await.unwrap_or_else(|_| {
            let waited_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
            Err(EngineError::TimedOut { engine: self.base().to_owned(), waited_ms })
        })
    }

    /// A good answer, read.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
        patience: Duration,
    ) -> Result<T, EngineError> {
        let answer = self.send(method, path, sent, patience).await?;
        if !answer.status.is_success() {
            return Err(self.failure(path, &answer));
        }
        self.read(path, &answer)
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, path: &str, answer: &Answer) -> Result<T, EngineError> {
        // With `filter_path`, an answer of which nothing is left has no bytes or an empty object.
        let bytes: &[u8] = if answer.bytes.is_empty() { b"{}" } else { &answer.bytes };
        serde_json::from_slice(bytes).map_err(|error| {
            self.unexpected(path, answer.status, format!("an answer that cannot be read ({error})"))
        })
    }

    /// What an answer that is none means.
    pub(crate) fn failure(&self, path: &str, answer: &Answer) -> EngineError {
        let failure = serde_json::from_slice::<Failure>(&answer.bytes);
        let why = failure.map_or_else(
            |_| Why::Sentence(String::from_utf8_lossy(&answer.bytes).into_owned()),
            |failure| failure.error,
        );
        self.meaning(path, answer.status, &why)
    }

    /// The same for a part of an answer.
    pub(crate) fn meaning(&self, path: &str, status: StatusCode, why: &Why) -> EngineError {
        let (engine, reason) = (self.base().to_owned(), why.said());
        match status.as_u16() {
            _ if is_full(why.kind(), &reason) => {
                EngineError::Blocked { index: self.name().to_owned(), reason }
            }
            401 | 403 => EngineError::Refused { engine, reason },
            404 => EngineError::Missing { engine, name: named(path) },
            status @ (429 | 502..=504) => EngineError::Busy { engine, status, reason },
            _ => self.unexpected(path, status, reason),
        }
    }

    pub(crate) fn unexpected(&self, path: &str, status: StatusCode, reason: String) -> EngineError {
        let what = path.split('?').next().unwrap_or_default().to_owned();
        EngineError::Unexpected { engine: self.base().to_owned(), status: status.as_u16(), what, reason }
    }

    fn request(&self, method: Method, path: &str, sent: Sent) -> Result<Request<Full<Bytes>>, EngineError> {
        let (body, kind) = match sent {
            Sent::Nothing => (Bytes::new(), None),
            Sent::Json(bytes) => (bytes, Some(JSON)),
            Sent::Lines(bytes) => (bytes, Some(NDJSON)),
        };
        let mut request = Request::builder().method(method).uri(format!("{}/{path}", self.base()));
        request = request.header(ACCEPT, JSON);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request
            .body(Full::new(body))
            .map_err(|error| EngineError::Setup { engine: self.base().to_owned(), reason: error.to_string() })
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> EngineError {
        EngineError::Unreachable { engine: self.base().to_owned(), reason: chain(error) }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("address", &self.address).finish_non_exhaustive()
    }
}

/// At the flood stage of a disk engines take nothing into its indexes; OpenSearch makes no new ones from the stage before.
fn is_full(kind: &str, reason: &str) -> bool {
    kind == "index_create_block_exception"
        || kind == "cluster_block_exception" && reason.contains("read-only-allow-delete")
}

/// The index or alias in a path.
fn named(path: &str) -> String {
    let parts = path.split('?').next().unwrap_or_default().split('/');
    parts.into_iter().find(|part| !part.starts_with('_')).unwrap_or_default().to_owned()
}

/// An error with its causes: hyper says only at the bottom that nobody listens.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(": ");
        said.push_str(&error.to_string());
        cause = error.source();
    }
    said
}

fn authorization(access: &SearchAccess) -> Result<Option<HeaderValue>, String> {
    let given = [
        secret("api_key", access.api_key.as_ref(), access.api_key_file.as_deref())?
            .map(|key| format!("ApiKey {key}")),
        secret("basic_auth", access.basic_auth.as_ref(), access.basic_auth_file.as_deref())?
            .map(|pair| {
                if pair.contains(':') {
                    Ok(format!("Basic {}", base64(pair.as_bytes())))
                } else {
                    Err("`search_access.basic_auth` has no `:`, expected `user:password`".to_owned())
                }
            })
            .transpose()?,
    ];
    let text = match given {
        [None, None] => return Ok(None),
        [Some(text), None] | [None, Some(text)] => text,
        [Some(_), Some(_)] => {
            return Err("`search_access` has an API key and a password, expected one of them".to_owned());
        }
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| "`search_access` holds characters that no header takes".to_owned())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn secret(
    key: &str,
    given: Option<&SecretString>,
    file: Option<&std::path::Path>,
) -> Result<Option<String>, String> {
    match (given, file) {
        (None, None) => Ok(None),
        (Some(secret), None) => Ok(Some(secret.expose_secret().trim().to_owned())),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("`search_access.{key}_file` = `{}`: {error}", file.display()))?;
            Ok(Some(text.trim().to_owned()))
        }
        (Some(_), Some(_)) => Err(format!(
            "`search_access.{key}` and `search_access.{key}_file` are both there, expected one of them"
        )),
    }
}

fn tls(access: &SearchAccess) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(file) = &access.ca_file {
        let told =
            |error: &dyn fmt::Display| format!("`search_access.ca_file` = `{}`: {error}", file.display());
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| told(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| told(&error))?;
            roots.add(certificate).map_err(|error| told(&error))?;
        }
        if roots.is_empty() {
            return Err(told(&"no certificate is in it"));
        }
    } else {
        // One that cannot be read is left out, as every client does; without any, `https` says so when it is tried.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let joined = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sextet = (joined >> (18 - 6 * place)) as usize & 63;
            text.push(if place <= three.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_left_empty_stands_behind_its_cause() {
        for (said, expected) in [
            (r#""no""#, "no"),
            (r#"{"type":"a","reason":"b","caused_by":{"type":"c","reason":"d"}}"#, "a: b"),
            (r#"{"type":"a","reason":"","caused_by":{"type":"c","reason":"d"}}"#, "c: d"),
            (r#"{"type":"a","reason":null,"caused_by":{"type":"c","reason":null}}"#, "c"),
            (r#"{"type":"a","reason":""}"#, "a"),
        ] {
            let why: Why = serde_json::from_str(said).unwrap();
            assert_eq!(why.said(), expected, "{said}");
        }
    }

    #[test]
    fn passwords_are_sent_as_the_rule_has_it() {
        // The example of RFC 7617, and those of RFC 4648.
        assert_eq!(base64(b"Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let all = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(all, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    #[test]
    fn a_wrong_access_is_refused_without_saying_the_secret() {
        let key = Some(SecretString::from("k3y"));
        let pair = Some(SecretString::from("user-hunter2"));
        for (access, said) in [
            (SearchAccess { basic_auth: pair, ..SearchAccess::default() }, "expected `user:password`"),
            (
                SearchAccess {
                    api_key: key.clone(),
                    api_key_file: Some("/nowhere".into()),
                    ..SearchAccess::default()
                },
                "both there",
            ),
            (
                SearchAccess { api_key_file: Some("/nowhere".into()), ..SearchAccess::default() },
                "`search_access.api_key_file` = `/nowhere`",
            ),
            (
                SearchAccess {
                    api_key: key,
                    basic_auth: Some(SecretString::from("a:b")),
                    ..SearchAccess::default()
                },
                "expected one of them",
            ),
            (
                SearchAccess { ca_file: Some("/nowhere".into()), ..SearchAccess::default() },
                "search_access.ca_file",
            ),
        ] {
            let address = EngineAddress::parse("https://127.0.0.1:9200/shops").unwrap();
            let refused = Engine::new(address, &access).unwrap_err().to_string();
            assert!(
                refused.contains(said) && !refused.contains("hunter2") && !refused.contains("k3y"),
                "{refused}"
            );
        }
    }
}

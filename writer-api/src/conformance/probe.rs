//! How is asked: as subscribers do, and as nobody should.

use reqwest::header::CONTENT_TYPE;

use super::Options;
use crate::WriterClient;

/// Speaks to the service under test.
pub(super) struct Probe {
    /// As subscribers ask.
    pub(super) client: WriterClient,
    http: reqwest::Client,
    base_url: String,
}

/// An answer as it came.
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

impl Probe {
    pub(super) fn new(options: &Options) -> Self {
        let client = WriterClient::new(options.writer, options.base_url.clone(), options.timeout);
        // Cannot fail, as in the client: no TLS, proxies or resolvers of its own.
        let http = reqwest::Client::builder().timeout(options.timeout).build().unwrap_or_default();
        let base_url = client.base_url().to_owned();
        Self { client, http, base_url }
    }

    /// Any path, as it stands.
    pub(super) async fn get(&self, path: &str) -> Result<Raw, String> {
        let said = |error: reqwest::Error| format!("`{path}` was not answered: {error}");
        let response = self.http.get(format!("{}{path}", self.base_url)).send().await.map_err(said)?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let body = response.bytes().await.map_err(said)?.to_vec();
        Ok(Raw { status, content_type, body })
    }
}

/// A sentence unless the condition holds.
pub(super) fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

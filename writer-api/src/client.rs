//! The four reads, asked over HTTP/1.1 with kept connections; every answer bounded in time and bytes.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use shop_id::{Revision, ShopId, Writer};
use tokio::time::Instant;

use crate::answer::{IDS_MAX, LIMIT_MAX};
use crate::parse::{self, Wrong};
use crate::{Asked, ChangesAnswer, PageAnswer, RefetchError, SectionAnswer, SectionsAnswer, WriterReads};

/// The most that is read of one answer: [`IDS_MAX`] sections of the largest size a reference writer takes.
pub const ANSWER_BYTES_MAX: usize = 128 << 20;
/// The most that is kept of an answer that is only shown to people.
const DETAIL_CHARS_MAX: usize = 300;
/// A host that does not even accept is given up sooner than a slow answer.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Asks one writer. Cloning shares the connections.
#[derive(Clone, Debug)]
pub struct WriterClient {
    writer: Writer,
    base_url: String,
    http: reqwest::Client,
}

impl WriterClient {
    /// `base_url` is for example `http://127.0.0.1:7001`; `timeout` bounds a whole request, body included.
    ///
    /// # Panics
    /// Never: a client without TLS, proxies and resolvers of its own has nothing to fail at.
    #[must_use]
    pub fn new(writer: Writer, base_url: impl Into<String>, timeout: Duration) -> Self {
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT_MAX))
            .pool_max_idle_per_host(64)
            .build()
            // Only TLS backends, proxies and DNS configuration can fail here; none is compiled in.
            .expect("a plain HTTP client has no part that can fail");
        let base_url = base_url.into().trim_end_matches('/').to_owned();
        Self { writer, base_url, http }
    }

    /// Where one asks.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    async fn ask<T>(
        &self,
        asked: Asked,
        path: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, Wrong>,
    ) -> Result<T, RefetchError> {
        let started = Instant::now();
        let failed = |error: &reqwest::Error| self.failed(asked, started, error);
        let url = format!("{}{path}", self.base_url);
        let response = self.http.get(url).send().await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = bounded(response).await.map_err(|error| match error {
            Unread::Broken(error) => failed(&error),
            Unread::TooLarge => {
                self.garbage(asked, Wrong::at(".", format!("more than {ANSWER_BYTES_MAX} bytes")))
            }
        })?;
        if status == StatusCode::OK {
            return parse(&body).map_err(|wrong| self.garbage(asked, wrong));
        }
        let detail = detail_of(&body);
        Err(match asked {
            Asked::Changes { after } if status == StatusCode::GONE => {
                RefetchError::CursorExpired { writer: self.writer, after, detail }
            }
            _ => {
                let (writer, status) = (self.writer, status.as_u16());
                RefetchError::UnexpectedStatus { writer, asked, status, detail }
            }
        })
    }

    fn failed(&self, asked: Asked, started: Instant, error: &reqwest::Error) -> RefetchError {
        let writer = self.writer;
        let waited_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if error.is_timeout() {
            return RefetchError::TimedOut { writer, asked, waited_ms };
        }
        RefetchError::Unreachable { writer, asked, waited_ms, reason: causes(error) }
    }

    fn garbage(&self, asked: Asked, wrong: Wrong) -> RefetchError {
        RefetchError::Garbage { writer: self.writer, asked, path: wrong.path, reason: wrong.reason }
    }

    async fn sections_of_one_request(&self, shop_ids: &[ShopId]) -> Result<SectionsAnswer, RefetchError> {
        let Some(&first) = shop_ids.first() else {
            return Ok(SectionsAnswer { as_of_sequence: Revision::ZERO, sections: Vec::new() });
        };
        let mut path = String::from("/v1/sections?ids=");
        for (index, shop_id) in shop_ids.iter().enumerate() {
            // Writing into a string cannot fail.
            let _ = write!(path, "{}{shop_id}", if index == 0 { "" } else { "," });
        }
        let asked = Asked::Sections { first, count: shop_ids.len() };
        self.ask(asked, &path, |body| parse::sections(body, self.writer, shop_ids)).await
    }
}

impl WriterReads for WriterClient {
    fn writer(&self) -> Writer {
        self.writer
    }

    async fn section(&self, shop_id: ShopId) -> Result<SectionAnswer, RefetchError> {
        let path = format!("/v1/sections/{shop_id}");
        self.ask(Asked::Section(shop_id), &path, |body| parse::section(body, self.writer, shop_id)).await
    }

    /// More than [`IDS_MAX`] become several requests; the oldest `as_of_sequence` then stands for all.
    async fn sections(&self, shop_ids: &[ShopId]) -> Result<SectionsAnswer, RefetchError> {
        let mut chunks = shop_ids.chunks(IDS_MAX);
        let mut answer = self.sections_of_one_request(chunks.next().unwrap_or_default()).await?;
        for chunk in chunks {
            let more = self.sections_of_one_request(chunk).await?;
            answer.as_of_sequence = answer.as_of_sequence.min(more.as_of_sequence);
            answer.sections.extend(more.sections);
        }
        Ok(answer)
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesAnswer, RefetchError> {
        let path = format!("/v1/changes?after={after}&limit={}", limit.clamp(1, LIMIT_MAX));
        self.ask(Asked::Changes { after }, &path, |body| parse::changes(body, after)).await
    }

    async fn page(&self, after: Option<ShopId>, limit: usize) -> Result<PageAnswer, RefetchError> {
        let limit = limit.clamp(1, LIMIT_MAX);
        let path = after.map_or_else(
            || format!("/v1/sections?limit={limit}"),
            |after| format!("/v1/sections?page_after={after}&limit={limit}"),
        );
        self.ask(Asked::Page { after }, &path, |body| parse::page(body, self.writer, after)).await
    }
}

enum Unread {
    Broken(reqwest::Error),
    TooLarge,
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, Unread> {
    let announced = response.content_length().unwrap_or(0);
    if announced > ANSWER_BYTES_MAX as u64 {
        return Err(Unread::TooLarge);
    }
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `detail` of a problem+json, else the beginning of the answer.
fn detail_of(body: &[u8]) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let detail = problem.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    let detail = detail.map_or_else(|| String::from_utf8_lossy(body), std::borrow::Cow::Borrowed);
    detail.chars().take(DETAIL_CHARS_MAX).collect()
}

/// The message and what is behind it: reqwest's own says only "error sending request".
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(said, ": {error}");
        cause = error.source();
    }
    said
}

//! Before anything is measured: every contestant answers with the same shops in the same order.

use std::io::Read as _;

use anyhow::{Context, bail, ensure};
use http::StatusCode;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH};
use reqwest::Client;

use crate::compare::contestants::{self, Asked, Contestant, Role};
use crate::compare::sampled::{Kind, Page};
use crate::compare::servers::Running;
use crate::page;

/// So many pages of each contestant are read and compared.
const PAGES_CHECKED: usize = 60;
/// So often is a page asked for until it has been packed as small as it gets.
const PACKED_AFTER: usize = 4;
/// Of unpacking.
const BUFFER_BYTES: usize = 16 << 10;

/// A contestant that may be measured.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Which.
    pub contestant: Contestant,
    /// Where it is asked.
    pub running: Running,
    /// One request for each page, as it goes out.
    pub requests: Vec<String>,
    /// The middle answer's body as it was sent, packed or not.
    pub body_bytes: usize,
    /// Bytes of these bodies against those of the sampled pages.
    pub bytes_share: f64,
}

/// Asks for the pages and compares.
///
/// # Errors
/// What came instead, or that the coding is not offered.
pub async fn check(
    client: &Client,
    contestant: Contestant,
    running: &Running,
    pages: &[Page],
) -> anyhow::Result<Checked> {
    let asker = Asker { client, contestant, base: format!("http://{}", running.address) };
    let requests = asker.requests(pages).await?;
    let stride = pages.len().div_ceil(PAGES_CHECKED).max(1);
    let mut bytes = Vec::new();
    let mut sampled_bytes = 0;
    for (number, page) in pages.iter().enumerate().step_by(stride) {
        // To be fetched and, if it is asked for again and again, packed; then as it will be measured.
        for _ in 0..asker.asked_before() {
            drop(asker.answer(number, page).await);
        }
        bytes.push(asker.answer(number, page).await?);
        sampled_bytes += page.body.len();
    }
    #[allow(clippy::cast_precision_loss)]
    let bytes_share = bytes.iter().sum::<usize>() as f64 / sampled_bytes.max(1) as f64;
    bytes.sort_unstable();
    let body_bytes = bytes.get(bytes.len() / 2).copied().context("no page")?;
    Ok(Checked { contestant, running: running.clone(), requests, body_bytes, bytes_share })
}

/// The requests of a contestant as they have to be now: tags change with the clock.
///
/// # Errors
/// When a page has no tag.
pub async fn requests_now(
    client: &Client,
    contestant: Contestant,
    running: &Running,
    pages: &[Page],
) -> anyhow::Result<Vec<String>> {
    Asker { client, contestant, base: format!("http://{}", running.address) }.requests(pages).await
}

struct Asker<'a> {
    client: &'a Client,
    contestant: Contestant,
    base: String,
}

impl Asker<'_> {
    const fn asked_before(&self) -> usize {
        if matches!(self.contestant.role.asked(), Asked::Accepting(_)) { PACKED_AFTER } else { 1 }
    }

    async fn requests(&self, pages: &[Page]) -> anyhow::Result<Vec<String>> {
        let asked = self.contestant.role.asked();
        let mut requests = Vec::with_capacity(pages.len());
        for (number, page) in pages.iter().enumerate() {
            let path = self.contestant.path(number, page);
            let tag = if asked == Asked::WithItsTag { Some(self.tag(&path).await?) } else { None };
            requests.push(contestants::request(&path, asked, tag.as_deref()));
        }
        Ok(requests)
    }

    async fn tag(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await?.error_for_status()?;
        let tag = answer.headers().get(ETAG).with_context(|| format!("{path} has no etag"))?;
        Ok(tag.to_str()?.to_owned())
    }

    /// Reads one answer and compares it with the sampled page; the bytes of its body as it was sent.
    async fn answer(&self, number: usize, page: &Page) -> anyhow::Result<usize> {
        let path = self.contestant.path(number, page);
        let mut request = self.client.get(format!("{}{path}", self.base));
        match self.contestant.role.asked() {
            Asked::Plainly => {}
            Asked::WithItsTag => request = request.header(IF_NONE_MATCH, self.tag(&path).await?),
            Asked::Accepting(coding) => request = request.header(ACCEPT_ENCODING, coding.name()),
        }
        let answer = request.send().await?;
        let status = answer.status();
        let coding = answer.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().map(str::to_owned));
        let coding = coding.transpose()?;
        let body = answer.bytes().await?;
        if self.contestant.role == Role::ShopfrontNotModified {
            ensure!(status == StatusCode::NOT_MODIFIED, "{path} answered {status}, expected 304");
            return Ok(body.len());
        }
        ensure!(status == StatusCode::OK, "{path} answered {status}: {}", String::from_utf8_lossy(&body));
        if let Asked::Accepting(asked) = self.contestant.role.asked() {
            ensure!(coding.as_deref() == Some(asked.name()), "not offered");
        }
        let text = unpacked(coding.as_deref(), &body).with_context(|| path.clone())?;
        let shop_ids = match self.contestant.kind {
            Kind::List | Kind::SmallList => page::shop_ids(&text),
            Kind::Detail => page::shop_id(&text).map(|id| vec![id]),
        };
        let shop_ids = shop_ids.with_context(|| path.clone())?;
        ensure!(
            shop_ids == page.shop_ids,
            "{path} answered other shops or another order: {}, expected {}",
            shop_ids.join(" "),
            page.shop_ids.join(" ")
        );
        Ok(body.len())
    }
}

/// What a client makes of a body.
fn unpacked(coding: Option<&str>, body: &[u8]) -> anyhow::Result<String> {
    let mut text = String::new();
    match coding {
        None => text.push_str(std::str::from_utf8(body)?),
        Some("gzip") => drop(flate2::read::GzDecoder::new(body).read_to_string(&mut text)?),
        Some("zstd") => drop(zstd::Decoder::new(body)?.read_to_string(&mut text)?),
        Some("br") => drop(brotli::Decompressor::new(body, BUFFER_BYTES).read_to_string(&mut text)?),
        Some(other) => bail!("packed as `{other}`"),
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn packed_answers_are_read_as_clients_read_them() {
        let page = r#"{"shops":[{"id":"7"}]}"#;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(page.as_bytes()).unwrap();
        let mut br = brotli::CompressorWriter::new(Vec::new(), BUFFER_BYTES, 5, 18);
        br.write_all(page.as_bytes()).unwrap();
        let zstd = zstd::encode_all(page.as_bytes(), 1).unwrap();
        for (coding, body) in [
            (None, page.as_bytes().to_vec()),
            (Some("gzip"), gzip.finish().unwrap()),
            (Some("br"), br.into_inner()),
            (Some("zstd"), zstd),
        ] {
            assert_eq!(unpacked(coding, &body).unwrap(), page, "{coding:?}");
        }
        assert!(unpacked(Some("deflate"), b"x").is_err());
        assert!(unpacked(Some("zstd"), page.as_bytes()).is_err());
    }
}

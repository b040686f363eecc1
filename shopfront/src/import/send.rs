//! Shops -> a writer, in bulks, again while the writer is briefly away.

use std::time::Duration;

use reqwest::StatusCode;
use writer_api::change::{BulkOutcome, Outcome};
use writer_api::{AdFacts, ReviewFacts};

use super::report::Place;

/// A bulk is sent before it grows beyond this: half of what the writers take, so that four of them in flight stay small.
pub const BULK_BYTES_USUAL_MAX: usize = writer_api::change::BULK_BYTES_MAX / 2;
/// Waits between attempts grow to this.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// One attempt may take so long: a thousand shops, made durable.
const ATTEMPT_MAX: Duration = Duration::from_secs(60);

/// A shop on its way, with where it came from.
#[derive(Debug)]
pub struct BulkRow {
    /// For refusals.
    pub place: Place,
    /// `{"source":…,"facts":…}` as JSON.
    pub body: Vec<u8>,
    /// For the ads writer, once the shop has an ID.
    pub ads: Option<AdFacts>,
    /// For the reviews writer, once the shop has an ID.
    pub reviews: Option<ReviewFacts>,
}

/// A writer that does not take what it is sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It was away for longer than we are ready to wait.
    #[error(
        "`{url}` did not take a bulk of {rows} rows within {waited_s} s: {reason}; is the writer running?"
    )]
    Away {
        /// Where to.
        url: String,
        /// How many.
        rows: usize,
        /// How long.
        waited_s: u64,
        /// The last thing that went wrong.
        reason: String,
    },
    /// It answered, but not as a writer.
    #[error("`{url}` answered {status}, expected 200 with one outcome per row: {body}")]
    Unexpected {
        /// Where to.
        url: String,
        /// What.
        status: StatusCode,
        /// The beginning of the answer.
        body: String,
    },
}

/// Speaks to one bulk URL.
#[derive(Clone, Debug)]
pub struct BulkSender {
    client: reqwest::Client,
    url: String,
    patience: Duration,
}

impl BulkSender {
    /// `base` is the writer's address, for example `http://127.0.0.1:7101`; `of` is `shops`, `ads` or `reviews`.
    pub fn new(client: reqwest::Client, base: &str, of: &str, patience: Duration) -> Self {
        Self { client, url: format!("{}/v1/{of}/bulk", base.trim_end_matches('/')), patience }
    }

    /// Sends rows (JSON objects) in order; one outcome per row. A bulk that is refused as a whole is cut in
    /// halves until the row is alone that the writer cannot read.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, rows: &[&[u8]]) -> Result<Vec<BulkOutcome>, SendError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut waiting = vec![rows];
        while let Some(rows) = waiting.pop() {
            if rows.is_empty() {
                continue;
            }
            let (status, body) = self.attempt_until_answered(rows).await?;
            if status.is_success() {
                let answered: Option<Vec<BulkOutcome>> = serde_json::from_slice(&body).ok();
                let answered = answered.filter(|answered| answered.len() == rows.len());
                outcomes.extend(answered.ok_or_else(|| self.unexpected(status, &body))?);
            } else if rows.len() > 1 && is_about_rows(status) {
                let (first, second) = rows.split_at(rows.len() / 2);
                waiting.extend([second, first]);
            } else if is_about_rows(status) {
                let reason = Some(detail_of(&body));
                outcomes.push(BulkOutcome {
                    shop_id: None,
                    outcome: Outcome::Refused,
                    reason,
                    revision_token: None,
                });
            } else {
                return Err(self.unexpected(status, &body));
            }
        }
        Ok(outcomes)
    }

    async fn attempt_until_answered(&self, rows: &[&[u8]]) -> Result<(StatusCode, Vec<u8>), SendError> {
        let body = array_of(rows);
        let started = tokio::time::Instant::now();
        let mut wait = Duration::from_millis(100);
        loop {
            let reason = match self.attempt(body.clone()).await {
                Ok((status, _)) if is_transient(status) => format!("it answered {status}"),
                Ok(answer) => return Ok(answer),
                Err(error) => causes(&error),
            };
            if started.elapsed() + wait > self.patience {
                let (url, waited_s) = (self.url.clone(), started.elapsed().as_secs());
                return Err(SendError::Away { url, rows: rows.len(), waited_s, reason });
            }
            // Jitter, so that bulks in flight do not come back all at once.
            tokio::time::sleep(wait.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    async fn attempt(&self, body: Vec<u8>) -> Result<(StatusCode, Vec<u8>), reqwest::Error> {
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let response = request.timeout(ATTEMPT_MAX).body(body).send().await?;
        let status = response.status();
        Ok((status, response.bytes().await?.to_vec()))
    }

    fn unexpected(&self, status: StatusCode, body: &[u8]) -> SendError {
        let body = String::from_utf8_lossy(body).chars().take(300).collect();
        SendError::Unexpected { url: self.url.clone(), status, body }
    }
}

fn array_of(rows: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::with_capacity(rows.iter().map(|row| row.len() + 1).sum::<usize>() + 2);
    for (index, row) in rows.iter().enumerate() {
        body.push(if index == 0 { b'[' } else { b',' });
        body.extend_from_slice(row);
    }
    body.push(b']');
    body
}

const fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

const fn is_about_rows(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 413 | 422)
}

/// `detail` of a problem+json, else the beginning of the answer.
fn detail_of(body: &[u8]) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let detail =
        problem.as_ref().and_then(|problem| problem.get("detail")).and_then(serde_json::Value::as_str);
    detail.map_or_else(|| String::from_utf8_lossy(body).chars().take(300).collect(), str::to_owned)
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

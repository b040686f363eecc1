//! Questions to stand-ins of AWS, as an operator's command line would put them.
//!
//! Signed for form's sake: a stand-in looks at the account and the region and believes the rest.

use anyhow::{Context as _, ensure};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

/// Where to ask, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct StandIn {
    /// `http://127.0.0.1:4566`
    pub(crate) endpoint: String,
    /// `us-east-1`
    pub(crate) region: String,
    /// The key, for which some take the account.
    pub(crate) key: String,
}

impl StandIn {
    fn request(&self, service: &str) -> anyhow::Result<RequestBuilder> {
        let Self { endpoint, region, key } = self;
        let credential = format!("Credential={key}/20261123/{region}/{service}/aws4_request");
        let signed = format!(
            "AWS4-HMAC-SHA256 {credential}, SignedHeaders=host;x-amz-date, Signature={}",
            "0".repeat(64)
        );
        let client = Client::builder().timeout(crate::PATIENCE).build()?;
        let request = client.post(format!("{endpoint}/")).header("authorization", signed);
        Ok(request.header("x-amz-date", "20261123T000000Z"))
    }

    /// One call of a JSON protocol; `target` for example `AmazonSQS.SendMessage`.
    ///
    /// # Errors
    /// What was answered instead.
    pub(crate) async fn call(&self, service: &str, target: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.request(service)?.header("x-amz-target", target);
        let request = request.header("content-type", "application/x-amz-json-1.0").body(body.to_string());
        let answer = request.send().await.with_context(|| format!("asking for {target}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{target} {body} was answered {status}: {text}");
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{target} was answered no JSON: {text}"))
    }

    /// One call of the older protocol, whose answer is XML. Nothing in `form` needs escaping but colons.
    ///
    /// # Errors
    /// What was answered instead.
    pub(crate) async fn form(&self, service: &str, form: &[(&str, &str)]) -> anyhow::Result<String> {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", value.replace(':', "%3A"));
        let body = form.iter().map(pair).collect::<Vec<_>>().join("&");
        let request = self.request(service)?.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(body.clone()).send().await.with_context(|| format!("asking {body}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{body} was answered {status}: {text}");
        Ok(text)
    }
}

/// A setting behind the `?` of an address.
pub(crate) fn setting<'a>(address: &'a str, name: &str) -> Option<&'a str> {
    let (_, settings) = address.split_once('?')?;
    settings.split('&').find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='))
}

//! `<region>/<account>/<prefix>?endpoint=…&create=true` -> region, account, prefix.

use std::fmt;
use std::str::FromStr;

/// Where topics and queues are. There is no place for credentials: they come from the usual chain (environment, profile,
/// web identity, container, instance).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnsSqsAddress {
    /// `eu-west-1`
    pub region: String,
    /// Twelve digits. Named, so that no program needs the right to ask for it.
    pub account: String,
    /// Of the names of all topics and queues.
    pub prefix: String,
    /// A local stand-in or a private endpoint, asked instead of AWS' own.
    pub endpoint: Option<String>,
    /// Make what is not there. For development.
    pub create: bool,
}

const SHAPE: &str =
    "`sns-sqs://<region>/<account>/<prefix>`, for example `sns-sqs://eu-west-1/123456789012/shopfront`";
/// Topics may have 256 characters, queues 80; `-order-relay-<subscriber>-dead` follows.
const PREFIX_CHARS_MAX: usize = 32;

impl FromStr for SnsSqsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let [region, account, prefix] = parts[..] else {
            return Err(format!("`sns-sqs://{path}` has {} parts, expected {SHAPE}", parts.len()));
        };
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        };
        if !is_name(region) || !region.contains('-') {
            return Err(format!("`{region}` is no region, expected {SHAPE}"));
        }
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("`{account}` is no account, expected twelve digits in {SHAPE}"));
        }
        if !is_name(prefix) || prefix.len() > PREFIX_CHARS_MAX {
            return Err(format!(
                "`{prefix}` is no prefix, expected at most {PREFIX_CHARS_MAX} letters, digits and `-` in {SHAPE}"
            ));
        }
        let mut address = Self {
            region: region.to_owned(),
            account: account.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: None,
            create: false,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            address.take(pair)?;
        }
        Ok(address)
    }
}

impl SnsSqsAddress {
    fn take(&mut self, pair: &str) -> Result<(), String> {
        match pair.split_once('=') {
            Some(("endpoint", endpoint)) => self.endpoint = Some(read_endpoint(endpoint)?),
            Some(("create", "true")) => self.create = true,
            Some(("create", "false")) => self.create = false,
            Some(("create", other)) => {
                return Err(format!("`create={other}`, expected `create=true` or `create=false`"));
            }
            _ => {
                return Err(format!("`{pair}` is unknown, expected `endpoint=<URL>` or `create=true`"));
            }
        }
        Ok(())
    }

    /// A stand-in on this machine, which takes any credentials.
    pub(super) fn is_local(&self) -> bool {
        let host = self.endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
        host.is_some_and(|host| {
            ["127.0.0.1", "localhost", "[::1]"].iter().any(|local| {
                host.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
            })
        })
    }
}

fn read_endpoint(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    // Whatever stands before an `@` would be a password, and in every log line.
    if host.is_empty() || host.starts_with(['/', ':']) || host.contains(['@', '#']) {
        return Err(
            "`endpoint` is no URL without credentials, expected for example `http://127.0.0.1:4566`".into()
        );
    }
    Ok(text.trim_end_matches('/').to_owned())
}

impl fmt::Display for SnsSqsAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "sns-sqs://{}/{}/{}", self.region, self.account, self.prefix)?;
        let endpoint = self.endpoint.as_ref().map(|endpoint| format!("endpoint={endpoint}"));
        let create = self.create.then(|| "create=true".to_owned());
        let query: Vec<String> = [endpoint, create].into_iter().flatten().collect();
        if query.is_empty() { Ok(()) } else { write!(out, "?{}", query.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventsAddress;

    #[test]
    fn an_address_survives_being_written() {
        for text in [
            "sns-sqs://eu-west-1/123456789012/shopfront",
            "sns-sqs://ap-northeast-2/000000000000/demo?endpoint=http://127.0.0.1:4566&create=true",
            "sns-sqs://us-gov-west-1/123456789012/a-b?endpoint=https://vpce.example",
        ] {
            let read: EventsAddress = text.to_owned().try_into().unwrap();
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_expected() {
        for (text, expected) in [
            (
                "eu-west-1/shopfront",
                "`sns-sqs://eu-west-1/shopfront` has 2 parts, expected `sns-sqs://<region>",
            ),
            ("europe/123456789012/s", "`europe` is no region"),
            ("eu-west-1/1234/s", "`1234` is no account, expected twelve digits"),
            ("eu-west-1/123456789012/shop_front", "`shop_front` is no prefix"),
            ("eu-west-1/123456789012/s?create=yes", "`create=yes`, expected `create=true`"),
            ("eu-west-1/123456789012/s?created=true", "`created=true` is unknown, expected `endpoint=<URL>`"),
            ("eu-west-1/123456789012/s?endpoint=127.0.0.1:4566", "`endpoint` is no URL"),
            ("eu-west-1/123456789012/s?endpoint=http://key:secret@host", "`endpoint` is no URL without cred"),
        ] {
            let refused = text.parse::<SnsSqsAddress>().unwrap_err();
            assert!(refused.starts_with(expected), "{text}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for (endpoint, is_local) in [
            ("http://127.0.0.1:4566", true),
            ("http://localhost", true),
            ("http://localhost.example.com", false),
            ("https://127.0.0.1:4566", false),
            ("http://127.0.0.1.example", false),
        ] {
            let address = format!("eu-west-1/123456789012/s?endpoint={endpoint}");
            assert_eq!(address.parse::<SnsSqsAddress>().unwrap().is_local(), is_local, "{endpoint}");
        }
        assert!(!"eu-west-1/123456789012/s".parse::<SnsSqsAddress>().unwrap().is_local());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            drop(text.parse::<SnsSqsAddress>());
        }
    }
}

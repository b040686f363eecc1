//! The text in a configuration that says how events travel -> the transport.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

#[cfg(feature = "sns-sqs")]
use crate::sns_sqs::SnsSqsAddress;

/// How events travel. In a configuration it is one text: `data/events`, a directory, or
/// `sns-sqs://<region>/<account>/<prefix>`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum EventsAddress {
    /// Files in this directory: see [`crate::embedded`].
    Directory(PathBuf),
    /// Topics and queues of AWS: see [`crate::sns_sqs`].
    #[cfg(feature = "sns-sqs")]
    SnsSqs(SnsSqsAddress),
}

const EXPECTED: &str =
    "expected a directory such as `data/events`, or `sns-sqs://<region>/<account>/<prefix>`";

impl TryFrom<String> for EventsAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once("://") {
            None if text.trim().is_empty() => Err(format!("`{text}` says nothing, {EXPECTED}")),
            None => Ok(Self::Directory(text.into())),
            Some(("sns-sqs", rest)) => sns_sqs(rest),
            Some((scheme, _)) => Err(format!("no events travel by `{scheme}`, {EXPECTED}")),
        }
    }
}

#[cfg(feature = "sns-sqs")]
fn sns_sqs(rest: &str) -> Result<EventsAddress, String> {
    rest.parse().map(EventsAddress::SnsSqs)
}

#[cfg(not(feature = "sns-sqs"))]
fn sns_sqs(_: &str) -> Result<EventsAddress, String> {
    Err("this program was built without SNS and SQS; build it with `--features sns-sqs`, or give a directory"
        .into())
}

impl fmt::Display for EventsAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(out),
            #[cfg(feature = "sns-sqs")]
            Self::SnsSqs(address) => address.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<EventsAddress, String> {
        text.to_owned().try_into()
    }

    #[test]
    fn a_path_is_a_directory_of_files() {
        for path in ["data/events", "/var/lib/shopfront/events", "events: new"] {
            assert_eq!(read(path), Ok(EventsAddress::Directory(path.into())));
            assert_eq!(read(path).unwrap().to_string(), path);
        }
    }

    #[test]
    fn an_unknown_way_is_refused_with_the_known_ones() {
        assert_eq!(read("kafka://broker").unwrap_err(), format!("no events travel by `kafka`, {EXPECTED}"));
        assert_eq!(read(" ").unwrap_err(), format!("` ` says nothing, {EXPECTED}"));
    }

    #[cfg(not(feature = "sns-sqs"))]
    #[test]
    fn a_program_that_cannot_names_what_it_was_built_without() {
        let refused = read("sns-sqs://eu-west-1/123456789012/shopfront").unwrap_err();
        assert!(
            refused.contains("built without SNS and SQS; build it with `--features sns-sqs`"),
            "{refused}"
        );
    }
}

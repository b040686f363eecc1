//! Bytes of facts -> JSON that was checked, in the one form in which it is stored, compared and sent. Pure.
//!
//! What is read a thousand times as often as it is written is serialised once: reads splice these bytes.

use serde::de::DeserializeOwned;
use writer_api::change::FACTS_BYTES_MAX;

use crate::check::{Finding, Findings};
use crate::owner::Owner;
use crate::refusal::Refusal;

/// The facts of one section as the contract writes them, checked. Two equal sections are equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadyFacts(String);

impl ReadyFacts {
    /// Checks facts and makes them ready.
    pub(crate) fn of<O: Owner>(facts: O::Facts) -> Result<Self, Refusal> {
        let mut findings = Findings::default();
        O::check(&facts, &mut findings);
        findings.into_result().map_err(Refusal::Invalid)?;
        // Only what is no number in JSON could fail here, and the checks above let no such thing through.
        let json =
            serde_json::to_string(&O::tagged(facts)).map_err(|error| Refusal::NotJson(error.to_string()))?;
        if json.len() > FACTS_BYTES_MAX {
            return Err(Refusal::TooLarge { bytes: json.len() });
        }
        Ok(Self(json))
    }

    /// Reads, checks and makes ready.
    pub(crate) fn read<O: Owner>(json: &[u8]) -> Result<Self, Refusal> {
        Self::of::<O>(parse(json)?)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Any JSON into its type. The path of what is wrong is found by reading a second time, which only bad JSON pays for.
pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(json).map_err(|error| {
        // serde_json calls some wrong shapes wrong syntax: an area that is a circle and a polygon, for example.
        if !error.is_data() && serde_json::from_slice::<serde::de::IgnoredAny>(json).is_err() {
            return Refusal::NotJson(error.to_string());
        }
        let mut again = serde_json::Deserializer::from_slice(json);
        let (path, reason) = match serde_path_to_error::deserialize::<_, T>(&mut again) {
            Err(error) => (error.path().to_string(), error.inner().to_string()),
            Ok(_) => (".".to_owned(), error.to_string()),
        };
        Refusal::Invalid(vec![shape_finding(path, &reason)])
    })
}

/// `serde`'s words, cut into the parts of a finding.
fn shape_finding(path: String, reason: &str) -> Finding {
    // The place in the text is of no use to a program, and wrong for a row of a bulk.
    let reason = reason.rsplit_once(" at line ").map_or(reason, |(reason, _)| reason);
    if let Some(field) = reason.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let path = if path == "." { field.to_owned() } else { format!("{path}.{field}") };
        return Finding { path, given: "missing".to_owned(), expected: "a value".to_owned() };
    }
    let (given, expected) =
        reason.rsplit_once(", expected ").unwrap_or((reason, "the form that is documented"));
    let given = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .fold(given, |given, kind| given.strip_prefix(kind).unwrap_or(given));
    Finding { path, given: given.replace('`', ""), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::{Ads, Reviews};

    #[test]
    fn what_is_wrong_in_the_form_is_named_by_path() {
        for (json, said) in [
            ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
            ("{}", "`campaigns` is `missing`, expected a value"),
            ("7", "`.` is `integer 7`, expected struct AdFacts"),
            (r#"{"campaigns":7}"#, "`campaigns` is `integer 7`, expected a sequence"),
            (r#"{"campaigns":[{}]}"#, "`campaigns[0].id` is `missing`, expected a value"),
        ] {
            let refused = ReadyFacts::read::<Ads>(json.as_bytes()).unwrap_err().to_string();
            assert_eq!(refused, said, "{json}");
        }
        let both = br#"{"radius_m":500,"polygon":[[51.5,-0.1],[51.6,-0.1],[51.6,0.0]]}"#;
        let refused = parse::<writer_api::facts::DeliveryArea>(both).unwrap_err();
        assert!(matches!(refused, Refusal::Invalid(_)), "good JSON of a wrong shape: {refused}");
        let soon = br#"{"campaigns":[{"id":"1","label":"x","starts_at":"soon"}]}"#;
        let refused = ReadyFacts::read::<Ads>(soon).unwrap_err().to_string();
        assert!(refused.starts_with("`campaigns[0].starts_at` is `"), "{refused}");
    }

    #[test]
    fn facts_are_tagged_and_blanks_and_order_make_no_difference() {
        let one = ReadyFacts::read::<Reviews>(br#"{"latest": [], "by_stars": [0, 0, 0, 1, 0]}"#).unwrap();
        let other = ReadyFacts::read::<Reviews>(br#"{"by_stars":[0,0,0,1,0],"of":"reviews"}"#).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.as_str(), r#"{"of":"reviews","by_stars":[0,0,0,1,0],"latest":[]}"#);
    }
}

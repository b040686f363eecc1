//! Bytes of facts -> JSON that was checked, in the one form in which it is stored, compared and sent. Pure.
//!
//! What is read a thousand times as often as it is written is serialised once: reads splice these bytes.

use serde::de::DeserializeOwned;
use writer_api::change::FACTS_BYTES_MAX;
use writer_api::check::Findings;
use writer_api::shape::{self, Unread};

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

/// Any JSON into its type.
pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    shape::read(json).map_err(|unread| match unread {
        Unread::NotJson(reason) => Refusal::NotJson(reason),
        Unread::Wrong(member) => Refusal::Invalid(vec![member]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::{Ads, Reviews};

    #[test]
    fn what_is_wrong_in_the_form_is_named_by_path() {
        for (json, said) in [
            ("{", "not JSON: line 1, column 1: it ends too soon"),
            ("{}", "`campaigns` is missing, expected a list of campaigns, `[]` for none"),
            ("7", "`.` is `7`, expected an object"),
            (r#"{"campaigns":7}"#, "`campaigns` is `7`, expected a list of campaigns, `[]` for none"),
            (r#"{"campaigns":[{}]}"#, "`campaigns[0].id` is missing, expected text, unique within the shop"),
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

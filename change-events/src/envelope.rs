//! CloudEvents 1.0 attributes without data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shop_id::{Revision, ShopId, Writer};

/// "This shop changed at this writer": never a field of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeEvent {
    /// Unique within the source.
    pub id: String,
    /// Who committed the change (CloudEvents `source` is `/writers/<name>`).
    pub source: Writer,
    /// What changed (CloudEvents `subject`).
    pub subject: ShopId,
    /// When it was committed. Freshness lag is measured from here, since a redrive resets queue times.
    pub time: Timestamp,
    /// The writer's commit sequence. Gaps are a metric, not a trigger.
    pub sequence: Revision,
}

/// Why a message cannot be an event. Never transient: it belongs into the dead-letter queue with this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct UnusableEvent {
    /// What was given and what was expected.
    pub reason: String,
}

const SPEC_VERSION: &str = "1.0";
const TYPE: &str = "shopfront.shop.changed";
const SOURCE: &str = "/writers/";

/// As on the wire. Attributes that are not ours are ignored; `data` too: there is nothing in it that we would believe.
#[derive(Serialize, Deserialize)]
struct Attributes {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: String,
    sequence: String,
}

impl ChangeEvent {
    /// JSON, structured mode.
    #[must_use]
    pub fn to_json(&self) -> String {
        let attributes = Attributes {
            specversion: SPEC_VERSION.to_owned(),
            id: self.id.clone(),
            source: format!("{SOURCE}{}", self.source),
            kind: TYPE.to_owned(),
            subject: self.subject.to_string(),
            time: self.time.to_string(),
            sequence: self.sequence.to_string(),
        };
        // Seven strings: nothing that serde_json could refuse.
        serde_json::to_string(&attributes).unwrap_or_default()
    }

    /// Reads what [`ChangeEvent::to_json`] wrote, or another's CloudEvent of our type.
    ///
    /// # Errors
    /// Names the attribute, what was given and what was expected.
    pub fn from_json(json: &str) -> Result<Self, UnusableEvent> {
        let attributes: Attributes = serde_json::from_str(json)
            .map_err(|error| UnusableEvent { reason: format!("not a CloudEvent: {error}") })?;
        expect("specversion", &attributes.specversion, SPEC_VERSION)?;
        expect("type", &attributes.kind, TYPE)?;
        let source = attributes.source.strip_prefix(SOURCE).unwrap_or_default();
        let source = source.parse().map_err(|_| {
            let expected = format!("`{SOURCE}<writer>` with one of {}", Writer::names());
            unusable("source", &attributes.source, &expected)
        })?;
        let subject = attributes.subject.parse();
        let subject = subject.map_err(|_| unusable("subject", &attributes.subject, "a shop ID"))?;
        let time = attributes.time.parse();
        let time = time.map_err(|_| unusable("time", &attributes.time, "an RFC 3339 time"))?;
        let sequence = attributes.sequence.parse();
        let sequence =
            sequence.map_err(|_| unusable("sequence", &attributes.sequence, "`<epoch>-<counter>`"))?;
        Ok(Self { id: attributes.id, source, subject, time, sequence })
    }
}

fn expect(name: &str, given: &str, expected: &str) -> Result<(), UnusableEvent> {
    if given == expected { Ok(()) } else { Err(unusable(name, given, &format!("`{expected}`"))) }
}

fn unusable(name: &str, given: &str, expected: &str) -> UnusableEvent {
    // Enough to know it by; a message may be of any size.
    let given: String = given.chars().take(100).collect();
    UnusableEvent { reason: format!("attribute `{name}` is `{given}`, expected {expected}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_seven_attributes_and_no_data() {
        let event = ChangeEvent {
            id: "shop-1-42".to_owned(),
            source: Writer::Shop,
            subject: ShopId::new(7).unwrap(),
            time: "2026-11-23T17:00:00Z".parse().unwrap(),
            sequence: Revision::new(1, 42),
        };
        expect_test::expect![[r#"{"specversion":"1.0","id":"shop-1-42","source":"/writers/shop","type":"shopfront.shop.changed","subject":"7","time":"2026-11-23T17:00:00Z","sequence":"1-42"}"#]]
            .assert_eq(&event.to_json());
        assert_eq!(ChangeEvent::from_json(&event.to_json()), Ok(event));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let event = r#"{"specversion":"1.0","id":"x","source":"/writers/shop","type":"shopfront.shop.changed","subject":"7","time":"2026-11-23T17:00:00Z","sequence":"1-42"}"#;
        for (given, wrong, expected) in [
            (r#""subject":"7""#, r#""subject":"0""#, "attribute `subject` is `0`, expected a shop ID"),
            (r#""1.0""#, r#""2.0""#, "attribute `specversion` is `2.0`, expected `1.0`"),
            (r#""1-42""#, r#""42""#, "attribute `sequence` is `42`, expected `<epoch>-<counter>`"),
        ] {
            let refused = ChangeEvent::from_json(&event.replace(given, wrong)).unwrap_err();
            assert_eq!(refused.reason, expected);
        }
        let refused = ChangeEvent::from_json("{}").unwrap_err();
        assert!(refused.reason.contains("missing field `specversion`"), "{refused}");
    }

    proptest::proptest! {
        #[test]
        fn every_event_survives_json(
            id: String, which in 0..7_usize, subject in 1_u64.., micros in 0_i64..4_000_000_000_000_000, epoch: u32, counter: u64,
        ) {
            let event = ChangeEvent {
                id,
                source: Writer::ALL[which],
                subject: ShopId::new(subject).unwrap(),
                time: Timestamp::from_microsecond(micros).unwrap(),
                sequence: Revision::new(epoch, counter),
            };
            proptest::prop_assert_eq!(ChangeEvent::from_json(&event.to_json()), Ok(event));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            drop(ChangeEvent::from_json(&text));
        }
    }
}

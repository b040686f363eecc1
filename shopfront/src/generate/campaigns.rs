//! Campaigns: one shop in eight pays for standing higher.

use jiff::{Timestamp, ToSpan as _, civil::date, tz::TimeZone};
use rand::RngExt as _;
use writer_api::facts::{AdFacts, Campaign};

use super::Generator;

const LABELS: &[&str] =
    &["Sponsored", "Ad", "New here", "20% off today", "Free delivery", "2 for 1 on mains", "Student deal"];

impl Generator<'_> {
    /// `None` for the seven of eight shops that do not advertise. Windows do not depend on the day of the run,
    /// so that importing again tomorrow changes nothing: most run for years, a few are over.
    #[must_use]
    pub fn campaigns(&self) -> Option<AdFacts> {
        let mut chance = self.chance("ads");
        if !chance.random_bool(0.125) {
            return None;
        }
        let start = date(2025, 1, 1).checked_add(i64::from(chance.random_range(0..300_u32)).days()).ok()?;
        let days: i64 = if chance.random_bool(0.9) { 3_650 } else { 30 };
        let end = start.checked_add(days.days()).ok()?;
        let moment = |day: jiff::civil::Date| -> Option<Timestamp> {
            Some(day.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
        };
        let campaign = Campaign {
            id: "c1".to_owned(),
            label: LABELS[chance.random_range(0..LABELS.len())].to_owned(),
            starts_at: moment(start)?,
            ends_at: moment(end)?,
            weight: chance.random_range(1..=1_000),
        };
        Some(AdFacts { campaigns: vec![campaign], generated: vec!["campaigns".to_owned()] })
    }
}

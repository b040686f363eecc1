//! Campaigns.

use crate::AdFacts;
use jiff::SignedDuration;

use super::Findings;
use super::texts::{self, text, unique};

const CAMPAIGNS_MAX: usize = 100;
const ID_CHARS_MAX: usize = 100;
/// What fits on a card.
const LABEL_CHARS_MAX: usize = 24;
/// Read sides keep whole seconds: what is shorter may never begin, or never end.
const LASTS_MIN: SignedDuration = SignedDuration::from_secs(1);
const WEIGHT: std::ops::RangeInclusive<u16> = 1..=1_000;

/// Everything that is wrong in what the ads writer says.
pub fn check(facts: &AdFacts, findings: &mut Findings) {
    let campaigns = &facts.campaigns;
    findings.expect_count("campaigns", campaigns.len(), CAMPAIGNS_MAX);
    let path = |index| format!("campaigns[{index}].id");
    unique(campaigns.iter().map(|campaign| campaign.id.as_str()), path, findings);
    for (index, campaign) in campaigns.iter().enumerate() {
        let at = |field: &'static str| move || format!("campaigns[{index}].{field}");
        text(at("id"), &campaign.id, ID_CHARS_MAX, findings);
        text(at("label"), &campaign.label, LABEL_CHARS_MAX, findings);
        let lasts = campaign.ends_at.duration_since(campaign.starts_at);
        let expected = format_args!("at least one second after `starts_at`, {}", campaign.starts_at);
        findings.expect(lasts >= LASTS_MIN, at("ends_at"), campaign.ends_at, expected);
        findings.expect(WEIGHT.contains(&campaign.weight), at("weight"), campaign.weight, "1 to 1000");
    }
    texts::generated(&facts.generated, findings);
}

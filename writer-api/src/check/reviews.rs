//! Stars and texts.

use crate::ReviewFacts;

use super::Findings;
use super::texts::{self, lines};

/// The newest reviews that are kept as text.
const LATEST_MAX: usize = 10;
/// Characters of one review.
pub const REVIEW_CHARS_MAX: usize = 2_000;
const STARS: std::ops::RangeInclusive<u8> = 1..=5;

/// Everything that is wrong in what the reviews writer says.
pub fn check(facts: &ReviewFacts, findings: &mut Findings) {
    findings.expect_count("latest", facts.latest.len(), LATEST_MAX);
    let mut before = None;
    for (index, review) in facts.latest.iter().enumerate() {
        let at = |field: &'static str| move || format!("latest[{index}].{field}");
        findings.expect(STARS.contains(&review.stars), at("stars"), review.stars, "1 to 5");
        lines(at("text"), &review.text, REVIEW_CHARS_MAX, findings);
        let holds = before.is_none_or(|before| review.at <= before);
        findings.expect(holds, at("at"), review.at, "the newest first");
        before = Some(review.at);
    }
    texts::generated(&facts.generated, findings);
}

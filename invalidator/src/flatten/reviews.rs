//! Stars and the latest reviews.

use shop_document::ReviewsSectionFacts;
use shop_document::facts::Review;
use writer_api::ReviewFacts;

/// All that is shown of the reviews writer's section.
pub(super) fn section(facts: ReviewFacts) -> ReviewsSectionFacts {
    let latest = facts.latest.into_iter();
    let latest =
        latest.map(|review| Review { stars: review.stars, text: review.text, at: review.at.to_string() });
    ReviewsSectionFacts { by_stars: facts.by_stars, latest: latest.collect(), generated: facts.generated }
}

#[cfg(test)]
mod tests {
    use writer_api::facts;

    use super::*;

    #[test]
    fn a_review_says_when_it_was_written() {
        let written = facts::Review {
            stars: 4,
            text: "warm".to_owned(),
            at: "2026-11-23T18:30:00+01:00".parse().unwrap(),
        };
        let section = section(ReviewFacts {
            by_stars: [0, 0, 0, 1, 0],
            latest: vec![written],
            generated: vec!["latest".to_owned()],
        });
        assert_eq!(section.latest[0].at, "2026-11-23T17:30:00Z");
        assert_eq!(
            (section.by_stars, section.generated.as_slice()),
            ([0, 0, 0, 1, 0], ["latest".to_owned()].as_slice())
        );
    }
}

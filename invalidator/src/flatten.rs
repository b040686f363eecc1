//! A writer's answer -> the flat section of the document, rendered. Pure.
//!
//! Facts that make no sense (a time `25:99`, a corner on no map) are left out and named; the rest of the section is
//! kept: one slip of an owner must not take the shop off the page, nor hold up the shops that were answered with it.

pub mod ads; //     campaigns                          -> seconds, ordered as given
pub mod area; //    circle or corners                  -> the H3 cells that it touches
pub mod hours; //   weekly lines, pauses               -> minutes of the week, instants
pub mod reviews; // stars, latest                      -> counts, RFC 3339 times
pub mod shop; //    all that the owner says            -> groups of the menu, ladder, hours, area

use std::fmt;

use shop_document::{Held, Sections};
use shop_id::{Revision, ShopId, Writer};
use writer_api::{Facts, SectionAnswer, SectionState};

/// One answer, ready to be merged.
#[derive(Clone, Debug)]
pub struct Flattened {
    /// Whose.
    pub shop_id: ShopId,
    /// The answering writer's section, the others' unheard.
    pub offered: Sections,
    /// What made no sense.
    pub left_out: Vec<LeftOut>,
}

/// A fact that is not shown, because it makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where in the facts.
    pub path: String,
    /// What stood there and what was expected.
    pub reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}`: {}", self.path, self.reason)
    }
}

impl LeftOut {
    fn at(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

/// Flattens and renders what a writer answered.
#[must_use]
pub fn flatten(answer: SectionAnswer) -> Flattened {
    let revision = revision_of(&answer);
    let (shop_id, writer) = (answer.shop_id, answer.writer);
    let (mut offered, mut left_out) = (Sections::default(), Vec::new());
    match (writer, answer.state) {
        (Writer::Shop, SectionState::Gone) => offered.shop = Held::Gone(revision),
        (Writer::Shop, SectionState::Nothing) => offered.shop = Held::Nothing(revision),
        // Nobody but the shop's owner closes a shop for good.
        (Writer::Ads, SectionState::Nothing | SectionState::Gone) => offered.ads = Held::Nothing(revision),
        (Writer::Reviews, SectionState::Nothing | SectionState::Gone) => {
            offered.reviews = Held::Nothing(revision);
        }
        (writer, SectionState::Present(facts)) => match (writer, *facts) {
            (Writer::Shop, Facts::Shop(facts)) => {
                offered.shop = Held::Present(revision, shop::section(facts, &mut left_out).render());
            }
            (Writer::Ads, Facts::Ads(facts)) => {
                offered.ads = Held::Present(revision, ads::section(facts, &mut left_out).render());
            }
            (Writer::Reviews, Facts::Reviews(facts)) => {
                offered.reviews = Held::Present(revision, reviews::section(facts).render());
            }
            (writer, _) => left_out.push(LeftOut::at("facts", format!("not those of `{writer}`"))),
        },
        (writer, _) => left_out.push(LeftOut::at("writer", format!("`{writer}` has no section"))),
    }
    Flattened { shop_id, offered, left_out }
}

/// How new an answer is: its section's revision, but at least the beginning of the epoch in which it was given.
///
/// A writer that was restored from a backup answers in a new epoch, while sections that were not changed since still
/// carry revisions of the old one; these may even be lower than what was committed, saved here, and lost with the
/// restore. Whatever is said in the new epoch is newer than all that was said in the old one, "never heard of that
/// shop" included.
#[must_use]
pub fn revision_of(answer: &SectionAnswer) -> Revision {
    answer.revision.max(Revision::new(answer.as_of_sequence.epoch, 0))
}

#[cfg(test)]
mod tests {
    use writer_api::{AdFacts, ReviewFacts};

    use super::*;

    fn answer(writer: Writer, state: SectionState) -> SectionAnswer {
        SectionAnswer {
            shop_id: ShopId::new(7).unwrap(),
            writer,
            revision: Revision::new(1, 5),
            as_of_sequence: Revision::new(1, 9),
            state,
        }
    }

    fn no_ads() -> Box<Facts> {
        Box::new(Facts::Ads(AdFacts { campaigns: Vec::new(), generated: Vec::new() }))
    }

    #[test]
    fn every_writer_offers_its_own_section_and_no_other() {
        let revision = Revision::new(1, 5);
        let offered = |writer, state| flatten(answer(writer, state)).offered;
        let ads = offered(Writer::Ads, SectionState::Present(no_ads()));
        assert_eq!(
            (ads.shop, ads.ads.revision(), ads.reviews),
            (Held::Unheard, Some(revision), Held::Unheard)
        );
        let facts = Facts::Reviews(ReviewFacts { by_stars: [0; 5], latest: vec![], generated: vec![] });
        let reviews = offered(Writer::Reviews, SectionState::Present(Box::new(facts)));
        assert_eq!((reviews.shop, reviews.ads), (Held::Unheard, Held::Unheard));
        assert_eq!(reviews.reviews.revision(), Some(revision));
        assert_eq!(offered(Writer::Shop, SectionState::Nothing).shop, Held::Nothing(revision));
        assert_eq!(offered(Writer::Ads, SectionState::Nothing).ads, Held::Nothing(revision));
    }

    #[test]
    fn only_the_shop_writer_closes_a_shop_for_good() {
        let revision = Revision::new(1, 5);
        assert_eq!(flatten(answer(Writer::Shop, SectionState::Gone)).offered.shop, Held::Gone(revision));
        assert_eq!(flatten(answer(Writer::Ads, SectionState::Gone)).offered.ads, Held::Nothing(revision));
        let reviews = flatten(answer(Writer::Reviews, SectionState::Gone)).offered;
        assert_eq!((reviews.shop, reviews.reviews), (Held::Unheard, Held::Nothing(revision)));
    }

    #[test]
    fn facts_of_another_writer_are_offered_to_nobody() {
        for writer in [Writer::Shop, Writer::Reviews, Writer::Payment] {
            let flat = flatten(answer(writer, SectionState::Present(no_ads())));
            assert_eq!(flat.offered, Sections::default());
            assert_eq!(flat.left_out, [LeftOut::at("facts", format!("not those of `{writer}`"))]);
        }
        let flat = flatten(answer(Writer::Orders, SectionState::Nothing));
        assert_eq!(flat.left_out[0].to_string(), "`writer`: `orders` has no section");
    }

    #[test]
    fn what_a_restored_writer_says_is_newer_than_what_was_lost() {
        let restored = SectionAnswer {
            revision: Revision::new(1, 30),
            as_of_sequence: Revision::new(2, 4),
            ..answer(Writer::Ads, SectionState::Nothing)
        };
        assert_eq!(flatten(restored).offered.ads.revision(), Some(Revision::new(2, 0)));
        let never_heard = SectionAnswer {
            revision: Revision::ZERO,
            as_of_sequence: Revision::new(2, 4),
            ..answer(Writer::Shop, SectionState::Nothing)
        };
        assert_eq!(flatten(never_heard).offered.shop, Held::Nothing(Revision::new(2, 0)));
    }
}

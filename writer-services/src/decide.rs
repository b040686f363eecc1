//! What is held and what is asked -> what becomes of it. Pure: runs inside the commit, on the newest state.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use shop_id::ShopId;
use writer_api::check::{self, Findings, REVIEW_CHARS_MAX};
use writer_api::facts::Review;
use writer_api::{ReviewFacts, Source};

use crate::merge_patch;
use crate::owner::{Owner, Reviews, Shops};
use crate::ready::{self, ReadyFacts};
use crate::refusal::Refusal;

/// Reviews that are kept as text.
const LATEST_MAX: usize = 10;

/// What the writer has of a shop before the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held<'a> {
    /// Never heard of.
    Unknown,
    /// Closed, or nothing left.
    Removed,
    /// These facts.
    Present(&'a str),
}

/// What it has afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// These facts; the same ones again change nothing.
    Put(ReadyFacts),
    /// Nothing; nothing again changes nothing.
    Remove,
}

/// Whose section is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// This shop's.
    Shop(ShopId),
    /// The shop of this source, or a new one.
    Source(Source),
    /// A new shop's.
    New,
}

/// One change on its way into a commit.
pub(crate) struct Change {
    pub(crate) target: Target,
    pub(crate) decide: Decide,
}

/// Decides on the newest state. May be dropped without being asked.
pub(crate) type Decide = Box<dyn FnOnce(Held<'_>) -> Result<Decision, Refusal> + Send>;

impl Change {
    /// All of a shop's facts; a closed one opens again.
    pub(crate) fn put<O: Owner>(shop_id: ShopId, facts: ReadyFacts) -> Self {
        Self::of(shop_id, move |held| known::<O>(shop_id, held).map(|_| Decision::Put(facts)))
    }

    /// A shop that may be new.
    pub(crate) fn bring(source: Option<Source>, facts: ReadyFacts) -> Self {
        let target = source.map_or(Target::New, Target::Source);
        Self { target, decide: Box::new(move |_| Ok(Decision::Put(facts))) }
    }

    /// A closing, or "no ads are running".
    pub(crate) fn remove<O: Owner>(shop_id: ShopId) -> Self {
        Self::of(shop_id, move |held| known::<O>(shop_id, held).map(|_| Decision::Remove))
    }

    /// RFC 7396 on the facts as they stand now.
    pub(crate) fn patch(shop_id: ShopId, patch: Value) -> Self {
        Self::of(shop_id, move |held| match known::<Shops>(shop_id, held)? {
            Held::Present(json) => patched(json, patch).map(Decision::Put),
            _ => Err(Refusal::Closed { shop_id }),
        })
    }

    /// One more opinion.
    pub(crate) fn add_review(shop_id: ShopId, review: NewReview, at: Timestamp) -> Self {
        Self::of(shop_id, move |held| with_review(held, review, at).map(Decision::Put))
    }

    fn of(
        shop_id: ShopId,
        decide: impl FnOnce(Held<'_>) -> Result<Decision, Refusal> + Send + 'static,
    ) -> Self {
        Self { target: Target::Shop(shop_id), decide: Box::new(decide) }
    }
}

/// Shops exist once the shop writer gave them an ID; the other writers do not know which shops exist.
fn known<O: Owner>(shop_id: ShopId, held: Held<'_>) -> Result<Held<'_>, Refusal> {
    if O::GIVES_IDS && held == Held::Unknown { Err(Refusal::Unknown { shop_id }) } else { Ok(held) }
}

fn patched(held: &str, patch: Value) -> Result<ReadyFacts, Refusal> {
    let mut facts: Value = ready::parse(held.as_bytes())?;
    merge_patch::apply(&mut facts, patch);
    ReadyFacts::read::<Shops>(facts.to_string().as_bytes())
}

/// The body of `POST /v1/reviews/{id}/reviews`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct NewReview {
    stars: u8,
    /// Stars without words count too.
    #[serde(default)]
    text: Option<String>,
}

impl NewReview {
    pub(crate) fn read(json: &[u8]) -> Result<Self, Refusal> {
        let review: Self = ready::parse(json)?;
        let mut findings = Findings::default();
        findings.expect((1..=5).contains(&review.stars), "stars", review.stars, "1 to 5");
        if let Some(text) = &review.text {
            check::lines("text", text, REVIEW_CHARS_MAX, &mut findings);
        }
        findings.into_result().map_err(Refusal::Invalid)?;
        Ok(review)
    }
}

fn with_review(held: Held<'_>, review: NewReview, at: Timestamp) -> Result<ReadyFacts, Refusal> {
    let mut facts = match held {
        Held::Present(json) => ready::parse(json.as_bytes())?,
        Held::Unknown | Held::Removed => {
            ReviewFacts { by_stars: [0; 5], latest: Vec::new(), generated: Vec::new() }
        }
    };
    // 1 to 5 was checked; the last place stands for anything else rather than a panic in the commit.
    let place = usize::from(review.stars.clamp(1, 5)) - 1;
    facts.by_stars[place] = facts.by_stars[place].saturating_add(1);
    if let Some(text) = review.text {
        // Usually in front; behind a newer one when the clock was set back.
        let place = facts.latest.partition_point(|held| held.at > at);
        facts.latest.insert(place, Review { stars: review.stars, text, at });
        facts.latest.truncate(LATEST_MAX);
    }
    ReadyFacts::of::<Reviews>(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::Ads;
    use expect_test::expect;

    fn shop(number: u64) -> ShopId {
        ShopId::new(number).unwrap()
    }

    fn decided(change: Change, held: Held<'_>) -> String {
        match (change.decide)(held) {
            Ok(Decision::Put(facts)) => facts.as_str().to_owned(),
            Ok(Decision::Remove) => "removed".to_owned(),
            Err(refused) => refused.to_string(),
        }
    }

    fn review(json: &str, held: Held<'_>, at: &str) -> String {
        let review = NewReview::read(json.as_bytes()).unwrap();
        decided(Change::add_review(shop(7), review, at.parse().unwrap()), held)
    }

    #[test]
    fn a_shop_must_be_known_but_may_be_closed_to_be_put() {
        let facts = ReadyFacts::read::<Ads>(br#"{"campaigns":[]}"#).unwrap();
        let put = |held| decided(Change::put::<Shops>(shop(7), facts.clone()), held);
        let unknown = "shop 7 is not known here, expected an ID that `POST /v1/shops` answered";
        assert_eq!(put(Held::Unknown), unknown);
        assert_eq!(put(Held::Removed), facts.as_str());
        assert_eq!(decided(Change::remove::<Shops>(shop(7)), Held::Unknown), unknown);
        assert_eq!(decided(Change::remove::<Shops>(shop(7)), Held::Removed), "removed");
    }

    #[test]
    fn ads_and_reviews_take_any_shop() {
        let facts = ReadyFacts::read::<Ads>(br#"{"campaigns":[]}"#).unwrap();
        assert_eq!(decided(Change::put::<Ads>(shop(7), facts.clone()), Held::Unknown), facts.as_str());
        assert_eq!(decided(Change::remove::<Ads>(shop(7)), Held::Unknown), "removed");
    }

    #[test]
    fn a_closed_shop_is_not_patched() {
        let patch = || Change::patch(shop(7), serde_json::json!({"name": "New"}));
        assert_eq!(
            decided(patch(), Held::Removed),
            "shop 7 is closed; `PUT` all of its facts to open it again"
        );
        assert!(decided(patch(), Held::Unknown).contains("not known"));
    }

    #[test]
    fn the_first_review_of_a_shop_makes_its_section() {
        expect![[r#"{"of":"reviews","by_stars":[0,0,0,0,1],"latest":[{"stars":5,"text":"Good.","at":"2026-11-23T17:00:00Z"}]}"#]]
            .assert_eq(&review(r#"{"stars":5,"text":"Good."}"#, Held::Unknown, "2026-11-23T17:00:00Z"));
    }

    #[test]
    fn stars_without_words_are_counted_and_the_words_of_others_stay() {
        let held = r#"{"of":"reviews","by_stars":[1,0,0,0,0],"latest":[{"stars":1,"text":"Cold.","at":"2026-11-23T17:00:00Z"}]}"#;
        expect![[r#"{"of":"reviews","by_stars":[2,0,0,0,0],"latest":[{"stars":1,"text":"Cold.","at":"2026-11-23T17:00:00Z"}]}"#]]
            .assert_eq(&review(r#"{"stars":1}"#, Held::Present(held), "2026-11-23T18:00:00Z"));
    }

    #[test]
    fn the_eleventh_review_pushes_the_oldest_out() {
        let mut held = None;
        for hour in 0..11 {
            let before = held.as_deref().map_or(Held::Unknown, Held::Present);
            let at = format!("2026-11-23T{hour:02}:00:00Z");
            held = Some(review(r#"{"stars":4,"text":"Again."}"#, before, &at));
        }
        let facts: ReviewFacts = serde_json::from_str(&held.unwrap()).unwrap();
        assert_eq!((facts.by_stars[3], facts.latest.len()), (11, 10));
        assert_eq!(facts.latest[0].at.to_string(), "2026-11-23T10:00:00Z");
        assert_eq!(facts.latest[9].at.to_string(), "2026-11-23T01:00:00Z");
    }

    #[test]
    fn a_review_is_one_to_five_stars() {
        for (json, said) in [
            (r#"{"stars":0}"#, "`stars` is `0`, expected 1 to 5"),
            (
                r#"{"stars":6,"text":" "}"#,
                "`stars` is `6`, expected 1 to 5; `text` is ` `, expected 1 to 2000 characters, not only blanks",
            ),
            (r#"{"text":"x"}"#, "`stars` is missing, expected a whole number, 1 to 5"),
        ] {
            assert_eq!(NewReview::read(json.as_bytes()).unwrap_err().to_string(), said);
        }
    }
}

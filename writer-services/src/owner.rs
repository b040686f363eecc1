//! What differs between the three writers.

use serde::Serialize;
use serde::de::DeserializeOwned;
use shop_id::Writer;
use writer_api::check::{self, Findings};
use writer_api::{AdFacts, Facts, ReviewFacts, ShopFacts};

/// The owner of one kind of section.
pub(crate) trait Owner: Send + Sync + 'static {
    /// Its name.
    const WRITER: Writer;
    /// How its sections are called in URLs: `/v1/<this>/{id}`.
    const PATH: &'static str;
    /// Shops get their IDs from the shop writer; the others take any ID, not knowing which shops exist.
    const GIVES_IDS: bool;
    /// What it owns.
    type Facts: Serialize + DeserializeOwned + Send + 'static;

    /// The facts as the contract tags them.
    fn tagged(facts: Self::Facts) -> Facts;

    /// Everything that is wrong in the facts.
    fn check(facts: &Self::Facts, findings: &mut Findings);
}

/// Owns shops: menus, opening hours, fees, delivery areas.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shops {}

impl Owner for Shops {
    const WRITER: Writer = Writer::Shop;
    const PATH: &'static str = "shops";
    const GIVES_IDS: bool = true;
    type Facts = ShopFacts;

    fn tagged(facts: ShopFacts) -> Facts {
        Facts::Shop(facts)
    }

    fn check(facts: &ShopFacts, findings: &mut Findings) {
        check::shop(facts, findings);
    }
}

/// Owns advertising campaigns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ads {}

impl Owner for Ads {
    const WRITER: Writer = Writer::Ads;
    const PATH: &'static str = "ads";
    const GIVES_IDS: bool = false;
    type Facts = AdFacts;

    fn tagged(facts: AdFacts) -> Facts {
        Facts::Ads(facts)
    }

    fn check(facts: &AdFacts, findings: &mut Findings) {
        check::ads(facts, findings);
    }
}

/// Owns stars and reviews.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reviews {}

impl Owner for Reviews {
    const WRITER: Writer = Writer::Reviews;
    const PATH: &'static str = "reviews";
    const GIVES_IDS: bool = false;
    type Facts = ReviewFacts;

    fn tagged(facts: ReviewFacts) -> Facts {
        Facts::Reviews(facts)
    }

    fn check(facts: &ReviewFacts, findings: &mut Findings) {
        check::reviews(facts, findings);
    }
}

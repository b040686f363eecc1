//! All that the shop's owner says.

use crate::{BulkShop, ShopFacts, Source};
use jiff::tz::TimeZone;

use super::texts::{self, category_words, lines, optional_text, text};
use super::{Findings, delivery, hours, menu};

const SOURCE_NAME_CHARS_MAX: usize = 100;
const SOURCE_KEY_CHARS_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 200;
const ADDRESS_CHARS_MAX: usize = 500;
const PHONE_CHARS_MAX: usize = 100;
const CREDIT_CHARS_MAX: usize = 1_000;
const NOTICE_CHARS_MAX: usize = 2_000;
const NOTICES_MAX: usize = 20;
const CATEGORIES_MAX: usize = 8;

/// Everything that is wrong in what the shop's owner says.
pub fn check(facts: &ShopFacts, findings: &mut Findings) {
    text("name", &facts.name, NAME_CHARS_MAX, findings);
    optional_text("address", facts.address.as_ref(), ADDRESS_CHARS_MAX, findings);
    let (lat, lng) = (facts.location.lat, facts.location.lng);
    findings.expect((-90.0..=90.0).contains(&lat), "location.lat", lat, "-90 to 90 degrees");
    findings.expect((-180.0..=180.0).contains(&lng), "location.lng", lng, "-180 to 180 degrees");
    time_zone(&facts.time_zone, findings);
    category_words(&facts.categories, CATEGORIES_MAX, findings);
    optional_text("phone", facts.phone.as_ref(), PHONE_CHARS_MAX, findings);
    texts::url("thumbnail_url", facts.thumbnail_url.as_ref(), findings);
    findings.expect_count("notices", facts.notices.len(), NOTICES_MAX);
    for (index, notice) in facts.notices.iter().enumerate() {
        lines(|| format!("notices[{index}]"), notice, NOTICE_CHARS_MAX, findings);
    }
    hours::opening_hours(&facts.opening_hours, findings);
    hours::pauses(&facts.pauses, findings);
    delivery::check(&facts.delivery, facts.location, findings);
    menu::check(&facts.menu, &facts.delivery.min_order.currency, findings);
    texts::generated(&facts.generated, findings);
    if let Some(credit) = &facts.credit {
        lines("credit", credit, CREDIT_CHARS_MAX, findings);
    }
}

/// Everything that is wrong in where a shop comes from.
pub fn source(source: &Source, findings: &mut Findings) {
    text("source.name", &source.name, SOURCE_NAME_CHARS_MAX, findings);
    text("source.key", &source.key, SOURCE_KEY_CHARS_MAX, findings);
}

/// Everything that is wrong in a shop that is brought, with or without its source.
pub fn bulk_shop(shop: &BulkShop, findings: &mut Findings) {
    if let Some(source) = &shop.source {
        self::source(source, findings);
    }
    let mut of_facts = Findings::default();
    check(&shop.facts, &mut of_facts);
    findings.take("facts", of_facts);
}

/// Whether it is known here under this very spelling: others read it with other libraries, some of which care about
/// case.
#[must_use]
pub fn is_time_zone(name: &str) -> bool {
    let known = TimeZone::get(name).ok();
    known.as_ref().and_then(TimeZone::iana_name).is_some_and(|known| known == name)
}

fn time_zone(name: &str, findings: &mut Findings) {
    findings.expect(is_time_zone(name), "time_zone", name, "an IANA time zone, for example `Europe/London`");
}

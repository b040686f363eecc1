//! All that the shop's owner says.

use jiff::tz::TimeZone;
use writer_api::ShopFacts;

use super::texts::{self, category_words, optional_text, text};
use super::{Findings, delivery, hours, menu};

const NAME_CHARS_MAX: usize = 200;
const ADDRESS_CHARS_MAX: usize = 500;
const PHONE_CHARS_MAX: usize = 100;
const CREDIT_CHARS_MAX: usize = 1_000;
const NOTICE_CHARS_MAX: usize = 2_000;
const NOTICES_MAX: usize = 20;
const CATEGORIES_MAX: usize = 8;

pub(crate) fn check(facts: &ShopFacts, findings: &mut Findings) {
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
        text(|| format!("notices[{index}]"), notice, NOTICE_CHARS_MAX, findings);
    }
    hours::opening_hours(&facts.opening_hours, findings);
    hours::pauses(&facts.pauses, findings);
    delivery::check(&facts.delivery, facts.location, findings);
    menu::check(&facts.menu, &facts.delivery.min_order.currency, findings);
    texts::generated(&facts.generated, findings);
    optional_text("credit", facts.credit.as_ref(), CREDIT_CHARS_MAX, findings);
}

/// Known here under this very spelling: others read it with other libraries, some of which care about case.
fn time_zone(name: &str, findings: &mut Findings) {
    let known = TimeZone::get(name).ok();
    let holds = known.as_ref().and_then(TimeZone::iana_name).is_some_and(|known| known == name);
    findings.expect(holds, "time_zone", name, "an IANA time zone, for example `Europe/London`");
}

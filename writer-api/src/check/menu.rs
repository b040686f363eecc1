//! Things to eat.

use crate::facts::MenuItem;

use super::Findings;
use super::delivery::money;
use super::texts::{lines, text, unique, url};

const ITEMS_MAX: usize = 2_000;
const ID_CHARS_MAX: usize = 100;
const GROUP_CHARS_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 300;
const DESCRIPTION_CHARS_MAX: usize = 2_000;

pub(super) fn check(menu: &[MenuItem], currency: &str, findings: &mut Findings) {
    findings.expect_count("menu", menu.len(), ITEMS_MAX);
    unique(menu.iter().map(|item| item.id.as_str()), |index| format!("menu[{index}].id"), findings);
    for (index, item) in menu.iter().enumerate() {
        let at = |field: &'static str| move || format!("menu[{index}].{field}");
        text(at("id"), &item.id, ID_CHARS_MAX, findings);
        text(at("group"), &item.group, GROUP_CHARS_MAX, findings);
        text(at("name"), &item.name, NAME_CHARS_MAX, findings);
        if let Some(description) = &item.description {
            lines(at("description"), description, DESCRIPTION_CHARS_MAX, findings);
        }
        money(at("price"), &item.price, currency, findings);
        url(at("image_url"), item.image_url.as_ref(), findings);
    }
}

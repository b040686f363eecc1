//! A page taken apart: its shops, their cards as they stand there, what stands around them.

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A list page in pieces. Put together again with commas between the cards, it is the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Up to the first card.
    pub before: &'a str,
    /// From behind the last card.
    pub after: &'a str,
}

#[derive(Deserialize)]
struct ListOutline<'a> {
    #[serde(borrow)]
    shops: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct ShopOutline {
    id: String,
}

/// The pieces of a list page.
///
/// # Errors
/// When it is no list, has no shops, or more than a comma stands between two cards.
pub fn pieces(page: &str) -> anyhow::Result<(Around<'_>, Vec<&str>)> {
    let outline: ListOutline<'_> = serde_json::from_str(page).context("not a list page")?;
    let cards: Vec<&str> = outline.shops.iter().map(|card| card.get()).collect();
    let (Some(first), Some(last)) = (cards.first(), cards.last()) else {
        anyhow::bail!("a list without shops")
    };
    // The cards are slices of the page.
    let place = |slice: &str| slice.as_ptr().addr().checked_sub(page.as_ptr().addr());
    let begins = place(first).context("a card from elsewhere")?;
    let ends = place(last).context("a card from elsewhere")? + last.len();
    let around = Around { before: &page[..begins], after: &page[ends..] };
    ensure!(page[begins..ends] == cards.join(","), "more than commas between the cards");
    Ok((around, cards))
}

/// The IDs on a list page, in their order.
///
/// # Errors
/// When it is no list page.
pub fn shop_ids(page: &str) -> anyhow::Result<Vec<String>> {
    let outline: ListOutline<'_> = serde_json::from_str(page).context("not a list page")?;
    outline.shops.iter().map(|card| shop_id(card.get())).collect()
}

/// The ID of a card or a detail.
///
/// # Errors
/// When it has none.
pub fn shop_id(shop: &str) -> anyhow::Result<String> {
    let outline: ShopOutline = serde_json::from_str(shop).context("a shop without `id`")?;
    Ok(outline.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"{"shops":[{"id":"7","name":"a, ]"},{"id":"8"}],"next_cursor":null,"meta":{}}"#;

    #[test]
    fn a_page_is_its_cards_and_what_stands_around_them() {
        let (around, cards) = pieces(PAGE).unwrap();
        assert_eq!(around.before, r#"{"shops":["#);
        assert_eq!(cards, [r#"{"id":"7","name":"a, ]"}"#, r#"{"id":"8"}"#]);
        assert_eq!(format!("{}{}{}", around.before, cards.join(","), around.after), PAGE);
        assert_eq!(shop_ids(PAGE).unwrap(), ["7", "8"]);
    }

    #[test]
    fn a_page_that_cannot_be_put_together_again_is_refused() {
        for page in [r#"{"shops":[]}"#, r#"{"shops":[{"id":"7"} , {"id":"8"}]}"#, r#"{"shop":[]}"#, ""] {
            assert!(pieces(page).is_err(), "{page}");
        }
    }
}

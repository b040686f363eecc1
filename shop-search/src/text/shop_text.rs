//! What a shop is found by, taken out of its list part.

use std::borrow::Cow;

use serde::Deserialize;
use shop_document::ListPart;
use xxhash_rust::xxh3::Xxh3;

use super::grams::{Gram, grams_of};

/// Characters of one shop that are searched: beyond what writers accept in names, categories and three previews.
const CHARS_MAX: usize = 2_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct ShopText {
    /// Distinct, ascending.
    pub(crate) grams: Vec<Gram>,
    /// H3 indexes.
    pub(crate) cells: Vec<u64>,
}

/// Members of the rendered card that people search for.
#[derive(Deserialize)]
struct Members<'card> {
    #[serde(borrow)]
    name: Cow<'card, str>,
    #[serde(borrow, default)]
    menu_previews: Vec<Preview<'card>>,
}

#[derive(Deserialize)]
struct Preview<'card> {
    #[serde(borrow)]
    name: Cow<'card, str>,
}

impl ShopText {
    /// Name, categories and the names of the menu previews.
    pub(crate) fn of(part: &ListPart) -> Self {
        Self { grams: grams_of(searched(part).iter().map(String::as_str)), cells: part.cells().collect() }
    }

    pub(crate) fn can_be_found(&self) -> bool {
        !self.grams.is_empty() && !self.cells.is_empty()
    }

    /// Tells texts apart: a shop that keeps it is not indexed again. Never 0.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hash = Xxh3::new();
        self.grams.iter().for_each(|gram| hash.update(&gram.to_le_bytes()));
        // No gram: a text cannot go on in the cells.
        hash.update(&u64::MAX.to_le_bytes());
        self.cells.iter().for_each(|cell| hash.update(&cell.to_le_bytes()));
        hash.digest().max(1)
    }
}

/// The texts of a shop that are searched.
pub(crate) fn searched(part: &ListPart) -> Vec<String> {
    let object = shop_members(part);
    let members = serde_json::from_slice::<Members<'_>>(&object);
    // The shop's own renderer wrote them; a shop of another one is found by its categories.
    let (name, previews) =
        members.map_or_else(|_| Default::default(), |members| (members.name, members.menu_previews));
    let texts =
        std::iter::once(&*name).chain(part.categories()).chain(previews.iter().map(|menu| &*menu.name));
    let mut chars_left = CHARS_MAX;
    let bounded = texts.map(|text| {
        let text = beginning(text, chars_left);
        chars_left -= text.chars().count();
        text.to_owned()
    });
    bounded.collect()
}

/// The shop's fragment of the card as an object of its own: the card itself has holes where the clock decides.
fn shop_members(part: &ListPart) -> Vec<u8> {
    let flat = part.flat();
    let fragment = flat.fragment.0.to_native() as usize..flat.fragment.1.to_native() as usize;
    let fragment = flat.card.get(fragment).unwrap_or_default();
    [b"{", fragment, b"}"].concat()
}

fn beginning(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}

//! The detail: the card's members, then what only the detail has.

use shop_id::ShopId;

use crate::card::{OpenCard, render_open};
use crate::sections::Sections;

/// Where each writer's own fragment lies in the rendered detail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Fragments {
    /// Members that only the detail has, of the shop writer.
    pub shop: (u32, u32),
    /// The object under `reviews`.
    pub reviews: (u32, u32),
}

/// Renders the whole detail, and where its fragments lie.
pub(crate) fn render(shop_id: ShopId, sections: &Sections) -> Option<(OpenCard, Fragments)> {
    let shop = sections.shop.present()?;
    let mut open = render_open(shop_id, &shop.card, sections);
    open.text.push(',');
    let shop = push(&mut open.text, &shop.detail);
    open.text.push_str(",\"reviews\":");
    let reviews = sections.reviews.present().map_or("null", |reviews| reviews.detail.as_str());
    let reviews = push(&mut open.text, reviews);
    open.text.push('}');
    Some((open, Fragments { shop, reviews }))
}

fn push(text: &mut String, fragment: &str) -> (u32, u32) {
    let position = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX);
    let from = position(text);
    text.push_str(fragment);
    (from, position(text))
}

//! The flat sections, owned: what `project` merges and `ShopDocument::assemble` renders.

use shop_id::Revision;

/// What the document holds of one writer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Held<T> {
    /// The writer was never heard about this shop.
    #[default]
    Unheard,
    /// The writer has nothing for this shop.
    Nothing(Revision),
    /// The writer's section.
    Present(Revision, T),
    /// The shop is closed for good (shop section only).
    Gone(Revision),
}

/// All sections of one shop. Merging replaces whole sections, never parts of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sections {
    /// Of the shop writer. Without it the document stays invisible.
    pub shop: Held<ShopSection>,
    /// Of the ads writer.
    pub ads: Held<AdsSection>,
    /// Of the reviews writer.
    pub reviews: Held<ReviewsSection>,
}

/// Flat fields that the card, lists and request-time state need, and the rendered detail fragment.
#[derive(Clone, Debug, PartialEq)]
pub struct ShopSection {}

/// Campaign windows and labels; rendered fragment.
#[derive(Clone, Debug, PartialEq)]
pub struct AdsSection {}

/// Rating and count; rendered fragment.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewsSection {}

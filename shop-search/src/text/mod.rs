//! Text search, in the order in which a shop's words travel from its card to an answer.

mod grams; //     texts                              -> pairs of characters
mod shop_text; // a list part                        -> what it is found by
mod waiting; //   changes since the last publishing  -> one of each shop
mod writing; //   those                              -> segments of the engine
mod segments; //  segments, a cell, words            -> shops that match, and how well
mod matches; //   those, a moment                    -> one order
mod text_index; // all of it behind the two handles

#[cfg(feature = "elasticsearch")]
pub(crate) use grams::{Gram, Word, words_asked};
#[cfg(feature = "elasticsearch")]
pub(crate) use shop_text::{ShopText, searched};
pub use text_index::{TextFigures, TextIndex, TextIndexError, TextLimits};

//! The names that both sides of Shopfront share, and nothing else.
//!
//! In: text from a URL, an event, a table. Out: values that cannot be wrong inside.
//! It deliberately does not know what a shop is, who stores it or how it is rendered.
#![forbid(unsafe_code)]

mod revision;
mod shop_id;
mod writer;

pub use revision::{Revision, RevisionToken};
pub use shop_id::{OrderId, ShopId};
pub use writer::Writer;

/// A name that could not be read. Never transient: the same text fails again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Neither `0`, nor signs, blanks or leading zeros: one shop has one spelling, so one URL.
    #[error(
        "`{given}` is not an ID, expected a whole number from 1 to 18446744073709551615 without leading zeros"
    )]
    Id {
        /// What stood there.
        given: String,
    },
    /// See [`Revision`].
    #[error("`{given}` is not a revision, expected `<epoch>-<counter>`, for example `1-42`")]
    Revision {
        /// What stood there.
        given: String,
    },
    /// See [`RevisionToken`].
    #[error(
        "`{given}` is not a revision token, expected `<writer>:<epoch>-<counter>`, for example `shop:1-42`"
    )]
    RevisionToken {
        /// What stood there.
        given: String,
    },
    /// See [`Writer`].
    #[error("`{given}` is not a writer, expected one of {expected}", expected = Writer::names())]
    Writer {
        /// What stood there.
        given: String,
    },
}

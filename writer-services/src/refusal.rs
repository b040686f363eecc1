//! Why a change is not taken. Never transient: the same change is refused again.

use shop_id::ShopId;
use writer_api::change::FACTS_BYTES_MAX;
use writer_api::check::{Finding, sentence};

/// A change that the writer does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The shop writer gives the IDs; nobody can choose one.
    #[error("shop {shop_id} is not known here, expected an ID that `POST /v1/shops` answered")]
    Unknown { shop_id: ShopId },
    /// What is closed has no facts to patch.
    #[error("shop {shop_id} is closed; `PUT` all of its facts to open it again")]
    Closed { shop_id: ShopId },
    /// SQLite counts to 2^63 - 1, and so does everybody who gives IDs one by one.
    #[error("shop ID `{shop_id}` is too large, expected at most {}", i64::MAX)]
    IdTooLarge { shop_id: ShopId },
    /// Well-formed, but not what a section is.
    #[error("{}", sentence(.0))]
    Invalid(Vec<Finding>),
    /// Not even JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// As they would be stored, without blanks between the values.
    #[error("facts of {bytes} bytes are too large, expected at most {FACTS_BYTES_MAX}")]
    TooLarge { bytes: usize },
}

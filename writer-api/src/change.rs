//! Changes over plain HTTP: what is sent in bulk, what is answered to one change and to many.
//!
//! These are the reference writers' own; a company's writers may take changes in any way they like.

use serde::{Deserialize, Serialize};
use shop_id::{RevisionToken, ShopId};

use crate::ShopFacts;

/// Rows of one bulk.
pub const BULK_ROWS_MAX: usize = 1_000;
/// Bytes of one bulk.
pub const BULK_BYTES_MAX: usize = 32 << 20;
/// Bytes of one shop's facts.
pub const FACTS_BYTES_MAX: usize = 512 << 10;

/// Where a shop was imported from. The same source and key again is the same shop, under the same ID.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// Names the data set, 1 to 100 characters. Keys of different sources never collide.
    pub name: String,
    /// Names the shop within the data set, 1 to 200 characters.
    pub key: String,
}

/// One row of `POST /v1/shops/bulk`, and the body of `POST /v1/shops`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkShop {
    /// Without one, every call makes a new shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// All of it: what is not said here is no longer said.
    pub facts: ShopFacts,
}

/// One row of `POST /v1/ads/bulk` and `POST /v1/reviews/bulk`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkSection<F> {
    /// Whose.
    pub shop_id: ShopId,
    /// All of it.
    pub facts: F,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was no such section before.
    Created,
    /// A new revision.
    Changed,
    /// The same as held: no commit, no event, the held revision.
    Unchanged,
    /// Not taken (bulk rows only; a single change is refused by its status).
    Refused,
}

/// The answer to one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeAnswer {
    /// Which shop.
    pub shop_id: ShopId,
    /// What became of it.
    pub outcome: Outcome,
    /// For `?min_revision=`: a read that has seen this has seen the change.
    pub revision_token: RevisionToken,
}

/// The answer to one row of a bulk, in the order of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkOutcome {
    /// Absent when a row that names no shop was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop_id: Option<ShopId>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was refused: field path, given value, what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Absent when refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_token: Option<RevisionToken>,
}

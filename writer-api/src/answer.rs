//! The four reads: one, many by IDs, changed-since, page through all.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/sections/{id}` | [`SectionAnswer`]; a shop the writer never heard of is `nothing`, not `404` |
//! | `GET /v1/sections?ids=1,2` (at most [`IDS_MAX`]) | [`SectionsAnswer`], in the asked order, one per ID |
//! | `GET /v1/changes?after=<epoch>-<counter>&limit=` | [`ChangesAnswer`]; `410` when the cursor is of an older epoch |
//! | `GET /v1/sections?page_after=<id>&limit=` | [`PageAnswer`], by ascending ID, tombstones included |

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shop_id::{Revision, ShopId, Writer};

use crate::Facts;

/// Shops in one `?ids=` request.
pub const IDS_MAX: usize = 200;
/// Entries of one changed-since answer, sections of one page.
pub const LIMIT_MAX: usize = 1_000;

/// A writer's newest section of one shop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SectionAnswer {
    /// Whose section.
    pub shop_id: ShopId,
    /// Who answers.
    pub writer: Writer,
    /// The commit that last changed this section. `0-0` when the writer never heard of the shop.
    pub revision: Revision,
    /// Everything committed up to here has been seen by this answer: what makes an event settled.
    pub as_of_sequence: Revision,
    /// What the writer has.
    #[serde(flatten)]
    pub state: SectionState,
}

/// What a writer has for a shop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", content = "facts", rename_all = "snake_case")]
pub enum SectionState {
    /// These facts.
    Present(Box<Facts>),
    /// Nothing, and that is an answer with a revision: no ads are running.
    Nothing,
    /// The shop is closed for good (shop writer only: makes a tombstone).
    Gone,
}

/// Answer to `?ids=`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SectionsAnswer {
    /// See [`SectionAnswer::as_of_sequence`]; one snapshot for all.
    pub as_of_sequence: Revision,
    /// One per asked ID, in the asked order.
    pub sections: Vec<SectionAnswer>,
}

/// Answer to changed-since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesAnswer {
    /// The writer's newest commit at the moment of the answer.
    pub as_of_sequence: Revision,
    /// In commit order; a shop may stand here more than once.
    pub changes: Vec<Change>,
    /// Ask again from here. Equal to the asked cursor when nothing changed (but in the writer's epoch).
    pub next_cursor: Revision,
    /// There is more right now.
    pub has_more: bool,
}

/// One commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which shop.
    pub shop_id: ShopId,
    /// The commit.
    pub revision: Revision,
    /// When.
    pub time: Timestamp,
}

/// Answer to paging through all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageAnswer {
    /// See [`SectionAnswer::as_of_sequence`].
    pub as_of_sequence: Revision,
    /// By ascending ID.
    pub sections: Vec<SectionAnswer>,
    /// `page_after` of the next page; absent on the last one.
    pub next_page_after: Option<ShopId>,
}

//! Why a writer gave no answer: who, for which shop, after how long, and whether to ask again.

use std::fmt;

use shop_id::{Revision, ShopId, Writer};

/// What was asked, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One shop's section.
    Section(ShopId),
    /// Many shops' sections.
    Sections {
        /// The first of them.
        first: ShopId,
        /// How many.
        count: usize,
    },
    /// Changed-since.
    Changes {
        /// The cursor.
        after: Revision,
    },
    /// A page of all.
    Page {
        /// The ID before it.
        after: Option<ShopId>,
    },
}

impl fmt::Display for Asked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(shop_id) => write!(out, "shop {shop_id}"),
            Self::Sections { first, count: 1 } => write!(out, "shop {first}"),
            Self::Sections { first, count } => write!(out, "{count} shops from {first} on"),
            Self::Changes { after } => write!(out, "changes after {after}"),
            Self::Page { after: Some(after) } => write!(out, "the page after shop {after}"),
            Self::Page { after: None } => write!(out, "the first page"),
        }
    }
}

/// A writer that could not be asked, or did not answer as the contract says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefetchError {
    /// Transient.
    #[error("{writer} did not answer for {asked} within {waited_ms} ms")]
    TimedOut {
        /// Who.
        writer: Writer,
        /// For what.
        asked: Asked,
        /// How long.
        waited_ms: u64,
    },
    /// Transient: nobody listens, or the connection broke.
    #[error("{writer} cannot be reached for {asked} (after {waited_ms} ms): {reason}")]
    Unreachable {
        /// Who.
        writer: Writer,
        /// For what.
        asked: Asked,
        /// How long.
        waited_ms: u64,
        /// What the network said.
        reason: String,
    },
    /// Transient for `408`, `429` and `5xx`.
    #[error("{writer} answered {status} for {asked}, expected 200: {detail}")]
    UnexpectedStatus {
        /// Who.
        writer: Writer,
        /// For what.
        asked: Asked,
        /// What.
        status: u16,
        /// The beginning of the answer, for people.
        detail: String,
    },
    /// Permanent until somebody mends the writer: the answer is not what the contract says.
    #[error("{writer} answered garbage for {asked}: at `{path}`: {reason}")]
    Garbage {
        /// Who.
        writer: Writer,
        /// For what.
        asked: Asked,
        /// Where in the answer, for example `sections[3].facts.delivery`.
        path: String,
        /// What stood there and what was expected.
        reason: String,
    },
    /// Permanent: the writer was restored since this cursor; only a full resync helps.
    #[error("{writer} no longer knows the cursor {after}, a full resync is needed: {detail}")]
    CursorExpired {
        /// Who.
        writer: Writer,
        /// The cursor.
        after: Revision,
        /// The writer's own words.
        detail: String,
    },
}

impl RefetchError {
    /// Whether the same question may be answered later without anybody's help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Unreachable { .. } => true,
            Self::UnexpectedStatus { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Garbage { .. } | Self::CursorExpired { .. } => false,
        }
    }

    /// Who did not answer.
    #[must_use]
    pub const fn writer(&self) -> Writer {
        match self {
            Self::TimedOut { writer, .. }
            | Self::Unreachable { writer, .. }
            | Self::UnexpectedStatus { writer, .. }
            | Self::Garbage { writer, .. }
            | Self::CursorExpired { writer, .. } => *writer,
        }
    }
}

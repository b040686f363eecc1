//! Answers -> saved by the follower, and the proof of it.

use shop_id::{Revision, ShopId, Writer};
use writer_api::SectionAnswer;

use crate::{Follower, Priority, SaveError};

/// Proof that the follower made an answer durable that contains everything its writer committed up to a moment.
/// Only [`save`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    as_of: Revision,
}

impl Saved {
    /// Up to which commit.
    pub(crate) const fn as_of(self) -> Revision {
        self.as_of
    }

    #[cfg(test)]
    pub(crate) const fn for_tests(as_of: Revision) -> Self {
        Self { as_of }
    }

    /// Whether the saved answer contains that commit. Epochs come first, so what was committed before a restore is
    /// covered by every answer after it: it is gone, and the answer says so.
    pub(crate) fn covers(self, sequence: Revision) -> bool {
        self.as_of >= sequence
    }
}

/// Hands the answers to the follower; `Ok` only after all of them are durable.
pub(crate) async fn save<F: Follower>(
    follower: &F,
    writer: Writer,
    answers: Vec<SectionAnswer>,
    priority: Priority,
) -> Result<Vec<(ShopId, Saved)>, SaveError> {
    let saved: Vec<_> =
        answers.iter().map(|answer| (answer.shop_id, Saved { as_of: answer.as_of_sequence })).collect();
    follower.save(writer, answers, priority).await?;
    Ok(saved)
}

/// The metric label.
pub(crate) const fn kind(error: &SaveError) -> &'static str {
    if error.transient { "transient" } else { "permanent" }
}

//! IDs -> the writer's newest sections, bounded in time and checked; or why not, and whom to blame.

use std::future::Future;
use std::time::Duration;

use shop_id::ShopId;
use tokio::time::Instant;
use writer_api::{Asked, RefetchError, SectionAnswer, WriterReads};

/// Whom a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The writer as a whole: silent, overloaded, unreachable.
    Writer,
    /// The question, so one of its shops: the others are asked for without it.
    Question,
}

pub(crate) const fn blame(error: &RefetchError) -> Blame {
    if error.is_transient() { Blame::Writer } else { Blame::Question }
}

/// The metric label.
pub(crate) const fn kind(error: &RefetchError) -> &'static str {
    match error {
        RefetchError::TimedOut { .. } => "timed_out",
        RefetchError::Unreachable { .. } => "unreachable",
        RefetchError::UnexpectedStatus { .. } => "status",
        RefetchError::Garbage { .. } => "garbage",
        RefetchError::CursorExpired { .. } => "cursor_expired",
    }
}

/// One question for several shops: one answer for each of them, or none at all.
pub(crate) async fn refetch<R: WriterReads>(
    reads: &R,
    shop_ids: &[ShopId],
    timeout: Duration,
) -> Result<Vec<SectionAnswer>, RefetchError> {
    let Some(&first) = shop_ids.first() else { return Ok(Vec::new()) };
    let (writer, asked) = (reads.writer(), Asked::Sections { first, count: shop_ids.len() });
    let sections = within(timeout, reads, asked, reads.sections(shop_ids)).await?.sections;
    let garbage = |path: String, reason: String| RefetchError::Garbage { writer, asked, path, reason };
    if sections.len() != shop_ids.len() {
        let reason = format!("`{}` sections, expected one for each of {}", sections.len(), shop_ids.len());
        return Err(garbage("sections".to_owned(), reason));
    }
    // The HTTP client has checked this already; other ways to ask may not, and another shop's answer would
    // be saved as this one's.
    for (index, (section, &shop_id)) in sections.iter().zip(shop_ids).enumerate() {
        if (section.shop_id, section.writer) != (shop_id, writer) {
            let reason = format!(
                "shop `{}` of {}, expected shop `{shop_id}` of {writer}",
                section.shop_id, section.writer
            );
            return Err(garbage(format!("sections[{index}]"), reason));
        }
    }
    Ok(sections)
}

/// Bounds an answer in time, whatever asks.
pub(crate) async fn within<R: WriterReads, T>(
    timeout: Duration,
    reads: &R,
    asked: Asked,
    answer: impl Future<Output = Result<T, RefetchError>>,
) -> Result<T, RefetchError> {
    let started = Instant::now();
    tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| {
        let waited_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Err(RefetchError::TimedOut { writer: reads.writer(), asked, waited_ms })
    })
}

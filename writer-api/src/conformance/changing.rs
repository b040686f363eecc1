//! One change, watched: from before it was made until changed-since tells it.

use std::fmt::Display;

use shop_id::{Revision, ShopId};

use super::probe::{Probe, expect};
use super::{Options, Report, Verdict};
use crate::answer::LIMIT_MAX;
use crate::{SectionAnswer, WriterReads as _};

/// Makes a change of one shop with `change` and checks what a subscriber then sees. The change must be one: a shop that
/// is told what it says already may stay as it is.
pub async fn check_change<E: Display>(
    options: &Options,
    shop_id: ShopId,
    change: impl AsyncFnOnce() -> Result<(), E>,
) -> Report {
    let probe = Probe::new(options);
    let mut report = Report::new(options);
    let before = match probe.client.section(shop_id).await {
        Ok(before) => before,
        Err(error) => {
            report.add("the section can be read before the change", Verdict::Broken(error.to_string()));
            return report;
        }
    };
    if let Err(error) = change().await {
        report.add("the change can be made", Verdict::Skipped(error.to_string()));
        return report;
    }
    let after = probe.client.section(shop_id).await.map_err(|error| error.to_string());
    let raised = after.as_ref().map_err(Clone::clone).and_then(|after| is_raised(&before, after));
    report.must("a change gives its section a revision above all before it", raised);
    let Ok(after) = after else { return report };
    let promise = "a change stands in changed-since behind the cursor of before";
    report.must(promise, is_told(&probe, before.as_of_sequence, &after).await);
    report
}

fn is_raised(before: &SectionAnswer, after: &SectionAnswer) -> Result<(), String> {
    // Above the whole writer's newest commit of before, not just above this shop's.
    expect(after.revision > before.as_of_sequence, || {
        format!(
            "it was {} as of {} before, and is {} after",
            before.revision, before.as_of_sequence, after.revision
        )
    })
}

async fn is_told(probe: &Probe, mut cursor: Revision, after: &SectionAnswer) -> Result<(), String> {
    loop {
        let answer = probe.client.changes(cursor, LIMIT_MAX).await.map_err(|error| error.to_string())?;
        let told =
            |change: &crate::Change| change.shop_id == after.shop_id && change.revision >= after.revision;
        if answer.changes.iter().any(told) {
            return Ok(());
        }
        expect(answer.has_more, || format!("shop {} at {} is not told", after.shop_id, after.revision))?;
        cursor = answer.next_cursor;
    }
}

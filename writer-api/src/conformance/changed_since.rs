//! Commit order, cursors, restores.

use std::collections::HashMap;

use shop_id::{Revision, ShopId};

use super::probe::{Probe, expect};
use super::sections::Seen;
use super::{Options, Report, Verdict};
use crate::{Change, ChangesAnswer, RefetchError, WriterReads as _};

const CHANGES_AT_ONCE: usize = 100;

/// What changed-since told from the very beginning.
#[derive(Default)]
struct Told {
    changes: Vec<Change>,
    cursor: Revision,
    as_of: Revision,
    /// Up to the end.
    is_all: bool,
}

pub(super) async fn all(probe: &Probe, options: &Options, seen: &Seen, report: &mut Report) {
    let mut told = Told::default();
    let walked = walk(probe, options, &mut told).await;
    report.must("changed-since tells all commits from `0-0` on, in commit order", walked);
    report.must("every section stands in changed-since at its newest commit", all_told(seen, &told));
    report.must("a cursor goes on exactly behind itself", goes_on(probe, &told).await);
    report.must("from the newest cursor nothing is new", nothing_new(probe, &told).await);
    report.must("a cursor from before a restore is answered `410`", expired(probe, &told).await);
    let promise = "whoever was told of a commit finds it settled";
    match told.changes.last() {
        Some(last) => report.should(promise, settled(probe, last).await),
        None => report.add(promise, Verdict::Skipped("there are no commits yet".to_owned())),
    }
}

async fn ask(probe: &Probe, after: Revision, limit: usize) -> Result<ChangesAnswer, String> {
    let answer = probe.client.changes(after, limit).await.map_err(|error| error.to_string())?;
    expect(answer.changes.len() <= limit, || {
        format!("{} changes after {after}, asked for at most {limit}", answer.changes.len())
    })?;
    let beyond = answer.changes.iter().find(|change| change.revision > answer.as_of_sequence);
    expect(beyond.is_none(), || {
        let revision = beyond.map(|change| change.revision).unwrap_or_default();
        format!("commit {revision} is beyond `as_of_sequence` {}", answer.as_of_sequence)
    })?;
    let last = answer.changes.last().map(|change| change.revision);
    // With more to come, what lies between the last change and a cursor further on would never be told.
    expect(!answer.has_more || last == Some(answer.next_cursor), || {
        let last = last.unwrap_or_default();
        format!("`next_cursor` {} with more to come, expected the last commit, {last}", answer.next_cursor)
    })?;
    Ok(answer)
}

async fn walk(probe: &Probe, options: &Options, told: &mut Told) -> Result<(), String> {
    while told.changes.len() < options.sections_max {
        let answer = ask(probe, told.cursor, CHANGES_AT_ONCE).await?;
        told.cursor = answer.next_cursor;
        told.as_of = answer.as_of_sequence;
        told.changes.extend(answer.changes);
        if !answer.has_more {
            told.is_all = true;
            break;
        }
    }
    Ok(())
}

fn all_told(seen: &Seen, told: &Told) -> Result<(), String> {
    let newest: HashMap<ShopId, Revision> =
        told.changes.iter().map(|change| (change.shop_id, change.revision)).collect();
    let reached = if told.is_all { told.as_of } else { told.cursor };
    // What lies beyond, we did not walk to.
    for section in seen.sections.iter().filter(|section| section.revision <= reached) {
        let told = newest.get(&section.shop_id).copied();
        expect(told.is_some_and(|told| told >= section.revision), || {
            let (shop_id, revision) = (section.shop_id, section.revision);
            let told = told.map_or_else(|| "nowhere".to_owned(), |told| format!("at {told}"));
            format!("shop {shop_id} has revision {revision}, in changed-since it stands {told}")
        })?;
    }
    if seen.is_all && told.is_all && seen.sections.is_empty() && !told.changes.is_empty() {
        return Err("there are commits, but no page shows a section".to_owned());
    }
    Ok(())
}

async fn goes_on(probe: &Probe, told: &Told) -> Result<(), String> {
    let Some(middle) = told.changes.get(told.changes.len() / 2) else { return Ok(()) };
    let answer = ask(probe, middle.revision, 2).await?;
    let expected = told.changes.get(told.changes.len() / 2 + 1);
    let found = answer.changes.first();
    // Whoever changed meanwhile moved on to a later commit: then there is nothing to compare.
    if answer.as_of_sequence != told.as_of {
        return Ok(());
    }
    expect(found == expected || !told.is_all && expected.is_none(), || {
        format!("after {} comes {found:?}, before it was {expected:?}", middle.revision)
    })
}

async fn nothing_new(probe: &Probe, told: &Told) -> Result<(), String> {
    if !told.is_all {
        return Ok(());
    }
    let answer = ask(probe, told.cursor, 1).await?;
    if answer.as_of_sequence != told.as_of {
        return Ok(());
    }
    expect(answer.changes.is_empty() && !answer.has_more && answer.next_cursor == told.cursor, || {
        let (changes, cursor) = (&answer.changes, answer.next_cursor);
        format!("after {} comes {changes:?} and the cursor {cursor}", told.cursor)
    })
}

/// No epoch is 0, so that every writer can be asked for a cursor from before.
async fn expired(probe: &Probe, told: &Told) -> Result<(), String> {
    let before = Revision::new(told.as_of.epoch.saturating_sub(1), told.as_of.counter.max(1));
    for after in [Revision::new(0, 1), before] {
        match probe.client.changes(after, 1).await {
            Err(RefetchError::CursorExpired { .. }) => {}
            Err(error) => return Err(error.to_string()),
            Ok(_) => {
                return Err(format!("the cursor {after} of an older epoch was answered, expected `410`"));
            }
        }
    }
    Ok(())
}

async fn settled(probe: &Probe, last: &Change) -> Result<(), String> {
    let section = probe.client.section(last.shop_id).await.map_err(|error| error.to_string())?;
    expect(section.as_of_sequence >= last.revision, || {
        format!(
            "commit {} was told, a read right after it answers as of {}: events wait for replicas that lag",
            last.revision, section.as_of_sequence
        )
    })
}

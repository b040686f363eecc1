//! One, many, all.

use shop_id::{Revision, ShopId};

use super::probe::{Probe, expect};
use super::{Options, Report, Verdict};
use crate::answer::IDS_MAX;
use crate::{SectionAnswer, SectionState, WriterReads as _};

/// An ID that no company gives.
const NEVER: ShopId = ShopId::new(u64::MAX).expect("not zero");
const PAGE_SECTIONS: usize = 100;
const SMALL_PAGE_SECTIONS: usize = 3;
const SMALL_PAGES: usize = 5;
/// Sections that are asked for one by one.
const SAMPLED: usize = 20;

/// What the pages showed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) sections: Vec<SectionAnswer>,
    /// Of the last page.
    pub(super) as_of: Revision,
    /// Nothing was left out.
    pub(super) is_all: bool,
}

pub(super) async fn all(probe: &Probe, options: &Options, report: &mut Report) -> Seen {
    let mut seen = Seen::default();
    let walked = walk(probe, options, &mut seen).await;
    report.must("all sections can be read page by page, each once, by ascending ID", walked);
    let promise = "a page holds at most `limit` sections and the next one goes on behind it";
    report.must(promise, small_pages(probe, &seen).await);
    report.must("only the shop writer says `gone`", only_shops_are_gone(&seen));
    report.must("one section is answered as in its page", one_by_one(probe, &seen).await);
    report.must("many sections are answered in the asked order", many(probe, &seen).await);
    let promise = "a shop that was never heard of is `nothing` at `0-0`, not `404`";
    report.must(promise, never_heard_of(probe).await);
    report.must("200 shops are answered at once, whether known or not", two_hundred(probe).await);
    if seen.sections.is_empty() {
        let why = "the writer has no sections; run again once it has some".to_owned();
        report.add("sections are there to be compared", Verdict::Skipped(why));
    }
    seen
}

async fn walk(probe: &Probe, options: &Options, seen: &mut Seen) -> Result<(), String> {
    let mut after = None;
    while seen.sections.len() < options.sections_max {
        let page = probe.client.page(after, PAGE_SECTIONS).await.map_err(|error| error.to_string())?;
        expect(page.sections.len() <= PAGE_SECTIONS, || {
            format!("{} sections, asked for at most {PAGE_SECTIONS}", page.sections.len())
        })?;
        seen.as_of = page.as_of_sequence;
        seen.sections.extend(page.sections);
        after = page.next_page_after;
        if after.is_none() {
            seen.is_all = true;
            break;
        }
    }
    Ok(())
}

/// Reads the beginning again in small pages: whoever was there is there again.
async fn small_pages(probe: &Probe, seen: &Seen) -> Result<(), String> {
    let (mut after, mut found) = (None, Vec::new());
    for _ in 0..SMALL_PAGES {
        let page = probe.client.page(after, SMALL_PAGE_SECTIONS).await.map_err(|error| error.to_string())?;
        let count = page.sections.len();
        expect(count <= SMALL_PAGE_SECTIONS, || {
            format!("{count} sections, asked for at most {SMALL_PAGE_SECTIONS}")
        })?;
        found.extend(page.sections.into_iter().map(|section| section.shop_id));
        after = page.next_page_after;
        if after.is_none() {
            break;
        }
    }
    let reached = |shop_id: ShopId| after.is_none_or(|after| shop_id <= after);
    let left_out = seen.sections.iter().map(|section| section.shop_id);
    let left_out = left_out.filter(|shop_id| reached(*shop_id) && !found.contains(shop_id)).min();
    expect(left_out.is_none(), || {
        let shop_id = left_out.map(|shop_id| shop_id.to_string()).unwrap_or_default();
        format!("shop {shop_id} stands on a page of {PAGE_SECTIONS}, and on none of {SMALL_PAGE_SECTIONS}")
    })
}

fn only_shops_are_gone(seen: &Seen) -> Result<(), String> {
    let gone = seen.sections.iter().find(|section| section.state == SectionState::Gone);
    let allowed = gone.is_none_or(|section| section.writer == shop_id::Writer::Shop);
    expect(allowed, || {
        let shop_id = gone.map(|section| section.shop_id.to_string()).unwrap_or_default();
        format!("shop {shop_id} is `gone`, expected `nothing`")
    })
}

/// Spread over all that was seen.
fn sampled(seen: &Seen) -> impl Iterator<Item = &SectionAnswer> {
    seen.sections.iter().step_by((seen.sections.len() / SAMPLED).max(1))
}

/// Newer is fine, older only from a replica that lags; the same revision must be the same facts.
fn compare(before: &SectionAnswer, now: &SectionAnswer) -> Result<(), String> {
    let shop_id = before.shop_id;
    expect(now.revision != before.revision || now.state == before.state, || {
        format!("shop {shop_id} has two different states under one revision, {}", before.revision)
    })?;
    expect(now.revision >= before.revision || now.as_of_sequence < before.as_of_sequence, || {
        format!("shop {shop_id} went back from {} to {}", before.revision, now.revision)
    })
}

async fn one_by_one(probe: &Probe, seen: &Seen) -> Result<(), String> {
    for section in sampled(seen) {
        let now = probe.client.section(section.shop_id).await.map_err(|error| error.to_string())?;
        compare(section, &now)?;
    }
    Ok(())
}

async fn many(probe: &Probe, seen: &Seen) -> Result<(), String> {
    let mut before: Vec<&SectionAnswer> = sampled(seen).collect();
    before.reverse();
    let mut shop_ids: Vec<ShopId> = before.iter().map(|section| section.shop_id).collect();
    // The unknown one last, so that the others keep their places.
    shop_ids.push(NEVER);
    let answer = probe.client.sections(&shop_ids).await.map_err(|error| error.to_string())?;
    for (section, now) in before.into_iter().zip(&answer.sections) {
        compare(section, now)?;
    }
    let of_another = answer.sections.iter().find(|section| section.as_of_sequence != answer.as_of_sequence);
    expect(of_another.is_none(), || {
        let as_of = of_another.map(|section| section.as_of_sequence).unwrap_or_default();
        format!(
            "one answer says `as_of_sequence` {} and {as_of}, expected one snapshot",
            answer.as_of_sequence
        )
    })
}

async fn never_heard_of(probe: &Probe) -> Result<(), String> {
    let section = probe.client.section(NEVER).await.map_err(|error| error.to_string())?;
    let (state, revision) = (&section.state, section.revision);
    expect(*state == SectionState::Nothing && revision == Revision::ZERO, || {
        format!("shop {NEVER} is {state:?} at {revision}")
    })
}

async fn two_hundred(probe: &Probe) -> Result<(), String> {
    let shop_ids: Vec<ShopId> = (1..).filter_map(ShopId::new).take(IDS_MAX).collect();
    probe.client.sections(&shop_ids).await.map(drop).map_err(|error| error.to_string())
}

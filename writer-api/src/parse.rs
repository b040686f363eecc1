//! Bytes of an answer -> the answer, or the path of what is wrong in it.
//!
//! A full resync reads gigabytes, so the facts are parsed straight into their type (the derived
//! `Deserialize` of [`SectionAnswer`] buffers them twice), and paths are looked for only once something is wrong.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use shop_id::{Revision, ShopId, Writer};

use crate::shape::{self, Unread, WrongMember};
use crate::{ChangesAnswer, Facts, PageAnswer, SectionAnswer, SectionState, SectionsAnswer};

/// Where in the answer, and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) path: String,
    pub(crate) reason: String,
}

impl Wrong {
    pub(crate) fn at(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }

    fn below(self, parent: &str) -> Self {
        let path = match self.path.as_str() {
            "" | "." => parent.to_owned(),
            inner if inner.starts_with('[') => format!("{parent}{inner}"),
            inner => format!("{parent}.{inner}"),
        };
        Self { path, reason: self.reason }
    }
}

#[derive(Deserialize)]
struct WireSection<'a> {
    shop_id: ShopId,
    writer: Writer,
    revision: Revision,
    as_of_sequence: Revision,
    state: StateName,
    #[serde(borrow, default)]
    facts: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateName {
    Present,
    Nothing,
    Gone,
}

#[derive(Deserialize)]
struct WireSections<'a> {
    as_of_sequence: Revision,
    #[serde(borrow)]
    sections: Vec<WireSection<'a>>,
}

#[derive(Deserialize)]
struct WirePage<'a> {
    as_of_sequence: Revision,
    #[serde(borrow)]
    sections: Vec<WireSection<'a>>,
    next_page_after: Option<ShopId>,
}

#[derive(Deserialize)]
struct Tag {
    of: Writer,
}

/// Any JSON.
pub(crate) fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Wrong> {
    shape::read(body).map_err(|unread| match unread {
        Unread::NotJson(reason) => Wrong::at(".", format!("not JSON: {reason}")),
        Unread::Wrong(WrongMember { path, given, expected }) => {
            let given = given.map_or_else(|| "missing".to_owned(), |given| format!("`{given}`"));
            Wrong::at(path, format!("{given}, expected {expected}"))
        }
    })
}

pub(crate) fn section(body: &[u8], writer: Writer, shop_id: ShopId) -> Result<SectionAnswer, Wrong> {
    let answer = checked(json(body)?, writer)?;
    expect_shop(&answer, shop_id)?;
    Ok(answer)
}

pub(crate) fn sections(body: &[u8], writer: Writer, shop_ids: &[ShopId]) -> Result<SectionsAnswer, Wrong> {
    let wire: WireSections<'_> = json(body)?;
    let sections = all_checked(wire.sections, writer)?;
    if sections.len() != shop_ids.len() {
        let reason = format!("`{}` sections, expected one for each of {}", sections.len(), shop_ids.len());
        return Err(Wrong::at("sections", reason));
    }
    for (index, (answer, shop_id)) in sections.iter().zip(shop_ids).enumerate() {
        expect_shop(answer, *shop_id).map_err(|wrong| wrong.below(&format!("sections[{index}]")))?;
    }
    Ok(SectionsAnswer { as_of_sequence: wire.as_of_sequence, sections })
}

pub(crate) fn page(body: &[u8], writer: Writer, after: Option<ShopId>) -> Result<PageAnswer, Wrong> {
    let wire: WirePage<'_> = json(body)?;
    let sections = all_checked(wire.sections, writer)?;
    let mut before = after;
    for (index, answer) in sections.iter().enumerate() {
        if before.is_some_and(|before| answer.shop_id <= before) {
            let reason = format!("`{}` is not above the ID before it", answer.shop_id);
            return Err(Wrong::at(format!("sections[{index}].shop_id"), reason));
        }
        before = Some(answer.shop_id);
    }
    // Going on from anywhere else would skip shops, or go round for ever.
    if wire.next_page_after.is_some() && (wire.next_page_after != before || wire.next_page_after == after) {
        return Err(Wrong::at("next_page_after", "expected the last ID of this page"));
    }
    Ok(PageAnswer { as_of_sequence: wire.as_of_sequence, sections, next_page_after: wire.next_page_after })
}

fn expect_shop(answer: &SectionAnswer, shop_id: ShopId) -> Result<(), Wrong> {
    if answer.shop_id == shop_id {
        return Ok(());
    }
    Err(Wrong::at("shop_id", format!("`{}`, expected the asked `{shop_id}`", answer.shop_id)))
}

fn all_checked(wire: Vec<WireSection<'_>>, writer: Writer) -> Result<Vec<SectionAnswer>, Wrong> {
    let numbered = wire.into_iter().enumerate();
    numbered
        .map(|(index, section)| {
            checked(section, writer).map_err(|wrong| wrong.below(&format!("sections[{index}]")))
        })
        .collect()
}

fn checked(wire: WireSection<'_>, writer: Writer) -> Result<SectionAnswer, Wrong> {
    if wire.writer != writer {
        return Err(Wrong::at("writer", format!("`{}`, expected `{writer}`", wire.writer)));
    }
    if wire.revision > wire.as_of_sequence {
        let reason = format!("`{}` is beyond `as_of_sequence` {}", wire.revision, wire.as_of_sequence);
        return Err(Wrong::at("revision", reason));
    }
    let state = match (wire.state, wire.facts) {
        (StateName::Present, Some(raw)) => {
            let facts = facts(raw.get().as_bytes(), writer).map_err(|wrong| wrong.below("facts"))?;
            SectionState::Present(Box::new(facts))
        }
        (StateName::Present, None) => return Err(Wrong::at("facts", "missing, expected with `present`")),
        (StateName::Nothing, _) => SectionState::Nothing,
        (StateName::Gone, _) => SectionState::Gone,
    };
    Ok(SectionAnswer {
        shop_id: wire.shop_id,
        writer: wire.writer,
        revision: wire.revision,
        as_of_sequence: wire.as_of_sequence,
        state,
    })
}

fn facts(raw: &[u8], writer: Writer) -> Result<Facts, Wrong> {
    let Tag { of } = json(raw)?;
    if of != writer {
        return Err(Wrong::at("of", format!("`{of}`, expected `{writer}`")));
    }
    fn boxed<F: DeserializeOwned>(raw: &[u8], wrap: fn(F) -> Facts) -> Result<Facts, Wrong> {
        json(raw).map(wrap)
    }
    match writer {
        Writer::Shop => boxed(raw, Facts::Shop),
        Writer::Ads => boxed(raw, Facts::Ads),
        Writer::Reviews => boxed(raw, Facts::Reviews),
        other => Err(Wrong::at("of", format!("`{other}` has no section in the shop document"))),
    }
}

pub(crate) fn changes(body: &[u8], after: Revision) -> Result<ChangesAnswer, Wrong> {
    let answer: ChangesAnswer = json(body)?;
    let mut before = after;
    for (index, change) in answer.changes.iter().enumerate() {
        if change.revision <= before {
            let reason = format!("`{}` does not follow {before}, expected commit order", change.revision);
            return Err(Wrong::at(format!("changes[{index}].revision"), reason));
        }
        before = change.revision;
    }
    if answer.next_cursor < before {
        let reason = format!("`{}` is before what was just answered, {before}", answer.next_cursor);
        return Err(Wrong::at("next_cursor", reason));
    }
    if answer.has_more && answer.changes.is_empty() {
        return Err(Wrong::at("has_more", "`true` without any change would be asked for ever"));
    }
    Ok(answer)
}

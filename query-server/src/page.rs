//! Slots -> one page: first what it will be (a draft, whose tag may already answer `304`), then its bytes, copied
//! card by card into one buffer.

use std::io::Write as _;

use bytes::Bytes;
use document_store::Stored;
use h3o::CellIndex;
use http::HeaderValue;
use jiff::Timestamp;
use shop_document::{DetailPart, ListPart, Zones};
use shop_id::{RevisionToken, ShopId};
use shop_search::{CellCentre, ListAnswer, ListQuestion, Sort, TextQuestion};

use crate::gather::{Missing, Slot};
use crate::overlay::{Overlay, earliest};
use crate::standing::Standing;
use crate::validator::Validator;

/// The CDN takes no more tags of one answer.
pub const SURROGATE_KEYS_MAX: usize = 40;
/// Nor longer ones together.
pub const SURROGATE_KEY_BYTES_MAX: usize = 1_000;

/// Whether the client's own change is on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnWrite {
    /// What was asked for.
    pub token: RevisionToken,
    /// Whether it is there.
    pub is_reached: bool,
}

/// What a page of cards is about.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// One page of one list.
    List(&'a ListQuestion, &'a ListAnswer),
    /// One page of what was found.
    Search(&'a TextQuestion, &'a ListAnswer),
    /// The shops that were named.
    Batch(Option<OwnWrite>),
}

/// A page of cards before it has bytes.
#[derive(Debug)]
pub struct Draft<'a> {
    about: About<'a>,
    standing: &'a Standing,
    cards: Vec<(&'a ListPart, Overlay<'a>)>,
    missing: Vec<(ShopId, Missing)>,
    /// The strong validator of what the bytes will be.
    pub tag: HeaderValue,
    /// The first moment at which the clock alone changes the bytes.
    pub until: Option<Timestamp>,
}

impl<'a> Draft<'a> {
    /// Decides every card's volatile facts. `slots` belong to `shop_ids`, one each.
    #[must_use]
    pub fn of(
        about: About<'a>,
        shop_ids: &[ShopId],
        slots: &[Slot<'a>],
        standing: &'a Standing,
        now: Timestamp,
    ) -> Self {
        let centre = about.cell().map(CellCentre::of);
        let mut cards = Vec::with_capacity(slots.len());
        let (mut missing, mut until) = (Vec::new(), None);
        let mut validator = about.validator();
        validator.number(u64::try_from(slots.len()).unwrap_or(u64::MAX));
        for (&shop_id, slot) in shop_ids.iter().zip(slots) {
            validator.number(shop_id.get());
            match slot {
                Slot::Card(Stored { part, position }) => {
                    validator.position(*position);
                    let overlay = Overlay::of(part, centre.as_ref(), now);
                    until = earliest(until, overlay.changes_at);
                    cards.push((part, overlay));
                }
                // It left the list between its being listed and now: nothing is missing.
                Slot::Closed(position) if about.cell().is_some() => validator.position(*position),
                Slot::Closed(position) => {
                    validator.position(*position);
                    missing.push((shop_id, Missing::Closed));
                }
                Slot::Missing(reason) => {
                    let reason = reason.said(standing.is_complete);
                    validator.text(Some(reason.name()));
                    missing.push((shop_id, reason));
                }
            }
        }
        // The phase of the clock: with equal documents, equal moments of the next change mean equal bytes now.
        validator.moment(until);
        validator.text(Some(&standing.degraded_json));
        Self { about, standing, cards, missing, tag: validator.tag(), until }
    }

    /// Every shop that was asked for is either there or closed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.iter().all(|(_, reason)| *reason == Missing::Closed)
    }

    /// How many are named missing.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.missing.len()
    }

    /// The bytes.
    #[must_use]
    pub fn compose(&self) -> Bytes {
        let cards: usize = self.cards.iter().map(|(part, _)| part.card_bytes() + 1).sum();
        let around = 512 + self.standing.degraded_json.len() + self.missing.len() * 64;
        let mut out = Vec::with_capacity(cards + around);
        self.compose_into(&mut out);
        Bytes::from(out)
    }

    /// The cards of a page lie all over memory: asked for one after another they cost 25 waits, all at once a few.
    fn touch_cards(&self) {
        let touched = self.cards.iter().map(|(part, _)| part.touch_card());
        std::hint::black_box(touched.fold(0, |all, one| all ^ one));
    }

    /// The bytes, behind what stands in the buffer already.
    pub fn compose_into(&self, out: &mut Vec<u8>) {
        self.touch_cards();
        out.extend_from_slice(b"{\"shops\":[");
        for (place, (part, overlay)) in self.cards.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            part.write_card(out, &overlay.for_card());
        }
        out.push(b']');
        self.about.write_next_cursor(out);
        out.extend_from_slice(b",\"meta\":{");
        self.about.write_question(out);
        out.extend_from_slice(b"\"degraded\":");
        out.extend_from_slice(self.standing.degraded_json.as_bytes());
        write_missing(out, &self.missing);
        self.about.write_rest(out);
        out.extend_from_slice(b"}}");
    }
}

impl About<'_> {
    /// Where the shops deliver to.
    #[must_use]
    pub const fn cell(&self) -> Option<CellIndex> {
        match self {
            Self::List(question, _) => Some(question.cell),
            Self::Search(question, _) => Some(question.cell),
            Self::Batch(_) => None,
        }
    }

    const fn listed(&self) -> Option<&ListAnswer> {
        match self {
            Self::List(_, answer) | Self::Search(_, answer) => Some(answer),
            Self::Batch(_) => None,
        }
    }

    fn validator(&self) -> Validator {
        let (mut validator, category, sort, cursor) = match self {
            Self::Batch(_) => return Validator::of(2),
            Self::List(question, _) => {
                let ListQuestion { cell, category, sort, cursor } = question;
                let mut validator = Validator::of(1);
                validator.number((*cell).into());
                (validator, category, Some(*sort), cursor)
            }
            Self::Search(question, _) => {
                let TextQuestion { text, cell, category, sort, cursor } = question;
                let mut validator = Validator::of(5);
                validator.text(Some(text.as_str()));
                validator.number((*cell).into());
                (validator, category, *sort, cursor)
            }
        };
        validator.text(category.as_deref());
        validator.text(sort.map(Sort::name));
        validator.text(cursor.as_deref());
        if let Some(answer) = self.listed() {
            validator.text(answer.next_cursor.as_deref());
            validator.moment(answer.stale_since);
        }
        validator
    }

    fn write_next_cursor(&self, out: &mut Vec<u8>) {
        let Some(answer) = self.listed() else { return };
        out.extend_from_slice(b",\"next_cursor\":");
        match &answer.next_cursor {
            Some(cursor) => write_text(out, cursor),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn write_question(&self, out: &mut Vec<u8>) {
        if let Some(cell) = self.cell() {
            put(out, format_args!("\"cell\":\"{cell}\","));
        }
        let sort = match self {
            Self::List(question, _) => Some(question.sort),
            Self::Search(question, _) => {
                out.extend_from_slice(b"\"q\":");
                write_text(out, question.text.as_str());
                out.push(b',');
                question.sort
            }
            Self::Batch(_) => None,
        };
        if let Some(sort) = sort {
            put(out, format_args!("\"sort\":\"{}\",", sort.name()));
        }
    }

    fn write_rest(&self, out: &mut Vec<u8>) {
        if let Some(since) = self.listed().and_then(|answer| answer.stale_since) {
            put(out, format_args!(",\"stale_since\":\"{since}\""));
        }
        if let Self::Batch(Some(own_write)) = self {
            write_own_write(out, *own_write);
        }
    }
}

fn write_own_write(out: &mut Vec<u8>, OwnWrite { token, is_reached }: OwnWrite) {
    put(out, format_args!(",\"min_revision\":{{\"asked\":\"{token}\",\"is_reached\":{is_reached}}}"));
}

/// Names whom the answer lacks, and why.
pub(crate) fn write_missing(out: &mut Vec<u8>, missing: &[(ShopId, Missing)]) {
    out.extend_from_slice(b",\"missing\":[");
    for (place, (shop_id, reason)) in missing.iter().enumerate() {
        let separator = if place > 0 { "," } else { "" };
        let reason = reason.name();
        put(out, format_args!("{separator}{{\"id\":\"{shop_id}\",\"reason\":\"{reason}\"}}"));
    }
    out.push(b']');
}

pub(crate) fn put(out: &mut Vec<u8>, piece: std::fmt::Arguments<'_>) {
    // Writing into memory cannot fail.
    let _ = out.write_fmt(piece);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    // Text into memory: serde_json has no reason to refuse it.
    drop(serde_json::to_writer(out, text));
}

/// One shop's detail before it has bytes.
#[derive(Debug)]
pub struct DetailDraft<'a> {
    stored: &'a Stored<DetailPart>,
    standing: &'a Standing,
    now: Timestamp,
    /// See [`Draft::tag`].
    pub tag: HeaderValue,
    /// See [`Draft::until`].
    pub until: Option<Timestamp>,
}

impl<'a> DetailDraft<'a> {
    /// Of a visible shop.
    #[must_use]
    pub fn of(stored: &'a Stored<DetailPart>, standing: &'a Standing, now: Timestamp) -> Self {
        let until = stored.part.next_change_after(now, Zones);
        let mut validator = Validator::of(3);
        validator.number(stored.part.shop_id().get());
        validator.position(stored.position);
        validator.moment(until);
        validator.text(Some(&standing.degraded_json));
        Self { stored, standing, now, tag: validator.tag(), until }
    }

    /// The bytes: the rendered detail, with what is to be said about the answer as its last member.
    #[must_use]
    pub fn compose(&self, own_write: Option<OwnWrite>) -> Bytes {
        let part = &self.stored.part;
        let around = 128 + self.standing.degraded_json.len();
        let mut out = Vec::with_capacity(part.flat().detail.len() + around);
        part.write_detail(&mut out, self.now, &part.state_at(self.now, Zones));
        // The rendered detail is an object with members.
        if out.last() == Some(&b'}') {
            out.pop();
            out.extend_from_slice(b",\"meta\":{\"degraded\":");
            out.extend_from_slice(self.standing.degraded_json.as_bytes());
            if let Some(own_write) = own_write {
                write_own_write(&mut out, own_write);
            }
            out.extend_from_slice(b"}}");
        }
        Bytes::from(out)
    }
}

/// The tags by which a CDN drops an answer: of the cell, and of every shop that was asked for, the missing ones
/// included, so that their return purges it too. `None`: they do not fit, so nobody else may keep it.
#[must_use]
pub fn surrogate_key(cell: Option<CellIndex>, shop_ids: &[ShopId]) -> Option<HeaderValue> {
    if shop_ids.len() + usize::from(cell.is_some()) > SURROGATE_KEYS_MAX {
        return None;
    }
    let mut keys = Vec::with_capacity(32 + shop_ids.len() * 16);
    let mut digits = itoa::Buffer::new();
    if let Some(cell) = cell {
        put(&mut keys, format_args!("cell-{cell}"));
    }
    for shop_id in shop_ids {
        if !keys.is_empty() {
            keys.push(b' ');
        }
        keys.extend_from_slice(b"shop-");
        keys.extend_from_slice(digits.format(shop_id.get()).as_bytes());
    }
    if keys.len() > SURROGATE_KEY_BYTES_MAX {
        return None;
    }
    HeaderValue::from_maybe_shared(Bytes::from(keys)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shops(range: std::ops::RangeInclusive<u64>) -> Vec<ShopId> {
        range.map(|number| ShopId::new(number).unwrap()).collect()
    }

    #[test]
    fn a_page_is_tagged_by_its_cell_and_all_its_shops_as_long_as_they_fit() {
        let cell: CellIndex = "88195da49bfffff".parse().unwrap();
        let tags = surrogate_key(Some(cell), &shops(7..=9)).unwrap();
        assert_eq!(tags, "cell-88195da49bfffff shop-7 shop-8 shop-9");
        assert_eq!(surrogate_key(None, &shops(7..=7)).unwrap(), "shop-7");
        assert!(surrogate_key(None, &shops(1..=40)).is_some());
        assert!(surrogate_key(None, &shops(1..=41)).is_none());
        assert!(surrogate_key(Some(cell), &shops(1..=40)).is_none());
        let long = u64::MAX - 39;
        assert!(
            surrogate_key(None, &shops(long..=u64::MAX)).is_none(),
            "40 tags of 25 bytes and their blanks"
        );
        assert!(surrogate_key(Some(cell), &shops(u64::MAX - 24..=u64::MAX)).is_some(), "a page always fits");
    }
}

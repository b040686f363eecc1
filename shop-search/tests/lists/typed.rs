//! Shops found by words: both indexes fed alike, and the slow way to an answer.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use shop_document::{ListPart, ShopState, Zones};
use shop_id::ShopId;
use shop_search::{
    AreaLists, AreaListsLimits, ListAnswer, ListQuestion, SearchError, SearchText, ShopIndexer, Sort,
    TextIndex, TextLimits, TextQuestion, TextSearch, normalise,
};

use crate::oracle::{Oracle, value};
use crate::shops::{Shop, block_on, ids, strand};

/// Area lists, and text search beside them.
#[derive(Debug)]
pub(crate) struct Indexes {
    pub(crate) lists: Arc<AreaLists>,
    pub(crate) text: TextIndex,
}

impl Indexes {
    pub(crate) fn new() -> Self {
        Self::with(TextLimits::default())
    }

    pub(crate) fn with(limits: TextLimits) -> Self {
        let lists = Arc::new(AreaLists::new(AreaListsLimits::default()));
        Self { text: TextIndex::new(Arc::clone(&lists), limits).unwrap(), lists }
    }

    /// Published.
    pub(crate) fn of(shops: impl IntoIterator<Item = Shop>, now: Timestamp) -> Self {
        let indexes = Self::new();
        shops.into_iter().for_each(|shop| indexes.fold(shop.id(), &shop.part()));
        indexes.publish(now);
        indexes
    }

    pub(crate) fn ask(&self, question: &TextQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
        block_on(self.text.search(question, now))
    }

    /// IDs of the first page of the Strand.
    pub(crate) fn found(&self, text: &str, now: Timestamp) -> Vec<u64> {
        ids(&self.ask(&typed(text), now).unwrap())
    }
}

impl ShopIndexer for Indexes {
    fn fold(&self, shop_id: ShopId, part: &ListPart) {
        self.lists.fold(shop_id, part);
        self.text.fold(shop_id, part);
    }

    fn remove(&self, shop_id: ShopId) {
        self.lists.remove(shop_id);
        self.text.remove(shop_id);
    }

    fn publish(&self, now: Timestamp) {
        self.lists.publish(now);
        self.text.try_publish(now).unwrap();
    }
}

/// On the Strand.
pub(crate) fn typed(text: &str) -> TextQuestion {
    let text = SearchText::parse(text).unwrap();
    TextQuestion { text, cell: strand(), category: None, sort: None, cursor: None }
}

/// The page behind an answer.
pub(crate) fn following(question: &TextQuestion, answer: &ListAnswer) -> Option<TextQuestion> {
    let cursor = answer.next_cursor.clone()?;
    Some(TextQuestion { cursor: Some(cursor), ..question.clone() })
}

/// Whatever is found, in order.
pub(crate) fn order_of_matches(oracle: &Oracle, question: &TextQuestion, at: Timestamp) -> Vec<ShopId> {
    let mut found: Vec<_> = matches(oracle, question)
        .map(|(shop_id, part, matched)| {
            let is_open = part.state_at(at, Zones).state == ShopState::Open;
            let value = match question.sort {
                Some(sort) => value(part, &list_of(question, sort), at),
                // Of what is recommended without ads: the mean of all stars and of twenty more reviews of 3.5.
                None => (-i64::try_from(matched).unwrap(), rating(part)),
            };
            (Reverse(is_open), value, shop_id)
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, _, shop_id)| shop_id).collect()
}

/// The first moment after `now` at which any shop that is found changes by the clock.
pub(crate) fn changes_at(oracle: &Oracle, question: &TextQuestion, now: Timestamp) -> Option<Timestamp> {
    matches(oracle, question).filter_map(|(_, part, _)| part.next_change_after(now, Zones)).min()
}

fn matches<'oracle>(
    oracle: &'oracle Oracle,
    question: &TextQuestion,
) -> impl Iterator<Item = (ShopId, &'oracle ListPart, usize)> {
    let words: Vec<BTreeSet<String>> = words(question.text.as_str()).iter().map(|word| asked(word)).collect();
    let listed: Vec<_> = oracle.listed(&list_of(question, Sort::Recommended)).collect();
    listed.into_iter().filter_map(move |(shop_id, part)| {
        let has = shown(part);
        let mut matched = 0;
        for word in &words {
            let of_word = word.intersection(&has).count();
            if of_word * 5 < word.len() * 3 {
                return None;
            }
            matched += of_word;
        }
        (!words.is_empty()).then_some((shop_id, part, matched))
    })
}

fn list_of(question: &TextQuestion, sort: Sort) -> ListQuestion {
    ListQuestion { cell: question.cell, category: question.category.clone(), sort, cursor: None }
}

fn rating(part: &ListPart) -> i64 {
    let (stars, reviews) = part.stars();
    -i64::try_from((stars * 1_000_000 + 70_000_000) / (reviews + 20)).unwrap()
}

/// What a shop has: pairs, beginnings of words, and single characters of dense scripts.
fn shown(part: &ListPart) -> BTreeSet<String> {
    let state = part.state_at(Timestamp::UNIX_EPOCH, Zones);
    let overlay = shop_document::CardOverlay { distance_m: None, state: &state, ad_label: None };
    let mut card = Vec::new();
    part.write_card(&mut card, &overlay);
    let card: serde_json::Value = serde_json::from_slice(&card).unwrap();
    let mut texts = vec![card["name"].as_str().unwrap().to_owned()];
    texts.extend(part.categories().map(str::to_owned));
    texts.extend(
        card["menu_previews"]
            .as_array()
            .unwrap()
            .iter()
            .map(|preview| preview["name"].as_str().unwrap().to_owned()),
    );
    let mut shown = BTreeSet::new();
    for word in texts.iter().flat_map(|text| words(text)) {
        shown.extend(word.chars().take(1).map(String::from));
        shown.extend(word.chars().filter(|character| !character.is_ascii()).map(String::from));
        shown.extend(pairs(&word));
    }
    shown
}

fn asked(word: &str) -> BTreeSet<String> {
    if word.chars().count() == 1 { BTreeSet::from([word.to_owned()]) } else { pairs(word).collect() }
}

fn pairs(word: &str) -> impl Iterator<Item = String> {
    word.chars().zip(word.chars().skip(1)).map(|(first, second)| format!("{first}{second}"))
}

/// Good enough for ASCII, Hangul and emoji.
fn words(text: &str) -> Vec<String> {
    let plain = normalise(text).replace('\'', "");
    let words = plain.split(|character: char| character.is_ascii() && !character.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

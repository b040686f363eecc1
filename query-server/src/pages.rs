//! Complete answers kept for being sent again, bounded in bytes, read without a lock.
//!
//! A kept page is never trusted: it stands beside what it was made from, and is sent only after comparing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use document_store::{NearCache, Position, Seen};
use http::HeaderValue;
use jiff::Timestamp;
use papaya::{HashMap, HashMapRef, LocalGuard};
use shop_id::ShopId;
use shop_search::{ListAnswer, ListQuestion};

use crate::gather::Slot;
use crate::packing::{Forms, forms_bytes_max};
use crate::standing::Standing;

/// What a kept page costs beside its bytes and slots: entry, handles, headers.
const PAGE_BYTES: usize = 512 + size_of::<Forms>();

/// What each of its documents costs: whose, which position, what was counted.
const DOCUMENT_BYTES: usize = size_of::<(ShopId, Position)>() + 16;

/// An answer's bytes with what identifies them.
#[derive(Debug)]
pub struct Page {
    /// The body, as it is.
    pub body: Bytes,
    /// The `ETag`.
    pub tag: HeaderValue,
    /// Packed ones.
    pub forms: Forms,
    /// The `Surrogate-Key`.
    pub surrogate_key: HeaderValue,
    /// When it was made: the clock may be set back behind it.
    pub from: Timestamp,
    /// The first moment at which the clock alone changes it; `None`: never.
    pub until: Option<Timestamp>,
}

/// A page and what it was made from.
#[derive(Debug)]
pub struct Kept {
    /// Sent again as it is.
    pub page: Page,
    /// See [`Standing::fingerprint`].
    pub standing: u64,
    /// Whose documents, in the order of the page.
    pub documents: Vec<(ShopId, Position)>,
    /// The last look at them.
    pub look: Look,
    /// What else a list was made from; `None`: the detail of one shop.
    pub listed: Option<Listed>,
}

/// What a list was made from beside its documents.
#[derive(Debug)]
pub struct Listed {
    /// What was asked.
    pub question: ListQuestion,
    /// What the search answered.
    pub next_cursor: Option<Arc<str>>,
    /// See [`ListAnswer::stale_since`].
    pub stale_since: Option<Timestamp>,
}

/// When the documents of a page were last looked at one by one, and what was counted of their changes just before.
///
/// The slots of 25 cards lie all over memory, and comparing them costs as much as all else that is done for a kept page. So
/// the counts decide, and the slots are looked at when those moved; and once a second anyhow, which tells the near cache
/// that the cards are asked for, although only the page was.
#[derive(Debug, Default)]
pub struct Look {
    seen: Seen,
    second: AtomicI64,
}

impl Look {
    /// `seen` was taken before the documents were looked at.
    #[must_use]
    pub fn at(now: Timestamp, seen: Seen) -> Self {
        Self { seen, second: AtomicI64::new(now.as_second()) }
    }
}

impl Kept {
    /// Whether clock and degraded sections leave the page as it is.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp, standing: &Standing) -> bool {
        self.page.from <= now
            && self.page.until.is_none_or(|until| now < until)
            && self.standing == standing.fingerprint
    }

    /// Whether the resident documents are still those it was made from.
    #[must_use]
    pub fn is_made_of_resident<S>(&self, near: &NearCache<S>, now: Timestamp) -> bool {
        let second = now.as_second();
        if self.look.second.load(Ordering::Relaxed) == second && near.are_still(&self.look.seen) {
            return true;
        }
        let seen = near.seen(self.documents.iter().map(|(shop_id, _)| *shop_id));
        let resident = near.pin();
        let stands_at = |shop_id| resident.get(shop_id).map(|stored| stored.position);
        let is_same = self.documents.iter().all(|(shop_id, position)| stands_at(*shop_id) == Some(*position));
        if is_same {
            self.look.seen.renew(&seen);
            self.look.second.store(second, Ordering::Relaxed);
        }
        is_same
    }

    /// Whether the search still answers this page.
    #[must_use]
    pub fn is_listed_by(&self, answer: &ListAnswer) -> bool {
        self.listed.as_ref().is_some_and(|listed| {
            self.documents.len() == answer.shop_ids.len()
                && self.documents.iter().zip(&answer.shop_ids).all(|((kept, _), listed)| kept == listed)
                && listed.next_cursor == answer.next_cursor
                && listed.stale_since == answer.stale_since
        })
    }

    /// Whether these are the documents it was made from.
    #[must_use]
    pub fn is_made_of(&self, slots: &[Slot<'_>]) -> bool {
        self.documents.len() == slots.len()
            && self.documents.iter().zip(slots).all(|((_, kept), slot)| slot.position() == Some(*kept))
    }
}

/// All kept pages, by canonical URL.
#[derive(Debug)]
pub struct Pages {
    map: HashMap<Box<str>, Entry>,
    bytes: AtomicU64,
    bytes_max: u64,
    /// The order of the clock's hand. Locked when a page enters, never when one is sent.
    clock: Mutex<VecDeque<Box<str>>>,
}

#[derive(Debug)]
struct Entry {
    kept: Kept,
    bytes: u64,
    used: AtomicBool,
}

/// Guarded look at the kept pages. Not to be held over an await.
pub struct PinnedPages<'pages>(
    HashMapRef<'pages, Box<str>, Entry, std::hash::RandomState, LocalGuard<'pages>>,
);

impl PinnedPages<'_> {
    /// The page of a canonical URL.
    #[must_use]
    pub fn get(&self, url: &str) -> Option<&Kept> {
        let entry = self.0.get(url)?;
        // Writing only once between two rounds of the clock keeps the cache line shared.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(&entry.kept)
    }
}

impl std::fmt::Debug for PinnedPages<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("PinnedPages")
    }
}

impl Pages {
    /// Empty; with 0 bytes nothing is ever kept.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        Self { map: HashMap::new(), bytes: AtomicU64::new(0), bytes_max, clock: Mutex::new(VecDeque::new()) }
    }

    /// The kept pages, without a lock.
    #[must_use]
    pub fn pin(&self) -> PinnedPages<'_> {
        PinnedPages(self.map.pin())
    }

    /// Bytes of all kept pages.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.map.len()
    }

    /// Whether it is worth preparing a page for keeping.
    #[must_use]
    pub const fn keeps_any(&self) -> bool {
        self.bytes_max > 0
    }

    /// Keeps a page instead of the one before it.
    pub fn keep(&self, url: &str, kept: Kept) {
        let documents = kept.documents.len() * DOCUMENT_BYTES;
        // Charged for its packed forms from the start, whether they come or not.
        let forms = forms_bytes_max(kept.page.body.len());
        // The URL stands in the map and in the clock's order.
        let bytes = kept.page.body.len() + forms + documents + url.len() * 2 + PAGE_BYTES;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes > self.bytes_max {
            return;
        }
        let map = self.map.pin();
        let replaced = map.insert(Box::from(url), Entry { kept, bytes, used: AtomicBool::new(false) });
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        match replaced {
            Some(old) => {
                self.bytes.fetch_sub(old.bytes, Ordering::Relaxed);
            }
            None => self.clock.lock().unwrap_or_else(PoisonError::into_inner).push_back(Box::from(url)),
        }
        if self.bytes() > self.bytes_max {
            self.evict();
        }
    }

    /// Moves the hand until a tenth is free, so that not every page that enters has to.
    fn evict(&self) {
        let target = self.bytes_max - self.bytes_max / 10;
        let map = self.map.pin();
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        // Twice around at most: the first round takes the use bits.
        for _ in 0..clock.len() * 2 {
            if self.bytes() <= target {
                break;
            }
            let Some(url) = clock.pop_front() else { break };
            match map.get(&*url) {
                Some(entry) if entry.used.swap(false, Ordering::Relaxed) => clock.push_back(url),
                Some(_) => {
                    if let Some(removed) = map.remove(&*url) {
                        self.bytes.fetch_sub(removed.bytes, Ordering::Relaxed);
                    }
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(number: u64, body_bytes: usize) -> Kept {
        let page = Page {
            body: Bytes::from(vec![b'x'; body_bytes]),
            tag: HeaderValue::from_static("\"x\""),
            forms: Forms::default(),
            surrogate_key: HeaderValue::from_static("x"),
            from: Timestamp::UNIX_EPOCH,
            until: None,
        };
        let documents = vec![(ShopId::new(number).unwrap(), Position::default())];
        Kept { page, standing: 0, documents, look: Look::default(), listed: None }
    }

    fn url(number: u64) -> String {
        format!("/v1/shops/{number}")
    }

    #[test]
    fn pages_stay_within_their_bytes_and_asked_ones_stay_longest() {
        let pages = Pages::new(100_000);
        for number in 1..=1_000 {
            pages.keep(&url(number), detail(number, 1_500));
            assert!(pages.bytes() <= 100_000);
            assert!(pages.pin().get(&url(1)).is_some(), "asked for all the time, after {number}");
        }
        assert!(pages.count() > 15, "{}", pages.count());
        assert_eq!(pages.clock.lock().unwrap().len(), pages.count());
    }

    #[test]
    fn a_page_kept_again_counts_once() {
        let pages = Pages::new(100_000);
        for body_bytes in [1_000, 2_000, 1_000] {
            pages.keep(&url(7), detail(7, body_bytes));
        }
        let expected = 2_000 + 1_024 + DOCUMENT_BYTES + url(7).len() * 2 + PAGE_BYTES;
        assert_eq!((pages.count(), pages.bytes()), (1, u64::try_from(expected).unwrap()));
    }

    #[test]
    fn what_is_too_big_or_not_to_be_kept_is_not() {
        for bytes_max in [0, 1_000] {
            let pages = Pages::new(bytes_max);
            pages.keep(&url(7), detail(7, 2_000));
            assert_eq!((pages.count(), pages.bytes()), (0, 0));
        }
    }
}

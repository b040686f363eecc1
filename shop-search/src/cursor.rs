//! Where a list goes on: 27 bytes as 36 characters that are safe in a URL.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | layout version, 1 |
//! | 4 | the second the order is judged at |
//! | 8 | rank of the last shop: open group and sort value |
//! | 8 | its ID |
//! | 6 | checksum over the above, keyed with cell, category, sort and search text |
//!
//! Numbers are big-endian. The key makes a cursor good for its own list only; 27 is a multiple of three, so one
//! cursor has one spelling. Whoever wants may compute the checksum: a made-up cursor only shows another place of a
//! public list.

use std::sync::Arc;

use h3o::CellIndex;
use shop_id::ShopId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::rank::Standing;
use crate::shop::Second;
use crate::{ListQuestion, SearchError, Sort, TextQuestion};

const VERSION: u8 = 1;
const BYTES: usize = 27;
const CHECKED: usize = 21;
const TEXT: usize = BYTES / 3 * 4;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Beside the sorts of lists.
const OF_TEXT: u64 = Sort::ALL.len() as u64;
/// What of a wrong cursor is said back.
const GIVEN_CHARACTERS_MAX: usize = 80;

/// Which list a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CursorKey(u64);

impl CursorKey {
    pub(crate) fn of(question: &ListQuestion) -> Self {
        Self(key(question.cell, question.category.as_deref(), question.sort as u64))
    }

    pub(crate) fn of_text(question: &TextQuestion) -> Self {
        let sort = question.sort.map_or(OF_TEXT, |sort| OF_TEXT + 1 + sort as u64);
        let seed = key(question.cell, question.category.as_deref(), sort);
        Self(xxh3_64_with_seed(question.text.as_str().as_bytes(), seed))
    }
}

fn key(cell: CellIndex, category: Option<&str>, sort: u64) -> u64 {
    let (category, has_category) = category.map_or(("", 0), |category| (category, 1));
    let kind = sort << 1 | has_category;
    let seed = u64::from(cell) ^ (kind + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    xxh3_64_with_seed(category.as_bytes(), seed)
}

/// A place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The order is the one of this moment.
    pub(crate) judged_at: Second,
    /// The last shop that was shown.
    pub(crate) after: Standing,
}

impl Cursor {
    pub(crate) fn text(self, list: CursorKey) -> Arc<str> {
        let mut bytes = [0; BYTES];
        bytes[0] = VERSION;
        bytes[1..5].copy_from_slice(&self.judged_at.to_be_bytes());
        bytes[5..13].copy_from_slice(&self.after.rank.to_be_bytes());
        bytes[13..CHECKED].copy_from_slice(&self.after.shop_id.get().to_be_bytes());
        let checksum = checksum(&bytes, list);
        bytes[CHECKED..].copy_from_slice(&checksum);
        let mut text = [0; TEXT];
        for (three, four) in bytes.chunks_exact(3).zip(text.chunks_exact_mut(4)) {
            let joined = usize::from(three[0]) << 16 | usize::from(three[1]) << 8 | usize::from(three[2]);
            for (place, character) in four.iter_mut().enumerate() {
                *character = ALPHABET[joined >> (18 - 6 * place) & 63];
            }
        }
        // The alphabet is ASCII.
        Arc::from(std::str::from_utf8(&text).unwrap_or_default())
    }

    /// # Errors
    /// [`SearchError::Cursor`] for all but what [`Cursor::text`] wrote for the same list.
    pub(crate) fn parse(given: &str, list: CursorKey) -> Result<Self, SearchError> {
        Self::read(given, list).ok_or_else(|| refused(given))
    }

    fn read(given: &str, list: CursorKey) -> Option<Self> {
        let text: &[u8; TEXT] = given.as_bytes().try_into().ok()?;
        let mut bytes = [0; BYTES];
        for (four, three) in text.chunks_exact(4).zip(bytes.chunks_exact_mut(3)) {
            let mut joined = 0;
            for &character in four {
                joined = joined << 6 | sextet(character)?;
            }
            three.copy_from_slice(&joined.to_be_bytes()[1..]);
        }
        if bytes[0] != VERSION || bytes[CHECKED..] != checksum(&bytes, list) {
            return None;
        }
        let judged_at = Second::from_be_bytes(bytes[1..5].try_into().ok()?);
        let rank = u64::from_be_bytes(bytes[5..13].try_into().ok()?);
        let shop_id = ShopId::new(u64::from_be_bytes(bytes[13..CHECKED].try_into().ok()?))?;
        Some(Self { judged_at, after: Standing { rank, shop_id } })
    }
}

/// The error of a wrong cursor; of a long one it says the beginning.
pub(crate) fn refused(given: &str) -> SearchError {
    SearchError::Cursor { given: given.chars().take(GIVEN_CHARACTERS_MAX).collect() }
}

fn checksum(bytes: &[u8; BYTES], list: CursorKey) -> [u8; BYTES - CHECKED] {
    let hash = xxh3_64_with_seed(&bytes[..CHECKED], list.0).to_be_bytes();
    let mut checksum = [0; BYTES - CHECKED];
    checksum.copy_from_slice(&hash[..BYTES - CHECKED]);
    checksum
}

fn sextet(character: u8) -> Option<u32> {
    let (first, offset) = match character {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'-' => (b'-', 62),
        b'_' => (b'_', 63),
        _ => return None,
    };
    Some(u32::from(character - first) + offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CELL: u64 = 0x0881_95da_49bf_ffff;

    fn question(cell: u64, category: Option<&str>, sort: Sort) -> ListQuestion {
        let cell = CellIndex::try_from(cell).unwrap();
        ListQuestion { cell, category: category.map(Arc::from), sort, cursor: None }
    }

    fn list() -> CursorKey {
        CursorKey::of(&question(CELL, Some("pizza"), Sort::Rating))
    }

    fn cursor(judged_at: u32, rank: u64, shop_id: u64) -> Cursor {
        Cursor { judged_at, after: Standing { rank, shop_id: ShopId::new(shop_id).unwrap() } }
    }

    #[test]
    fn every_list_has_cursors_of_its_own() {
        let neighbour = u64::from(CellIndex::try_from(CELL).unwrap().grid_disk::<Vec<_>>(1)[1]);
        let mut lists = Vec::new();
        for cell in [CELL, neighbour] {
            for category in [None, Some(""), Some("pizza"), Some("sushi")] {
                lists.extend(Sort::ALL.map(|sort| CursorKey::of(&question(cell, category, sort))));
            }
        }
        for (place, &list) in lists.iter().enumerate() {
            let text = cursor(1_800_000_000, 7, 9).text(list);
            for (other_place, &other) in lists.iter().enumerate() {
                assert_eq!(Cursor::parse(&text, other).is_ok(), place == other_place);
            }
        }
    }

    #[test]
    fn a_long_wrong_cursor_is_not_said_back_whole() {
        let SearchError::Cursor { given } = Cursor::parse(&"é".repeat(5_000), list()).unwrap_err() else {
            panic!("expected a refused cursor");
        };
        assert_eq!(given, "é".repeat(80));
    }

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(judged_at: u32, rank: u64, shop_id in 1_u64..) {
            let cursor = cursor(judged_at, rank, shop_id);
            let text = cursor.text(list());
            prop_assert_eq!(text.len(), 36);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(Cursor::parse(&text, list()).unwrap(), cursor);
        }

        #[test]
        fn any_text_is_refused_without_panic(given in ".*") {
            prop_assert!(Cursor::parse(&given, list()).is_err());
        }

        #[test]
        fn text_of_the_right_length_is_refused_too(given in "[A-Za-z0-9_-]{36}") {
            prop_assert!(Cursor::parse(&given, list()).is_err());
        }

        #[test]
        fn a_cursor_with_one_character_changed_is_refused(
            rank: u64,
            shop_id in 1_u64..,
            place in 0_usize..36,
            character in any::<char>(),
        ) {
            let text = cursor(1_800_000_000, rank, shop_id).text(list());
            let changed: String =
                text.chars().enumerate().map(|(at, old)| if at == place { character } else { old }).collect();
            prop_assert_eq!(Cursor::parse(&changed, list()).is_ok(), *changed == *text);
        }
    }
}

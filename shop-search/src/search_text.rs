//! What somebody typed, in its one spelling: so that one question has one URL, and one page to keep.

use std::sync::Arc;

use icu_normalizer::ComposingNormalizerBorrowed;

/// Characters of a search text in its canonical spelling; longer than any name that somebody types.
pub const QUERY_CHARS_MAX: usize = 100;

/// A text that can be searched for, in canonical spelling: 1 to [`QUERY_CHARS_MAX`] characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchText(Arc<str>);

/// A text that nothing can be searched by. Permanent: the client's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchTextError {
    /// Nothing but blanks.
    #[error("the search text is empty; expected 1 to {QUERY_CHARS_MAX} characters")]
    Empty,
    /// In canonical spelling, which may be longer than what was given (`㎞` is two letters).
    #[error("the search text is longer than {QUERY_CHARS_MAX} characters; shorten it")]
    TooLong,
}

impl SearchText {
    /// Takes any spelling. Where [`SearchText::as_str`] is another one, the given one is not canonical: redirect.
    ///
    /// # Errors
    /// Of an empty text and of one that is too long.
    pub fn parse(given: &str) -> Result<Self, SearchTextError> {
        // First as it is, so that nobody makes us normalise megabytes.
        if is_longer(given) {
            return Err(SearchTextError::TooLong);
        }
        let text = normalise(given);
        if text.is_empty() {
            return Err(SearchTextError::Empty);
        }
        if is_longer(&text) { Err(SearchTextError::TooLong) } else { Ok(Self(text.into())) }
    }

    /// The canonical spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The canonical spelling of any text: compatibility forms composed (NFKC), lower case, one space between words and
/// none around them. Normalising twice is normalising once.
#[must_use]
pub fn normalise(text: &str) -> String {
    const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();
    // Lower-casing takes some letters apart (`İ`), so they are composed again.
    let lower = NFKC.normalize(text).to_lowercase();
    let composed = NFKC.normalize(&lower);
    let mut canonical = String::with_capacity(composed.len());
    for word in composed.split(|character: char| character.is_whitespace() || character.is_control()) {
        if !word.is_empty() {
            if !canonical.is_empty() {
                canonical.push(' ');
            }
            canonical.push_str(word);
        }
    }
    canonical
}

fn is_longer(text: &str) -> bool {
    text.chars().nth(QUERY_CHARS_MAX).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_text_has_one_spelling() {
        let spellings = [
            ("Pizza", "pizza"),
            ("  PIZZA \t napoli\n", "pizza napoli"),
            ("치킨", "치킨"),
            // Jamo, as some keyboards and file systems send them.
            ("\u{110E}\u{1175}\u{110F}\u{1175}\u{11AB}", "치킨"),
            ("Ｓｕｓｈｉ　ﾊﾞｰ", "sushi バー"),
            ("Cafe\u{301}", "café"),
            ("STRAẞE", "straße"),
            ("İstanbul", "i\u{307}stanbul"),
            ("Domino's \"best\" 🍕", "domino's \"best\" 🍕"),
            ("one\u{a0}two\u{0}three", "one two three"),
            (" \u{3000}\r\n", ""),
        ];
        for (given, canonical) in spellings {
            assert_eq!(normalise(given), canonical, "{given:?}");
        }
    }

    #[test]
    fn no_single_character_has_two_canonical_spellings() {
        for character in '\0'..=char::MAX {
            let canonical = normalise(&format!("a{character}b {character}"));
            assert_eq!(normalise(&canonical), canonical, "{character:?}");
        }
    }

    #[test]
    fn texts_are_one_to_a_hundred_characters_long() {
        let parsed = |given: &str| SearchText::parse(given).map(|text| text.as_str().chars().count());
        assert_eq!(parsed("치"), Ok(1));
        assert_eq!(parsed(&"치".repeat(100)), Ok(100));
        assert_eq!(parsed(&"치".repeat(101)), Err(SearchTextError::TooLong));
        // Eighteen letters of one sign.
        assert_eq!(parsed(&"\u{fdfa}".repeat(5)), Ok(90));
        assert_eq!(parsed(&"\u{fdfa}".repeat(6)), Err(SearchTextError::TooLong));
        assert_eq!(parsed(" \t"), Err(SearchTextError::Empty));
        assert_eq!(parsed(""), Err(SearchTextError::Empty));
    }

    proptest! {
        #[test]
        fn normalising_twice_is_normalising_once(given in any::<String>()) {
            let canonical = normalise(&given);
            prop_assert_eq!(normalise(&canonical), canonical);
        }

        #[test]
        fn a_canonical_text_is_parsed_as_it_is(given in "\\PC{0,120}") {
            if let Ok(text) = SearchText::parse(&given) {
                prop_assert_eq!(SearchText::parse(text.as_str()), Ok(text));
            }
        }
    }
}

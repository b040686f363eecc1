//! Words cut into pairs of neighbouring characters: they work where words are not spaced (`치킨` is found in
//! `원조치킨집`) and forgive a slip of the finger.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use crate::search_text::normalise;

/// A pair of characters, or one with nothing behind it.
pub(crate) type Gram = u64;

/// From here on (Hangul, kana, Chinese, emoji) a single character is searched for anywhere, below only where a word
/// begins.
const DENSE_SCRIPTS: char = '\u{1100}';

/// A word somebody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Distinct, ascending.
    pub(crate) grams: Vec<Gram>,
    /// So many of them have to match.
    pub(crate) needed: u8,
}

/// What a character is to words.
enum Part {
    OfWord,
    Between,
    Nothing,
}

/// The words of a text.
pub(crate) fn words_asked(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    each_word(text, |word| {
        let mut grams = match *word {
            [single] => vec![gram(single, '\0')],
            _ => pairs(word).collect(),
        };
        grams.sort_unstable();
        grams.dedup();
        words.push(Word { needed: needed(grams.len()), grams });
    });
    words
}

/// All that the words of some texts are found by: distinct, ascending.
pub(crate) fn grams_of<'text>(texts: impl IntoIterator<Item = &'text str>) -> Vec<Gram> {
    let mut grams = Vec::new();
    for text in texts {
        each_word(&normalise(text), |word| {
            grams.extend(pairs(word));
            let singles = word.iter().enumerate();
            let found = singles.filter(|(place, character)| *place == 0 || **character >= DENSE_SCRIPTS);
            grams.extend(found.map(|(_, character)| gram(*character, '\0')));
        });
    }
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Three of five, rounded up: one slip in a word of six letters, two in one of eleven. Shorter words bear one missing
/// letter or one at an end, and two letters have to be right.
fn needed(grams: usize) -> u8 {
    u8::try_from((grams * 3).div_ceil(5)).unwrap_or(u8::MAX)
}

fn pairs(word: &[char]) -> impl Iterator<Item = Gram> {
    word.windows(2).map(|pair| gram(pair[0], pair[1]))
}

fn gram(first: char, second: char) -> Gram {
    u64::from(u32::from(first)) << 21 | u64::from(u32::from(second))
}

/// Of a canonical text, accents dropped: `cafe` finds `Café`.
fn each_word(text: &str, mut take: impl FnMut(&[char])) {
    const NFKD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();
    const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();
    let plain = NFKD.normalize_iter(text.chars()).filter(|mark| !('\u{300}'..='\u{36f}').contains(mark));
    let mut word = Vec::with_capacity(32);
    // Composed again, for the sake of Hangul syllables.
    for character in NFKC.normalize_iter(plain) {
        match part(character) {
            Part::OfWord => word.push(if character == 'ς' { 'σ' } else { character }),
            Part::Nothing => {}
            Part::Between if word.is_empty() => {}
            Part::Between => {
                take(&word);
                word.clear();
            }
        }
    }
    if !word.is_empty() {
        take(&word);
    }
}

fn part(character: char) -> Part {
    match character {
        _ if character.is_alphanumeric() => Part::OfWord,
        // `Domino's` is one word; variation selectors only colour an emoji.
        '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{2bc}' | '\u{fe00}'..='\u{fe0f}' => Part::Nothing,
        // ASCII, Latin, general and Chinese punctuation; the joiners of emoji families among them.
        '\0'..='\u{bf}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{30fb}' => Part::Between,
        _ if character.is_whitespace() => Part::Between,
        _ => Part::OfWord,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(grams: &[Gram]) -> Vec<String> {
        let character = |code: u64| char::from_u32(u32::try_from(code).unwrap()).unwrap();
        let shown = |gram: &Gram| [character(gram >> 21), character(gram & 0x1f_ffff)].into_iter();
        grams.iter().map(|gram| shown(gram).filter(|character| *character != '\0').collect()).collect()
    }

    fn asked(text: &str) -> Vec<(Vec<String>, u8)> {
        words_asked(&normalise(text)).iter().map(|word| (shown(&word.grams), word.needed)).collect()
    }

    /// Each text between slashes as one word.
    fn words(text: &str) -> String {
        let mut words = Vec::new();
        each_word(&normalise(text), |word| words.push(word.iter().collect::<String>()));
        words.join("/")
    }

    #[test]
    fn texts_fall_into_words() {
        let cases = [
            ("Domino's Pizza", "dominos/pizza"),
            ("Crème brûlée", "creme/brulee"),
            ("\"fish & chips\"", "fish/chips"),
            ("coca-cola (1,5l)", "coca/cola/1/5l"),
            ("원조치킨집 강남점", "원조치킨집/강남점"),
            ("「寿司・バー」", "寿司/バー"),
            ("🍕❤️ pizza", "🍕❤/pizza"),
            ("👨‍👩‍👧", "👨/👩/👧"),
            ("หมูปิ้ง", "หมูปิ้ง"),
            ("ΟΔΟΣ", "οδοσ"),
            ("!?\"' ", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn a_shop_is_found_by_pairs_first_letters_and_single_syllables() {
        assert_eq!(shown(&grams_of(["Pizza"])), ["iz", "p", "pi", "za", "zz"]);
        assert_eq!(shown(&grams_of(["치킨집"])), ["집", "치", "치킨", "킨", "킨집"]);
        assert_eq!(grams_of(["a b", "b a"]), grams_of(["A", "b!"]));
        assert_eq!(grams_of(["", " "]), [0; 0]);
    }

    #[test]
    fn most_pairs_of_each_word_have_to_match() {
        assert_eq!(asked("치킨"), [(vec!["치킨".to_owned()], 1)]);
        assert_eq!(asked("닭"), [(vec!["닭".to_owned()], 1)]);
        let needed = |text: &str| asked(text).into_iter().map(|(_, needed)| needed).collect::<Vec<_>>();
        assert_eq!(needed("a ab abc abcd abcde abcdef abcdefg abcdefghijk"), [1, 1, 2, 2, 3, 3, 4, 6]);
        assert_eq!(needed("aaaa"), [1], "each pair counts once");
        assert_eq!(needed(&"a".repeat(100)), [1]);
        assert_eq!(needed("!"), Vec::<u8>::new());
    }
}

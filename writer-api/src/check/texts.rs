//! Lengths, words, addresses of pictures.

use std::collections::HashSet;

use super::findings::{Findings, Path};

/// Parts that may be named as made up.
const GENERATED_MAX: usize = 20;
const WORD_CHARS_MAX: usize = 50;
const URL_CHARS_MAX: usize = 2_000;

/// One line of 1 to `max` characters, not only blanks. Characters that nobody sees would make two names of one, and
/// end texts in whatever counts up to a NUL.
pub fn text(path: impl Path, text: &str, max: usize, findings: &mut Findings) {
    let is_visible = !text.chars().any(char::is_control);
    lines_or_one(path, text, max, is_visible, "one line without control characters", findings);
}

/// The same, where there may be several lines.
pub fn lines(path: impl Path, text: &str, max: usize, findings: &mut Findings) {
    let is_layout = |letter| matches!(letter, '\n' | '\r' | '\t');
    let is_visible = !text.chars().any(|letter| letter.is_control() && !is_layout(letter));
    let expected = "text without control characters but line breaks and tabs";
    lines_or_one(path, text, max, is_visible, expected, findings);
}

fn lines_or_one(
    path: impl Path,
    text: &str,
    max: usize,
    is_visible: bool,
    expected: &str,
    findings: &mut Findings,
) {
    let holds = text.chars().count() <= max && !text.trim().is_empty();
    if holds && !is_visible {
        findings.expect(false, path, text, expected);
    } else {
        findings.expect(holds, path, text, format_args!("1 to {max} characters, not only blanks"));
    }
}

/// The same, where nothing may be said at all.
pub(super) fn optional_text(path: &str, value: Option<&String>, max: usize, findings: &mut Findings) {
    if let Some(value) = value {
        text(path, value, max, findings);
    }
}

/// A picture that a browser can load.
pub(super) fn url(path: impl Path, value: Option<&String>, findings: &mut Findings) {
    let Some(url) = value else { return };
    let is_web =
        ["https://", "http://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
    let is_clean = url.len() <= URL_CHARS_MAX && !url.chars().any(|c| c.is_whitespace() || c.is_control());
    let expected = format_args!(
        "a URL that begins with https:// or http://, without blanks, at most {URL_CHARS_MAX} bytes"
    );
    findings.expect(is_web && is_clean, path, url, expected);
}

/// The parts of the facts that no real source has.
pub(super) fn generated(words: &[String], findings: &mut Findings) {
    findings.expect_count("generated", words.len(), GENERATED_MAX);
    for (index, word) in words.iter().enumerate() {
        text(|| format!("generated[{index}]"), word, WORD_CHARS_MAX, findings);
    }
}

/// Whether it may stand among a shop's categories. What is lower case in no script (digits, Hangul) passes.
#[must_use]
pub fn is_category(word: &str) -> bool {
    !word.is_empty()
        && word.chars().count() <= WORD_CHARS_MAX
        && !word.chars().any(|c| c.is_uppercase() || c.is_whitespace() || c.is_control())
}

/// Lower-case words, each once.
pub(super) fn category_words(words: &[String], max: usize, findings: &mut Findings) {
    findings.expect_count("categories", words.len(), max);
    let mut seen = HashSet::new();
    for (index, word) in words.iter().enumerate() {
        let expected =
            format_args!("a lower-case word of 1 to {WORD_CHARS_MAX} characters, for example `pizza`");
        findings.expect(is_category(word), || format!("categories[{index}]"), word, expected);
        findings.expect(seen.insert(word), || format!("categories[{index}]"), word, "each category once");
    }
}

/// Names what stands twice: an ID that must be unique within the shop.
pub(super) fn unique<'a>(
    ids: impl Iterator<Item = &'a str>,
    path: impl Fn(usize) -> String,
    findings: &mut Findings,
) {
    let mut seen = HashSet::new();
    for (index, id) in ids.enumerate() {
        findings.expect(seen.insert(id), || path(index), id, "an ID that is unique within the shop");
    }
}

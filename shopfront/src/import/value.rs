//! How one field of a shop is made from a row: a path, a constant, a template, several of them; then a table.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::path::Path;

/// A bad row, as counted and as printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bad rows are counted by it: without values.
    pub reason: String,
    /// What stood there; empty: nothing.
    pub given: String,
    /// More about the reason, in this row.
    pub detail: Option<String>,
}

impl Problem {
    /// Builds one.
    pub fn new(reason: impl Into<String>, given: impl Into<String>) -> Self {
        Self { reason: reason.into(), given: given.into(), detail: None }
    }

    /// One that somebody else found.
    pub fn because(reason: impl Into<String>, detail: &impl ToString) -> Self {
        Self { reason: reason.into(), given: String::new(), detail: Some(detail.to_string()) }
    }
}

/// Values of the data set -> values of the shop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table(pub BTreeMap<String, Vec<String>>);

/// The recipe of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Where texts come from.
    pub origin: Origin,
    /// Cuts each text into several.
    pub split: Option<String>,
    /// Replaces whole texts.
    pub table: Option<Arc<Table>>,
    /// Replaces each text by the values of all words found in it.
    pub words: Option<Arc<Table>>,
    /// When nothing is left, or a text stands in no table.
    pub default: Option<Vec<String>>,
}

/// Where texts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the row.
    Path(Path),
    /// The same for all rows.
    Constant(Vec<String>),
    /// `{path}` within text; nothing when all its paths are empty.
    Template(Vec<Piece>),
    /// The first that gives something.
    FirstOf(Vec<Value>),
    /// One after the other.
    AllOf(Vec<Value>),
    /// Put together to one text.
    Joined(Vec<Value>, String),
}

/// Part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// The first text of a path.
    Path(Path),
}

/// A row and the words that mean "nothing" in this data set.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    /// An object.
    pub json: &'r Json,
    /// For example `-` or `n/a`.
    pub empty: &'r [String],
}

impl Row<'_> {
    pub(super) fn texts(&self, path: &Path) -> Vec<String> {
        let texts = path.texts(self.json).into_iter().map(Cow::into_owned);
        texts.filter(|text| !self.empty.contains(text)).collect()
    }
}

impl Value {
    /// Texts as they come.
    pub fn plain(origin: Origin) -> Self {
        Self { origin, split: None, table: None, words: None, default: None }
    }

    /// A plain path.
    pub fn path(path: Path) -> Self {
        Self::plain(Origin::Path(path))
    }

    /// All texts of this field.
    ///
    /// # Errors
    /// A text that stands in no table, without a default.
    pub fn texts(&self, row: Row<'_>) -> Result<Vec<String>, Problem> {
        let mut texts = self.origin.texts(row)?;
        if let Some(separator) = &self.split {
            let cut =
                |text: &String| text.split(separator.as_str()).map(|part| part.trim().to_owned()).collect();
            texts = texts
                .iter()
                .flat_map(|text| -> Vec<String> { cut(text) })
                .filter(|text| !text.is_empty())
                .collect();
        }
        if let Some(words) = &self.words {
            texts = words.found_in(&texts);
        }
        if let Some(table) = &self.table {
            texts = table.replace(texts, self.default.as_deref())?;
        }
        if texts.is_empty() {
            texts = self.default.clone().unwrap_or_default();
        }
        texts.retain(|text| !text.is_empty());
        Ok(texts)
    }

    /// The first text of this field.
    ///
    /// # Errors
    /// See [`Value::texts`].
    pub fn text(&self, row: Row<'_>) -> Result<Option<String>, Problem> {
        Ok(self.texts(row)?.into_iter().next())
    }

    /// All paths in it, to check columns before the first row.
    pub fn paths(&self) -> Vec<&Path> {
        match &self.origin {
            Origin::Path(path) => vec![path],
            Origin::Constant(_) => Vec::new(),
            Origin::Template(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Path(path) => Some(path),
                    Piece::Text(_) => None,
                })
                .collect(),
            Origin::FirstOf(values) | Origin::AllOf(values) | Origin::Joined(values, _) => {
                values.iter().flat_map(Value::paths).collect()
            }
        }
    }
}

impl Origin {
    fn texts(&self, row: Row<'_>) -> Result<Vec<String>, Problem> {
        let all = |values: &[Value]| -> Result<Vec<String>, Problem> {
            Ok(values.iter().map(|value| value.texts(row)).collect::<Result<Vec<_>, _>>()?.concat())
        };
        match self {
            Self::Path(path) => Ok(row.texts(path)),
            Self::Constant(texts) => Ok(texts.clone()),
            Self::Template(pieces) => Ok(fill(pieces, row).into_iter().collect()),
            Self::AllOf(values) => all(values),
            Self::Joined(values, separator) => {
                let joined = all(values)?.join(separator);
                Ok(if joined.is_empty() { Vec::new() } else { vec![joined] })
            }
            Self::FirstOf(values) => {
                for value in values {
                    let texts = value.texts(row)?;
                    if !texts.is_empty() {
                        return Ok(texts);
                    }
                }
                Ok(Vec::new())
            }
        }
    }
}

fn fill(pieces: &[Piece], row: Row<'_>) -> Option<String> {
    let (mut text, mut found, mut asked) = (String::new(), false, false);
    for piece in pieces {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Path(path) => {
                asked = true;
                if let Some(value) = row.texts(path).first() {
                    found = true;
                    text.push_str(value);
                }
            }
        }
    }
    (found || !asked).then(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

impl Table {
    fn replace(&self, texts: Vec<String>, default: Option<&[String]>) -> Result<Vec<String>, Problem> {
        let mut replaced = Vec::new();
        for text in texts {
            match (self.0.get(&text), default) {
                (Some(values), _) => replaced.extend(values.iter().cloned()),
                (None, Some(default)) => replaced.extend(default.iter().cloned()),
                (None, None) => {
                    return Err(Problem::new("value stands in no table and there is no default", text));
                }
            }
        }
        Ok(replaced)
    }

    /// Whole words, not letters within words: "pizza" is in "Joe's Pizza", "ham" is not in "Hampstead".
    fn found_in(&self, texts: &[String]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for text in texts {
            let text = text.to_lowercase();
            for (word, values) in &self.0 {
                if contains_word(&text, word) {
                    found.extend(values.iter().filter(|value| !value.is_empty()).cloned());
                }
            }
        }
        found
    }
}

fn contains_word(text: &str, word: &str) -> bool {
    let edge = |beside: Option<char>| beside.is_none_or(|letter| !letter.is_alphanumeric());
    // Scripts without blanks between words have no edges to look for.
    let has_edges = word.is_ascii();
    text.match_indices(word).any(|(at, _)| {
        !has_edges || (edge(text[..at].chars().next_back()) && edge(text[at + word.len()..].chars().next()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &Json) -> Row<'_> {
        Row { json, empty: &[] }
    }

    fn path(text: &str) -> Value {
        Value::path(Path::parse(text).unwrap())
    }

    fn table(entries: &[(&str, &str)]) -> Option<Arc<Table>> {
        let entry = |(from, to): &(&str, &str)| ((*from).to_owned(), vec![(*to).to_owned()]);
        Some(Arc::new(Table(entries.iter().map(entry).collect())))
    }

    #[test]
    fn words_are_found_whole_and_in_scripts_without_blanks() {
        let json = serde_json::json!({"name": "Joe's PIZZA & Grill, Hampstead", "kr": "동네치킨집"});
        let names = Value { words: table(&[("ham", "pork"), ("pizza", "pizza")]), ..path("name") };
        assert_eq!(names.texts(row(&json)), Ok(vec!["pizza".to_owned()]));
        let korean = Value { words: table(&[("치킨", "chicken")]), ..path("kr") };
        assert_eq!(korean.texts(row(&json)), Ok(vec!["chicken".to_owned()]));
    }

    #[test]
    fn a_value_in_no_table_is_a_bad_row_unless_there_is_a_default() {
        let json = serde_json::json!({"kind": "Zoo"});
        let strict = Value { table: table(&[("Cafe", "cafe")]), ..path("kind") };
        assert_eq!(strict.texts(row(&json)).unwrap_err().given, "Zoo");
        let lenient = Value { default: Some(vec!["food".to_owned()]), ..strict };
        assert_eq!(lenient.texts(row(&json)), Ok(vec!["food".to_owned()]));
    }

    #[test]
    fn words_that_mean_nothing_are_nothing() {
        let json = serde_json::json!({"phone": "없음"});
        let empty = ["-".to_owned(), "없음".to_owned()];
        assert_eq!(path("phone").text(Row { json: &json, empty: &empty }), Ok(None));
    }
}

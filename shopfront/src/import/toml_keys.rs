//! Walks a TOML document key by key, so that whatever is wrong is refused with file, line and nearest key.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A mapping that cannot be used. Never transient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}", file = file.display())]
pub struct MappingError {
    /// The mapping.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// What was given, what was expected, the nearest key.
    pub reason: String,
}

/// Where a document came from, to name places in it.
#[derive(Clone, Copy)]
pub(super) struct Source<'d> {
    pub(super) file: &'d Path,
    pub(super) text: &'d str,
}

impl Source<'_> {
    pub(super) fn refuse(self, offset: usize, reason: impl Into<String>) -> MappingError {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        MappingError { file: self.file.to_owned(), line, reason: reason.into() }
    }
}

/// A table whose keys are all known.
#[derive(Clone, Copy)]
pub(super) struct Section<'d> {
    source: Source<'d>,
    table: &'d DeTable<'d>,
    offset: usize,
}

/// A value somewhere in the document.
#[derive(Clone)]
pub(super) struct Node<'d> {
    source: Source<'d>,
    key: String,
    value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Section<'d> {
    /// The whole document, if it has no other keys than these.
    pub(super) fn root(
        source: Source<'d>,
        document: &'d Spanned<DeTable<'d>>,
        known: &[&str],
    ) -> Result<Self, MappingError> {
        Self { source, table: document.get_ref(), offset: 0 }.checked("the mapping", known)
    }

    fn checked(self, name: &str, known: &[&str]) -> Result<Self, MappingError> {
        for key in self.table.keys() {
            let given = key.get_ref();
            if known.contains(&given.as_ref()) {
                continue;
            }
            let nearest =
                nearest(given, known).map_or_else(String::new, |key| format!("; did you mean `{key}`?"));
            let allowed = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            let reason = format!("unknown key `{given}` in {name}{nearest} (allowed: {allowed})");
            return Err(self.source.refuse(key.span().start, reason));
        }
        Ok(self)
    }

    pub(super) fn get(&self, key: &str) -> Option<Node<'d>> {
        let value = self.table.get(key)?;
        Some(Node { source: self.source, key: key.to_owned(), value })
    }

    pub(super) fn require(&self, key: &str, expected: &str) -> Result<Node<'d>, MappingError> {
        self.get(key).ok_or_else(|| self.refuse(format!("`{key}` is missing, expected {expected}")))
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> MappingError {
        self.source.refuse(self.offset, reason)
    }
}

impl<'d> Node<'d> {
    pub(super) fn refuse(&self, reason: impl Into<String>) -> MappingError {
        self.source.refuse(self.value.span().start, reason)
    }

    fn expected(&self, what: &str) -> MappingError {
        let given = match self.value.get_ref() {
            DeValue::String(text) => format!("text `{text}`"),
            DeValue::Integer(number) => format!("number `{number}`"),
            DeValue::Float(number) => format!("number `{number}`"),
            DeValue::Boolean(truth) => format!("`{truth}`"),
            DeValue::Datetime(time) => format!("time `{time}`"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.refuse(format!("`{}` is {given}, expected {what}", self.key))
    }

    pub(super) fn text(&self) -> Result<&'d str, MappingError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.expected("text in quotes")),
        }
    }

    /// Text, or a number or truth value as it is written.
    pub(super) fn scalar(&self) -> Result<String, MappingError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => Ok(number.to_string()),
            DeValue::Float(number) => Ok(number.to_string()),
            DeValue::Boolean(truth) => Ok(truth.to_string()),
            _ => Err(self.expected("text, a number or true/false")),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, MappingError> {
        match self.value.get_ref() {
            DeValue::Boolean(truth) => Ok(*truth),
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    /// One of these words.
    pub(super) fn choice<'c>(&self, allowed: &[&'c str]) -> Result<&'c str, MappingError> {
        let given = self.text()?;
        allowed.iter().copied().find(|choice| *choice == given).ok_or_else(|| {
            let nearest =
                nearest(given, allowed).map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
            let allowed = allowed.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            self.refuse(format!("`{}` is `{given}`, expected one of {allowed}{nearest}", self.key))
        })
    }

    /// `file:line`.
    pub(super) fn place(&self) -> String {
        let MappingError { file, line, .. } = self.refuse("");
        format!("{}:{line}", file.display())
    }

    /// What stands under a key, if this is a table with such a key.
    pub(super) fn member(&self, key: &str) -> Option<Self> {
        let DeValue::Table(table) = self.value.get_ref() else { return None };
        Some(Node { source: self.source, key: key.to_owned(), value: table.get(key)? })
    }

    /// The elements of a list; what is no list is the only one.
    pub(super) fn items(&self) -> Vec<Self> {
        self.list().unwrap_or_else(|_| vec![self.clone()])
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Array(_))
    }

    pub(super) fn list(&self) -> Result<Vec<Node<'d>>, MappingError> {
        let DeValue::Array(items) = self.value.get_ref() else { return Err(self.expected("a list in [ ]")) };
        let node = |value| Node { source: self.source, key: self.key.clone(), value };
        Ok(items.iter().map(node).collect())
    }

    /// One text or several, numbers as written.
    pub(super) fn scalars(&self) -> Result<Vec<String>, MappingError> {
        self.items().iter().map(Self::scalar).collect()
    }

    /// A table with no other keys than these.
    pub(super) fn section(&self, known: &[&str]) -> Result<Section<'d>, MappingError> {
        let DeValue::Table(table) = self.value.get_ref() else { return Err(self.expected("a table")) };
        let section = Section { source: self.source, table, offset: self.value.span().start };
        section.checked(&format!("`{}`", self.key), known)
    }

    /// A table whose keys are data.
    pub(super) fn entries(&self) -> Result<Vec<(String, Node<'d>)>, MappingError> {
        let DeValue::Table(table) = self.value.get_ref() else {
            return Err(self.expected("a table of values"));
        };
        let entry = |(key, value): (&Spanned<_>, &'d Spanned<DeValue<'d>>)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            (key.to_string(), Node { source: self.source, key: key.to_string(), value })
        };
        Ok(table.iter().map(entry).collect())
    }
}

/// The known word that was probably meant.
pub(super) fn nearest<'w>(given: &str, words: &[&'w str]) -> Option<&'w str> {
    let scored = words.iter().map(|word| (strsim::jaro_winkler(given, word), *word));
    scored.filter(|(score, _)| *score > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}

//! `a.b[0].c`: where in a row a value stands.

use std::borrow::Cow;

use serde_json::Value as Json;

/// A way into a row. Keys that contain `.` or `[` stand in double quotes: `tags."addr.street"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    segments: Vec<Segment>,
    /// `mapping.toml:12`, if it comes from one.
    place: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
    /// `[*]`
    Every,
}

impl Path {
    /// Reads a path; the reason says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut segments = Vec::new();
        let mut rest = text;
        let mut key_expected = true;
        while !rest.is_empty() || key_expected {
            if let Some(inside) = rest.strip_prefix('[') {
                let (index, after) =
                    inside.split_once(']').ok_or_else(|| format!("path `{text}` has `[` without `]`"))?;
                segments.push(match index {
                    "*" => Segment::Every,
                    number => Segment::Index(number.parse().map_err(|_| {
                        format!("path `{text}` has `[{number}]`, expected a number from 0 or `*`")
                    })?),
                });
                (rest, key_expected) = (after, false);
            } else if let Some(after) = rest.strip_prefix('.').filter(|_| !key_expected) {
                (rest, key_expected) = (after, true);
            } else if key_expected {
                let (key, after) = take_key(rest).ok_or_else(|| format!("path `{text}` has an empty key"))?;
                segments.push(Segment::Key(key));
                (rest, key_expected) = (after, false);
            } else {
                return Err(format!("path `{text}`: expected `.` or `[` before `{rest}`"));
            }
        }
        Ok(Self { text: text.to_owned(), segments, place: None })
    }

    /// A way through these keys.
    pub fn of_keys(keys: &[&str]) -> Self {
        let segments = keys.iter().map(|key| Segment::Key((*key).to_owned())).collect();
        Self { text: keys.join("."), segments, place: None }
    }

    /// The same path, from there.
    pub fn written_at(self, place: String) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Where it was written, `file:line`.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// All its keys, for a way through objects only.
    pub fn keys(&self) -> Vec<&str> {
        self.segments
            .iter()
            .filter_map(|segment| if let Segment::Key(key) = segment { Some(key.as_str()) } else { None })
            .collect()
    }

    /// The first key: a column, for a table.
    pub fn first_key(&self) -> Option<&str> {
        match self.segments.first() {
            Some(Segment::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// What stands there; nothing if the row has no such place. A column named exactly like the path wins,
    /// so that headers with dots need no quotes.
    pub fn find<'r>(&self, row: &'r Json) -> Vec<&'r Json> {
        if let Some(exact) = row.get(&self.text) {
            return vec![exact];
        }
        self.segments.iter().fold(vec![row], |held, segment| {
            held.into_iter()
                .flat_map(|value| match segment {
                    Segment::Key(key) => value.get(key).into_iter().collect::<Vec<_>>(),
                    Segment::Index(index) => value.get(index).into_iter().collect(),
                    Segment::Every => value.as_array().map_or_else(Vec::new, |all| all.iter().collect()),
                })
                .collect()
        })
    }

    /// The texts that stand there: numbers as written, lists one by one, `null` and blanks left out.
    pub fn texts<'r>(&self, row: &'r Json) -> Vec<Cow<'r, str>> {
        let mut texts = Vec::new();
        for value in self.find(row) {
            match value {
                Json::Array(all) => texts.extend(all.iter().filter_map(text_of)),
                other => texts.extend(text_of(other)),
            }
        }
        texts
    }
}

fn text_of(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(Cow::Borrowed),
        Json::Number(number) => Some(Cow::Owned(number.to_string())),
        Json::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn take_key(rest: &str) -> Option<(String, &str)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let (key, after) = quoted.split_once('"')?;
        return Some((key.to_owned(), after));
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    (end > 0).then(|| (rest[..end].to_owned(), &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_through_objects_lists_and_quoted_keys() {
        let row: Json = serde_json::from_str(
            r#"{"a":{"b":[{"c":1.50},{"c":" x "}]},"t":{"addr.street":"Main"},"lat.lng":"1,2","n":null,"l":["p","",3]}"#,
        )
        .unwrap();
        let texts = |path: &str| Path::parse(path).unwrap().texts(&row).join("|");
        assert_eq!(texts("a.b[1].c"), "x");
        assert_eq!(texts("a.b[*].c"), "1.5|x");
        assert_eq!(texts("t.\"addr.street\""), "Main");
        assert_eq!(texts("lat.lng"), "1,2");
        assert_eq!(texts("l"), "p|3");
        for nothing in ["n", "a.b[7].c", "a.x.y", "a"] {
            assert_eq!(texts(nothing), "", "{nothing}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_is_refused_with_its_text() {
        for wrong in ["", "a.", ".a", "a..b", "a[", "a[x]", "a[0]b"] {
            let reason = Path::parse(wrong).unwrap_err();
            assert!(reason.contains(&format!("`{wrong}`")), "{reason}");
        }
    }
}

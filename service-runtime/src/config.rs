//! File, environment, flags -> one plain struct, or a refusal that names the place and the nearest key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// Variables of this prefix are configuration: `SHOPFRONT_WRITERS__SHOP` is the key `writers.shop`.
pub const VARIABLE_PREFIX: &str = "SHOPFRONT_";
/// But those tell tests where servers are: whoever has them in the shell starts programs all the same.
const TEST_PREFIX: &str = "SHOPFRONT_TEST_";

/// A configuration that a program refuses to start with. Never transient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ConfigError {
    /// `file.toml:12`, ``variable `SHOPFRONT_STORE` ``, ``flag `--set store` ``.
    pub place: String,
    /// What was given, the nearest key, the expected form.
    pub reason: String,
}

impl ConfigError {
    fn at(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into() }
    }
}

/// Those of this process. What is no UTF-8 cannot be one of ours.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads the configuration of a program from its arguments (`--config FILE`, any number of `--set key.path=value`),
/// `SHOPFRONT_<KEY>__<PATH>` variables and the file; flags win over variables, variables over the file.
///
/// # Errors
/// See [`ConfigError`].
pub fn load<T: DeserializeOwned>(
    arguments: impl IntoIterator<Item = String>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let (file, flags) = read_arguments(arguments)?;
    let mut merged = Merged::default();
    if let Some(file) = &file {
        merged.take_file(file)?;
    }
    for (name, text) in variables.into_iter().filter(|(name, _)| !name.starts_with(TEST_PREFIX)) {
        if let Some(key) = name.strip_prefix(VARIABLE_PREFIX) {
            let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
            merged.set(&path, &text, &format!("variable `{name}`"))?;
        }
    }
    for (key, text) in flags {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        merged.set(&path, &text, &format!("flag `--set {key}`"))?;
    }
    let default_place = file.map_or_else(|| "configuration".to_owned(), |file| file.display().to_string());
    merged.into_struct(&default_place)
}

/// The file and the `--set` pairs, in their order.
type Arguments = (Option<PathBuf>, Vec<(String, String)>);

fn read_arguments(arguments: impl IntoIterator<Item = String>) -> Result<Arguments, ConfigError> {
    let (mut file, mut flags) = (None, Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (flag, joined) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
            _ => (argument, None),
        };
        let mut value = |expected: &str| {
            joined.clone().or_else(|| arguments.next()).ok_or_else(|| {
                ConfigError::at(format!("flag `{flag}`"), format!("nothing follows, expected {expected}"))
            })
        };
        match flag.as_str() {
            "--config" => file = Some(PathBuf::from(value("a file")?)),
            "--set" => {
                let pair = value("`key.path=value`")?;
                let (key, text) = pair.split_once('=').ok_or_else(|| {
                    ConfigError::at("flag `--set`", format!("`{pair}` has no `=`, expected `key.path=value`"))
                })?;
                flags.push((key.to_owned(), text.to_owned()));
            }
            _ => {
                let reason = "unknown, expected `--config FILE` or `--set key.path=value`";
                return Err(ConfigError::at(format!("argument `{flag}`"), reason));
            }
        }
    }
    Ok((file, flags))
}

/// All sources over each other, and where each key came from.
#[derive(Default)]
struct Merged {
    table: Table,
    places: BTreeMap<Vec<String>, String>,
    /// What variables and flags say, letter by letter.
    texts: BTreeMap<Vec<String>, String>,
}

impl Merged {
    fn take_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let shown = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| ConfigError::at(shown.to_string(), format!("cannot be read: {error}")))?;
        let line = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        let refuse = |error: &toml::de::Error| {
            let line = line(error.span().map_or(0, |span| span.start));
            ConfigError::at(format!("{shown}:{line}"), error.message())
        };
        self.table = toml::from_str(&text).map_err(|error| refuse(&error))?;
        let document = DeTable::parse(&text).map_err(|error| refuse(&error))?;
        let mut place = |path: &[String], offset: usize| {
            self.places.insert(path.to_vec(), format!("{shown}:{}", line(offset)));
        };
        note_places(document.get_ref(), &mut Vec::new(), &mut place);
        Ok(())
    }

    /// Numbers, truth values and lists as TOML writes them; anything else is text.
    fn set(&mut self, path: &[String], text: &str, place: &str) -> Result<(), ConfigError> {
        let value = format!("value = {text}").parse::<Table>().ok().and_then(|mut read| read.remove("value"));
        let value = value.unwrap_or_else(|| Value::String(text.to_owned()));
        let Some((last, parents)) = path.split_last() else { return Ok(()) };
        let mut table = &mut self.table;
        for parent in parents {
            let inner = table.entry(parent.clone()).or_insert_with(|| Value::Table(Table::new()));
            table = inner.as_table_mut().ok_or_else(|| {
                ConfigError::at(place, format!("`{parent}` is a value, expected a table of keys"))
            })?;
        }
        table.insert(last.clone(), value);
        self.texts.insert(path.to_vec(), text.to_owned());
        for depth in 1..=path.len() {
            self.places.insert(path[..depth].to_vec(), place.to_owned());
        }
        Ok(())
    }

    fn into_struct<T: DeserializeOwned>(mut self, default_place: &str) -> Result<T, ConfigError> {
        loop {
            let read = serde_path_to_error::deserialize(Value::Table(self.table.clone()));
            let error = match read {
                Ok(read) => return Ok(read),
                Err(error) => error,
            };
            let path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
            let said = error.into_inner().message().to_owned();
            // A password of a variable may be all digits: tried once more as the text it is.
            if !(said.ends_with("expected a string") && self.take_literally(&path)) {
                return Err(self.refusal(path, &said, default_place));
            }
        }
    }

    /// `false`: the file says it, or it is taken so already.
    fn take_literally(&mut self, path: &[String]) -> bool {
        let (Some(text), Some((last, parents))) = (self.texts.remove(path), path.split_last()) else {
            return false;
        };
        let table =
            parents.iter().try_fold(&mut self.table, |table, parent| table.get_mut(parent)?.as_table_mut());
        table.is_some_and(|table| table.insert(last.clone(), Value::String(text)).is_some())
    }

    fn refusal(&self, mut path: Vec<String>, said: &str, default_place: &str) -> ConfigError {
        let unknown = unknown_key(said);
        if let Some((key, _)) = &unknown
            && path.last() != Some(key)
        {
            path.push(key.clone());
        }
        let place = self.places.get(&path).map_or(default_place, String::as_str);
        let shown = path.join(".");
        let reason = match unknown {
            Some((_, known)) => refused_key(&shown, &path, &known),
            None if path.is_empty() => said.to_owned(),
            None => format!("`{shown}`: {}", without_secrets(said)),
        };
        ConfigError::at(place, reason)
    }
}

/// serde repeats what was given. Where text is expected, or a table in whose place somebody wrote text, it may be a password.
fn without_secrets(said: &str) -> String {
    let Some((given, expected)) =
        said.strip_prefix("invalid type: ").and_then(|said| said.rsplit_once(", expected "))
    else {
        return said.to_owned();
    };
    let kind = given.split(['`', '"']).next().unwrap_or_default().trim_end();
    match expected {
        "a string" => format!("invalid type: {kind}, expected text: write it in quotes"),
        _ if kind == "string" && (expected.starts_with("struct ") || expected == "a map") => {
            "invalid type: string, expected a table of keys".to_owned()
        }
        _ => said.to_owned(),
    }
}

fn note_places(table: &DeTable<'_>, path: &mut Vec<String>, place: &mut impl FnMut(&[String], usize)) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        place(path, key.span().start);
        if let DeValue::Table(inner) = Spanned::get_ref(value) {
            note_places(inner, path, place);
        }
        path.pop();
    }
}

/// serde says "unknown field `a`, expected one of `b`, `c`": the key, and those that are known.
fn unknown_key(said: &str) -> Option<(String, Vec<String>)> {
    let mut words = said.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((words.next()?, words.collect()))
}

fn refused_key(shown: &str, path: &[String], known: &[String]) -> String {
    let given = path.last().map_or("", String::as_str);
    // The beginning counts for more than the length: `degraded_after` is meant to be `degraded_after_ms`.
    let likeness = |key: &String| strsim::jaro_winkler(given, key);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let nearest = nearest.filter(|key| likeness(key) > 0.7);
    let nearest = nearest.map_or_else(String::new, |key| format!("; did you mean `{key}`?"));
    let allowed = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    format!("unknown key `{shown}`{nearest} (allowed: {allowed})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        listen: std::net::SocketAddr,
        #[serde(default)]
        degraded_after_ms: u64,
        #[serde(default)]
        writers: Writers,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Writers {
        shop: Option<String>,
    }

    fn given(text: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Example, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("example.toml");
        std::fs::write(&file, text).unwrap();
        let config = ["--config".to_owned(), file.display().to_string()];
        let arguments = config.into_iter().chain(arguments.iter().map(ToString::to_string));
        let variables = variables.iter().map(|(name, text)| (name.to_string(), text.to_string()));
        let directory = format!("{}/", directory.path().display());
        load(arguments, variables).map_err(|error| error.to_string().replace(&directory, ""))
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let text = "listen = '127.0.0.1:1'\ndegraded_after_ms = 1\n";
        let variables = [
            ("SHOPFRONT_DEGRADED_AFTER_MS", "2"),
            ("SHOPFRONT_WRITERS__SHOP", "http://127.0.0.1:7001"),
            ("HOME", "/"),
        ];
        let read = given(text, &["--set", "degraded_after_ms=3"], &variables).unwrap();
        let writers = Writers { shop: Some("http://127.0.0.1:7001".to_owned()) };
        assert_eq!(read, Example { listen: "127.0.0.1:1".parse().unwrap(), degraded_after_ms: 3, writers });
        assert_eq!(given(text, &[], &variables[..1]).unwrap().degraded_after_ms, 2);
        assert_eq!(given(text, &["--set=listen=127.0.0.1:9"], &[]).unwrap().listen.port(), 9);
    }

    #[test]
    fn an_unknown_key_is_refused_at_its_place_with_the_nearest_one() {
        let listen = "listen = '127.0.0.1:1'\n";
        assert_eq!(
            given(&format!("{listen}\ndegraded_after = 1\n"), &[], &[]).unwrap_err(),
            "example.toml:3: unknown key `degraded_after`; did you mean `degraded_after_ms`? \
             (allowed: `listen`, `degraded_after_ms`, `writers`)"
        );
        assert_eq!(
            given(&format!("{listen}[writers]\nshp = ''"), &[], &[]).unwrap_err(),
            "example.toml:3: unknown key `writers.shp`; did you mean `shop`? (allowed: `shop`)"
        );
        assert_eq!(
            given(listen, &[], &[("SHOPFRONT_XYZ", "1")]).unwrap_err(),
            "variable `SHOPFRONT_XYZ`: unknown key `xyz` (allowed: `listen`, `degraded_after_ms`, `writers`)"
        );
        given(listen, &[], &[("SHOPFRONT_TEST_REDIS", "redis://127.0.0.1:1")]).unwrap();
        let refused = given(listen, &["--set", "writers.shops=x"], &[]).unwrap_err();
        assert!(refused.starts_with("flag `--set writers.shops`: unknown key `writers.shops`"), "{refused}");
    }

    #[test]
    fn a_bad_value_is_refused_at_its_place_with_the_expected_form() {
        let refused = given("listen = 'here'\n", &[], &[]).unwrap_err();
        assert!(refused.starts_with("example.toml:1: `listen`: invalid socket address"), "{refused}");
        let refused =
            given("listen = '127.0.0.1:1'", &[], &[("SHOPFRONT_DEGRADED_AFTER_MS", "soon")]).unwrap_err();
        assert!(
            refused.starts_with("variable `SHOPFRONT_DEGRADED_AFTER_MS`: `degraded_after_ms`: invalid type"),
            "{refused}"
        );
        assert_eq!(given("", &[], &[]).unwrap_err(), "example.toml: missing field `listen`");
        let refused = given("listen = \n", &[], &[]).unwrap_err();
        assert!(refused.starts_with("example.toml:1: "), "{refused}");
    }

    #[test]
    fn a_text_that_looks_like_a_number_is_text_where_text_is_expected() {
        let listen = "listen = '127.0.0.1:1'\n";
        for (text, expected) in
            [("0012", "0012"), ("12", "12"), ("1_000", "1_000"), ("true", "true"), ("1e5", "1e5")]
        {
            let read = given(listen, &[], &[("SHOPFRONT_WRITERS__SHOP", text)]).unwrap();
            assert_eq!(read.writers.shop.as_deref(), Some(expected));
            let read = given(listen, &["--set", &format!("writers.shop={text}")], &[]).unwrap();
            assert_eq!(read.writers.shop.as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_may_be_a_password_is_not_repeated() {
        for (text, expected) in [
            (
                "[writers]\nshop = 4711",
                "example.toml:3: `writers.shop`: invalid type: integer, expected text: write it in quotes",
            ),
            (
                "[writers]\nshop = true",
                "example.toml:3: `writers.shop`: invalid type: boolean, expected text: write it in quotes",
            ),
            (
                "[writers]\nshop = ['4711']",
                "example.toml:3: `writers.shop`: invalid type: sequence, expected text: write it in quotes",
            ),
            ("writers = '4711'", "example.toml:2: `writers`: invalid type: string, expected a table of keys"),
            (
                "writers = 'a\", expected \"4711'",
                "example.toml:2: `writers`: invalid type: string, expected a table of keys",
            ),
        ] {
            assert_eq!(given(&format!("listen = '127.0.0.1:1'\n{text}\n"), &[], &[]).unwrap_err(), expected);
        }
    }

    #[test]
    fn an_unknown_argument_is_refused_with_what_is_allowed() {
        let refused = given("", &["--port=1"], &[]).unwrap_err();
        assert!(refused.starts_with("argument `--port`: unknown, expected `--config FILE`"), "{refused}");
        let refused = load::<Example>(["--config".to_owned(), "/no/such.toml".to_owned()], []).unwrap_err();
        assert!(refused.to_string().starts_with("/no/such.toml: cannot be read"), "{refused}");
    }
}

//! Where search is: in the query server itself, or in an Elasticsearch or OpenSearch that an invalidator feeds.
//!
//! Read from configuration by both programs, whatever they were built with: one that cannot ask a search engine says so
//! instead of calling the address unknown.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// Said where a search engine is named to a program that was built without it.
const NOT_BUILT_IN: &str = "this program was built without `--features elasticsearch`";
/// The engine adds a time to it and bounds the whole to 255 bytes.
const NAME_BYTES_MAX: usize = 200;

/// `embedded`, or `http://127.0.0.1:9200/shops`: address, then the name that lists are asked by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SearchPlace {
    /// Each query server keeps its own index in memory.
    #[default]
    Embedded,
    /// A search engine.
    Engine(EngineAddress),
}

/// A search engine and the name of the shops in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineAddress {
    /// `https://search.internal:9200`, without a slash at its end.
    pub base: String,
    /// The alias; the indexes behind it are called `<name>-<time>`.
    pub name: String,
}

/// How to show who one is; at most one of the ways. Secrets come from files or variables
/// (`SHOPFRONT_SEARCH_ACCESS__API_KEY`) and are shown by nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchAccess {
    /// An API key as the engine gave it out (`encoded`).
    pub api_key: Option<SecretString>,
    /// A file with one.
    pub api_key_file: Option<PathBuf>,
    /// `user:password`.
    pub basic_auth: Option<SecretString>,
    /// A file with that.
    pub basic_auth_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted instead of those of the system.
    pub ca_file: Option<PathBuf>,
}

impl PartialEq for SearchAccess {
    fn eq(&self, other: &Self) -> bool {
        /// Named one by one, so that the compiler asks for whichever is added.
        fn all(access: &SearchAccess) -> impl PartialEq + '_ {
            let SearchAccess { api_key, api_key_file, basic_auth, basic_auth_file, ca_file } = access;
            let [api_key, basic_auth] =
                [api_key, basic_auth].map(|secret| secret.as_ref().map(SecretString::expose_secret));
            (api_key, api_key_file, basic_auth, basic_auth_file, ca_file)
        }
        all(self) == all(other)
    }
}

impl Eq for SearchAccess {}

impl TryFrom<String> for SearchPlace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "embedded" {
            return Ok(Self::Embedded);
        }
        let address = EngineAddress::parse(&text)?;
        if !cfg!(feature = "elasticsearch") {
            return Err(format!("`{text}` is a search engine, but {NOT_BUILT_IN}; expected `embedded`"));
        }
        Ok(Self::Engine(address))
    }
}

impl EngineAddress {
    /// # Errors
    /// With what was given, unless it may hold a password, and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected `embedded` or for example `http://127.0.0.1:9200/shops`";
        let scheme = ["http://", "https://"].into_iter().find(|scheme| text.starts_with(scheme));
        let Some(scheme) = scheme else {
            let shown =
                text.rsplit_once('@').map_or(text.to_owned(), |(_, behind)| format!("(hidden)@{behind}"));
            return Err(format!("`{shown}` is no place of search, {EXPECTED}"));
        };
        let rest = &text[scheme.len()..];
        if rest.split('/').next().is_some_and(|host| host.contains('@')) {
            let hint = "names a user in the address; put it into `search_access.basic_auth_file`";
            return Err(format!("`{scheme}…` {hint}"));
        }
        let wrong = |character: char| character.is_whitespace() || "?#\\\"<>".contains(character);
        let parts = rest.rsplit_once('/');
        let Some((host, name)) = parts.filter(|(host, _)| !host.is_empty() && !host.starts_with([':', '/']))
        else {
            return Err(format!("`{text}` names no shops, {EXPECTED}"));
        };
        if host.contains(wrong) || !host.is_ascii() {
            return Err(format!("`{text}` is no address, {EXPECTED}"));
        }
        let is_of_name = |character: char| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character)
        };
        if name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || name.starts_with(['-', '_'])
            || !name.chars().all(is_of_name)
        {
            return Err(format!(
                "`{name}` cannot be the name of an index (a to z, 0 to 9, `-`, `_`), {EXPECTED}"
            ));
        }
        Ok(Self { base: format!("{scheme}{host}"), name: name.to_owned() })
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.base, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_the_engine_and_the_shops_in_it() {
        for (text, base, name) in [
            ("http://127.0.0.1:9200/shops", "http://127.0.0.1:9200", "shops"),
            ("https://search.internal/shops-eu_1", "https://search.internal", "shops-eu_1"),
            ("https://gateway/search/shops", "https://gateway/search", "shops"),
            ("http://[::1]:9200/shops", "http://[::1]:9200", "shops"),
        ] {
            let address = EngineAddress::parse(text).unwrap();
            assert_eq!((address.base.as_str(), address.name.as_str()), (base, name));
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_is_expected() {
        for (text, said) in [
            ("elastic", "`elastic` is no place of search, expected `embedded` or"),
            ("http://127.0.0.1:9200", "names no shops"),
            ("http:///shops", "names no shops"),
            ("http://127.0.0.1:9200/", "`` cannot be the name of an index"),
            ("http://127.0.0.1:9200/Shops", "`Shops` cannot be the name of an index"),
            ("http://127.0.0.1:9200/_all", "`_all` cannot be"),
            ("http://127.0.0.1:9200/shops?x=1", "cannot be"),
            ("http://a b/shops", "is no address"),
        ] {
            let refused = EngineAddress::parse(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_said_back() {
        for (text, said) in [
            ("https://elastic:hunter2@search/shops", "search_access.basic_auth_file"),
            ("elastic:hunter2@search/shops", "`(hidden)@search/shops` is no place of search"),
        ] {
            let refused = EngineAddress::parse(text).unwrap_err();
            assert!(refused.contains(said) && !refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_program_without_the_engine_says_what_it_needs() {
        let place = SearchPlace::try_from("http://127.0.0.1:9200/shops".to_owned());
        if cfg!(feature = "elasticsearch") {
            assert!(matches!(place, Ok(SearchPlace::Engine(_))));
        } else {
            assert!(place.unwrap_err().contains("built without `--features elasticsearch`"));
        }
        assert_eq!(SearchPlace::try_from("embedded".to_owned()), Ok(SearchPlace::Embedded));
    }

    #[test]
    fn secrets_are_not_shown() {
        let access =
            SearchAccess { api_key: Some(SecretString::from("c2VjcmV0")), ..SearchAccess::default() };
        assert!(!format!("{access:?}").contains("c2Vj"));
    }

    #[test]
    fn who_has_another_secret_is_somebody_else() {
        let with =
            |key: &str| SearchAccess { api_key: Some(SecretString::from(key)), ..SearchAccess::default() };
        assert_eq!(with("one"), with("one"));
        for other in
            [with("two"), SearchAccess::default(), SearchAccess { ca_file: Some("ca".into()), ..with("one") }]
        {
            assert_ne!(with("one"), other);
        }
    }
}

//! One configured text -> which store, and how it is reached.
//!
//! ```text
//! data/store                                     a directory: LMDB
//! redis://cache.internal/shopfront               one server, or (with a comma) all servers of a replicated pair
//! rediss://query@a:6380,b:6380,c:6380/shopfront?cluster=true&ca_file=/etc/shopfront/ca.pem
//! dynamodb://eu-west-1/shopfront                 a table
//! ```

mod dynamodb;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

pub use self::dynamodb::DynamoDbAddress;
use crate::StoreError;

/// Where the documents are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum StoreAddress {
    /// A directory of this host.
    Lmdb(PathBuf),
    /// Redis or Valkey.
    Redis(RedisAddress),
    /// A DynamoDB table.
    DynamoDb(DynamoDbAddress),
}

/// How a Redis store is reached. Shown without user and password.
#[derive(Clone)]
pub struct RedisAddress {
    /// Names and ports: of the one server, of all servers of a replicated pair, or of some nodes of a cluster.
    pub hosts: Vec<(String, u16)>,
    /// `rediss://`
    pub has_tls: bool,
    /// ACL user; none: the default one.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// Names this store among others on the same servers.
    pub name: String,
    /// The servers are a cluster.
    pub is_cluster: bool,
    /// Shards of the change log, 1 to 256; only looked at when the store is created.
    pub shards: u16,
    /// A save waits for so many replicas. One that they did not confirm in time fails; tried again, it is found held, and counts.
    pub wait_replicas: u8,
    /// How long one command may take.
    pub patience: Duration,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl PartialEq for RedisAddress {
    fn eq(&self, other: &Self) -> bool {
        /// Named one by one, so that the compiler asks for whichever is added.
        fn all(address: &RedisAddress) -> impl PartialEq + '_ {
            let RedisAddress {
                hosts,
                has_tls,
                username,
                password,
                name,
                is_cluster,
                shards,
                wait_replicas,
                patience,
                ca_file,
            } = address;
            let password = password.as_ref().map(SecretString::expose_secret);
            (hosts, has_tls, username, password, name, is_cluster, shards, wait_replicas, patience, ca_file)
        }
        all(self) == all(other)
    }
}

impl Eq for RedisAddress {}

const DEFAULT_PORT: u16 = 6379;
const DEFAULT_NAME: &str = "shopfront";
/// Divides evenly among two, three and six nodes.
const DEFAULT_SHARDS: u16 = 6;
const SHARDS_MAX: u16 = 256;
/// A query server waits for 150 ms at most; a save may take longer.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(1);

impl fmt::Display for RedisAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.has_tls { "rediss://" } else { "redis://" })?;
        for (place, (host, port)) in self.hosts.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
            write!(out, "{comma}{open}{host}{close}:{port}")?;
        }
        write!(out, "/{}", self.name)
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lmdb(directory) => directory.display().fmt(out),
            Self::Redis(address) => address.fmt(out),
            Self::DynamoDb(address) => address.fmt(out),
        }
    }
}

impl From<PathBuf> for StoreAddress {
    fn from(directory: PathBuf) -> Self {
        Self::Lmdb(directory)
    }
}

impl StoreAddress {
    /// Understands what an operator wrote.
    ///
    /// # Errors
    /// What was given, without its password, and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() {
                Err("`` is no store, expected a directory or `redis://host:port/name`".to_owned())
            } else {
                Ok(Self::Lmdb(PathBuf::from(text)))
            };
        };
        let shown = || match rest.rsplit_once('@') {
            Some((_, behind)) => format!("{scheme}://(hidden)@{behind}"),
            None => text.to_owned(),
        };
        if scheme == "dynamodb" {
            let parsed = dynamodb::parse(rest).map(Self::DynamoDb);
            return parsed.map_err(|reason| format!("`{}`: {reason}", shown()));
        }
        let has_tls = match scheme {
            "redis" => false,
            "rediss" => true,
            _ => {
                return Err(format!(
                    "`{}` is no store, expected a directory, `redis://host:port/name`, `rediss://host:port/name` or \
                     `dynamodb://region/table`",
                    shown()
                ));
            }
        };
        redis(rest, has_tls).map(Self::Redis).map_err(|reason| format!("`{}`: {reason}", shown()))
    }

    /// The same with the password that a file holds, so that it need not stand where others read.
    ///
    /// # Errors
    /// `Unusable` when the file cannot be read, or the store has no use for a password.
    pub fn with_password_file(self, file: Option<&Path>) -> Result<Self, StoreError> {
        let Some(file) = file else { return Ok(self) };
        let store = self.to_string();
        let unusable = |reason: String| StoreError::Unusable { store: store.clone(), reason };
        let address = match self {
            Self::Redis(address) => address,
            Self::Lmdb(_) => {
                return Err(unusable(
                    "a directory has no password; leave out `store_password_file`".to_owned(),
                ));
            }
            Self::DynamoDb(_) => {
                let reason = "a table has no password, but AWS credentials; leave out `store_password_file`";
                return Err(unusable(reason.to_owned()));
            }
        };
        let password = std::fs::read_to_string(file).map_err(|error| {
            unusable(format!("cannot read `store_password_file` `{}`: {error}", file.display()))
        })?;
        let password = password.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(unusable(format!("`store_password_file` `{}` is empty", file.display())));
        }
        Ok(Self::Redis(RedisAddress { password: Some(SecretString::from(password)), ..address }))
    }
}

impl TryFrom<String> for StoreAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

/// What stands behind `redis://`.
fn redis(rest: &str, has_tls: bool) -> Result<RedisAddress, String> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    // It may be the rest of a password with a `?` in it, of which nothing is to be shown.
    if query.contains('@') {
        return Err(
            "there is an `@` behind a `?`: in passwords and values these are written %40 and %3F".to_owned()
        );
    }
    let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
    let (hosts, name) = rest.split_once('/').unwrap_or((rest, ""));
    let name = if name.is_empty() { DEFAULT_NAME } else { name };
    if name.len() > 64 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(format!("`{name}` is no name, expected up to 64 of a-z, A-Z, 0-9, `-`, `_`, `.`"));
    }
    let (username, password) = user.map_or(Ok((None, None)), user_and_password)?;
    let mut address = RedisAddress {
        hosts: hosts.split(',').map(host_and_port).collect::<Result<_, _>>()?,
        has_tls,
        username,
        password: password.map(SecretString::from),
        name: name.to_owned(),
        is_cluster: false,
        shards: DEFAULT_SHARDS,
        wait_replicas: 0,
        patience: DEFAULT_PATIENCE,
        ca_file: None,
    };
    for setting in query.split('&').filter(|setting| !setting.is_empty()) {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        set(&mut address, key, value)?;
    }
    if address.ca_file.is_some() && !has_tls {
        return Err("`ca_file` is for `rediss://`".to_owned());
    }
    Ok(address)
}

fn set(address: &mut RedisAddress, key: &str, value: &str) -> Result<(), String> {
    let expected = |what: &str| format!("`{key}={value}`: expected {what}");
    let number = |least: u64, most: u64| {
        let number = value.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| expected(&format!("{least} to {most}")))
    };
    match key {
        "cluster" => {
            address.is_cluster = match value {
                "true" => true,
                "false" => false,
                _ => return Err(expected("`true` or `false`")),
            };
        }
        "shards" => address.shards = u16::try_from(number(1, SHARDS_MAX.into())?).unwrap_or(SHARDS_MAX),
        "wait_replicas" => address.wait_replicas = u8::try_from(number(0, 16)?).unwrap_or(0),
        "timeout_ms" => address.patience = Duration::from_millis(number(10, 60_000)?),
        "ca_file" if !value.is_empty() => address.ca_file = Some(PathBuf::from(decoded(value)?)),
        _ => {
            let known = "`cluster`, `shards`, `wait_replicas`, `timeout_ms`, `ca_file=FILE`";
            return Err(format!("`{key}` is no setting, expected {known}"));
        }
    }
    Ok(())
}

fn user_and_password(text: &str) -> Result<(Option<String>, Option<String>), String> {
    let (user, password) =
        text.split_once(':').map_or((text, None), |(user, password)| (user, Some(password)));
    let user = if user.is_empty() { None } else { Some(decoded(user)?) };
    Ok((user, password.map(decoded).transpose()?))
}

fn decoded(text: &str) -> Result<String, String> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| "its percent-encoding is no UTF-8".to_owned())
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let refused = || format!("`{text}` is no server, expected `host:port`");
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or_else(refused)?;
        (host, port.strip_prefix(':'))
    } else {
        text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(refused());
    }
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| refused()))?;
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests;

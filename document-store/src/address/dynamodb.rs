//! `dynamodb://region/table?…`

use std::fmt;
use std::time::Duration;

/// How a DynamoDB store is reached. Credentials come from where AWS's programs look for them: environment, profile, web
/// identity, container, instance.
#[derive(Clone, PartialEq, Eq)]
pub struct DynamoDbAddress {
    /// For example `eu-west-1`.
    pub region: String,
    /// The table, of its own or created by the invalidator.
    pub table: String,
    /// Instead of the region's: a VPC endpoint, or a stand-in.
    pub endpoint: Option<String>,
    /// The invalidator creates the table if it is not there: for development.
    pub creates: bool,
    /// Shards of the change log, 1 to 64; only looked at when the store is created.
    pub shards: u16,
    /// How long one get may take.
    pub patience: Duration,
    /// Between two looks for new log entries while shops are saved.
    pub poll_min: Duration,
    /// The same while nothing happens.
    pub poll_max: Duration,
}

/// Each bears some 400 saves a second, and each is polled by every query server.
const DEFAULT_SHARDS: u16 = 8;
const SHARDS_MAX: u64 = 64;
const DEFAULT_PATIENCE: Duration = Duration::from_secs(1);
const DEFAULT_POLL_MIN: Duration = Duration::from_millis(20);
const DEFAULT_POLL_MAX: Duration = Duration::from_millis(250);

impl DynamoDbAddress {
    /// A stand-in on this host, which takes any credentials.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self.endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
        host.is_some_and(|host| {
            ["127.0.0.1", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
        })
    }
}

impl fmt::Display for DynamoDbAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "dynamodb://{}/{}", self.region, self.table)?;
        self.endpoint.as_ref().map_or(Ok(()), |endpoint| write!(out, "?endpoint={endpoint}"))
    }
}

impl fmt::Debug for DynamoDbAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What stands behind `dynamodb://`.
pub(super) fn parse(rest: &str) -> Result<DynamoDbAddress, String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (region, table) = place.split_once('/').unwrap_or((place, ""));
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || region.len() > 32 || !region.bytes().all(is_region) {
        return Err(format!("`{region}` is no region, expected one like `eu-west-1`"));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(3..=255).contains(&table.len()) || !table.bytes().all(is_name) {
        return Err(format!("`{table}` is no table, expected 3 to 255 of a-z, A-Z, 0-9, `-`, `_`, `.`"));
    }
    let mut address = DynamoDbAddress {
        region: region.to_owned(),
        table: table.to_owned(),
        endpoint: None,
        creates: false,
        shards: DEFAULT_SHARDS,
        patience: DEFAULT_PATIENCE,
        poll_min: DEFAULT_POLL_MIN,
        poll_max: DEFAULT_POLL_MAX,
    };
    for setting in query.split('&').filter(|setting| !setting.is_empty()) {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        set(&mut address, key, value)?;
    }
    if address.poll_min > address.poll_max {
        return Err(format!(
            "`poll_min_ms={}` is above `poll_max_ms={}`",
            address.poll_min.as_millis(),
            address.poll_max.as_millis()
        ));
    }
    Ok(address)
}

fn set(address: &mut DynamoDbAddress, key: &str, value: &str) -> Result<(), String> {
    let expected = |what: &str| format!("`{key}={value}`: expected {what}");
    let number = |least: u64, most: u64| {
        let number = value.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| expected(&format!("{least} to {most}")))
    };
    match key {
        "endpoint" => {
            let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
            if host.is_none_or(|host| host.is_empty() || host.contains('@')) {
                return Err(expected("`http://host:port` or `https://host`"));
            }
            address.endpoint = Some(value.to_owned());
        }
        "create" => {
            address.creates = match value {
                "true" => true,
                "false" => false,
                _ => return Err(expected("`true` or `false`")),
            };
        }
        "shards" => address.shards = u16::try_from(number(1, SHARDS_MAX)?).unwrap_or(DEFAULT_SHARDS),
        "timeout_ms" => address.patience = Duration::from_millis(number(10, 60_000)?),
        "poll_min_ms" => address.poll_min = Duration::from_millis(number(1, 60_000)?),
        "poll_max_ms" => address.poll_max = Duration::from_millis(number(1, 60_000)?),
        _ => {
            let known = "`endpoint`, `create`, `shards`, `timeout_ms`, `poll_min_ms`, `poll_max_ms`";
            return Err(format!("`{key}` is no setting, expected {known}"));
        }
    }
    Ok(())
}

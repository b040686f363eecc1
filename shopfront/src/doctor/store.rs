//! The document store, as a query server sees it.

use std::path::Path;

use document_store::address::{DynamoDbAddress, RedisAddress};
use document_store::{ChangeLog as _, DocumentReader as _, SelectedReader, StoreAddress, StoreError};
use jiff::Timestamp;
use shop_id::ShopId;

use super::{Found, Illness, way};

pub(super) async fn ask(address: &StoreAddress, password_file: Option<&Path>) -> Found {
    match (address, cfg!(feature = "redis"), cfg!(feature = "dynamodb")) {
        (StoreAddress::Redis(_), false, _) => return Err(super::without("redis")),
        (StoreAddress::DynamoDb(_), _, false) => return Err(super::without("dynamodb")),
        _ => {}
    }
    asked(address, password_file).await.map_err(|error| {
        let fix = fix(address, password_file, &error);
        Illness::new(error, fix)
    })
}

async fn asked(address: &StoreAddress, password_file: Option<&Path>) -> Result<String, StoreError> {
    let address = address.clone().with_password_file(password_file)?;
    let store = SelectedReader::open(&address).await?;
    let identity = store.identity().await?;
    let saves: u64 = store.head().await?.0.iter().map(|head| head.sequence).sum();
    // A get that finds nothing goes the same way as one that finds something. Until the store is complete, some answer that
    // they do not know.
    if let Some(shop_id) = ShopId::new(1) {
        let got = store.gather(&[shop_id]).await.into_iter().collect::<Result<Vec<_>, _>>();
        got.map(drop).or_else(|error| if identity.complete { Err(error) } else { Ok(()) })?;
    }
    let now = Timestamp::now();
    let heard = store.writer_contacts().await?.into_iter().map(|contact| {
        let ago = contact.heard_at.map(|at| now.duration_since(at).as_secs());
        ago.map_or(format!("{} never", contact.writer), |ago| format!("{} {ago} s ago", contact.writer))
    });
    let heard: Vec<String> = heard.collect();
    let complete = if identity.complete {
        "complete"
    } else {
        "not complete yet (an invalidator that reaches all writers makes it so)"
    };
    Ok(format!("{saves} saves, activation {}, {complete}; heard: {}", identity.activation, heard.join(", ")))
}

fn fix(address: &StoreAddress, password_file: Option<&Path>, error: &StoreError) -> String {
    match (error, address) {
        (StoreError::Unavailable { reason, .. }, _) => unavailable(address, reason),
        (StoreError::Unusable { reason, .. }, StoreAddress::Redis(redis)) => {
            unusable_redis(redis, password_file, reason)
        }
        (StoreError::Unusable { .. }, StoreAddress::DynamoDb(_)) => {
            "as said; credentials are those of whoever runs this, and the programs' may be others".to_owned()
        }
        (StoreError::Unusable { .. }, _) => "correct `store`, or what stands there".to_owned(),
        (StoreError::TimedOut { .. }, StoreAddress::Redis(redis)) if redis.has_tls => {
            "a plain port waits for ever for what it takes for a command: say `redis://` in `store`, or give the port that \
             speaks TLS (`tls-port`); if it is that one, see whether the server is frozen or swaps"
                .to_owned()
        }
        (StoreError::TimedOut { .. }, _) => {
            "see what keeps it busy, or whether a firewall swallows packets; a frozen or swapping server looks like this; \
             `timeout_ms=` behind the `?` of `store` waits longer"
                .to_owned()
        }
        (StoreError::Corrupt { .. }, _) => "an invalidator's audit fetches the shop again; see its log".to_owned(),
        (StoreError::Full { .. } | StoreError::Locked { .. }, _) => "as said".to_owned(),
        (StoreError::Trimmed { .. }, _) => "nothing: readers scan the store anew".to_owned(),
    }
}

fn unavailable(address: &StoreAddress, reason: &str) -> String {
    let says = |words: &str| reason.contains(words);
    match address {
        StoreAddress::DynamoDb(table) if says("no such table") => missing_table(table),
        StoreAddress::Redis(_) if says("cluster support disabled") => {
            "leave out `cluster=true` in `store`, or name the nodes of a cluster".to_owned()
        }
        StoreAddress::Redis(redis) if !says("no such store") && !says("lost") => {
            way::fix(reason, "store", redis.has_tls, &way::REDIS)
        }
        StoreAddress::DynamoDb(table) if says("no answer") => match &table.endpoint {
            Some(endpoint) => format!("see whether `{endpoint}` (`endpoint=` in `store`) is the right one, and answers"),
            None => format!(
                "see whether this machine has a way to DynamoDB: `aws dynamodb list-tables --region {}`",
                table.region
            ),
        },
        StoreAddress::DynamoDb(_) if !says("invalidator") => "as said".to_owned(),
        _ => "start an invalidator with this `store`: it creates and fills what is not there yet; see its log if it runs"
            .to_owned(),
    }
}

fn missing_table(address: &DynamoDbAddress) -> String {
    let DynamoDbAddress { region, table, .. } = address;
    if address.is_local() {
        return "start an invalidator with this `store` and `create=true`, which makes it; or correct `store`".to_owned();
    }
    format!(
        "aws cloudformation deploy --region {region} --stack-name {table}-store --template-file deploy/aws/store.yaml \
         --parameter-overrides Prefix={table}; or correct region and table in `store`"
    )
}

fn unusable_redis(address: &RedisAddress, password_file: Option<&Path>, reason: &str) -> String {
    let says = |words: &str| reason.contains(words);
    let RedisAddress { hosts, name, .. } = address;
    let at = hosts.first().map_or_else(String::new, |(host, port)| format!("-h {host} -p {port} "));
    if says("cannot read") {
        return "correct the path, or let whoever runs the program read the file".to_owned();
    }
    if says("refuses user name or password") {
        let given = match (password_file, &address.password) {
            (Some(file), _) => {
                format!("correct the password in `{}` (`store_password_file`)", file.display())
            }
            (None, Some(_)) => "correct user and password in `store`".to_owned(),
            (None, None) => "give a password by `store_password_file`".to_owned(),
        };
        let user = address.username.as_deref().unwrap_or("default");
        return format!("{given}, or the server's user: `redis-cli {at}ACL GETUSER {user}`");
    }
    if says("may not do what is needed") {
        return format!(
            "give the user the rights of docs/redis.md by `ACL SETUSER`; its keys are those that begin with `{{{name}:`"
        );
    }
    if says("may evict documents") {
        return format!(
            "`redis-cli {at}CONFIG SET maxmemory-policy noeviction`, and the same in the server's own configuration, for its \
             next start"
        );
    }
    if says("of version") {
        return "bring the server to that version, or let `store` lead to another one".to_owned();
    }
    "correct `store` or what it leads to, as said".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(store: &str, error: impl Fn(String, String) -> StoreError, reason: &str) -> String {
        let address = StoreAddress::parse(store).unwrap();
        fix(&address, None, &error(store.to_owned(), reason.to_owned()))
    }

    #[test]
    fn each_reason_has_a_fix_of_its_own() {
        let away = |store, reason| StoreError::Unavailable { store, reason };
        let unusable = |store, reason| StoreError::Unusable { store, reason };
        let late = |store, _| StoreError::TimedOut { store, waited_ms: 1_000 };
        let (redis, table) = ("redis://cache:6380/shops", "dynamodb://eu-west-1/shops");
        for (said, expected) in [
            (told(redis, away, "there is no such store, or it was flushed"), "start an invalidator"),
            (told(redis, away, "part of it was lost"), "start an invalidator"),
            (told(redis, away, "Connection refused (os error 111)"), "start it, or correct host and port"),
            (
                told(redis, unusable, "the server is of version `6.2.1`, expected 7 or newer"),
                "bring the server to",
            ),
            (
                told(redis, unusable, "the server may evict documents"),
                "redis-cli -h cache -p 6380 CONFIG SET",
            ),
            (told(redis, unusable, "something else is stored"), "correct `store` or what it leads to"),
            (told(redis, late, ""), "see what keeps it busy"),
            (told("rediss://cache/shops", late, ""), "say `redis://` in `store`"),
            (told("data/store", away, "has no `data.mdb` yet"), "start an invalidator"),
            (told("data/store", unusable, "no store of ours"), "what stands there"),
            (
                told(table, away, "there is no such table in this region and account"),
                "aws cloudformation deploy --region eu-west-1 --stack-name shops-store --template-file \
                 deploy/aws/store.yaml --parameter-overrides Prefix=shops;",
            ),
            (
                told(
                    table,
                    away,
                    "there is no store in the table, or it was created anew; the invalidator fills it",
                ),
                "start an invalidator",
            ),
            (told(table, away, "no answer; check region"), "`aws dynamodb list-tables --region eu-west-1`"),
            (told(table, away, "DynamoDB throttles; it is tried again"), "as said"),
            (told(table, unusable, "the role may not"), "credentials are those of whoever runs this"),
        ] {
            assert!(said.contains(expected), "{said}\nexpected: {expected}");
        }
    }
}

//! Tables of one's own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use document_store::address::DynamoDbAddress;
use document_store::conformance::{merging, shop_section};
use document_store::dynamodb::{DynamoDbReader, DynamoDbWriter};
use document_store::{DocumentReader, DocumentWriter, Lookup, Put, StoreAddress, StoreError};
use shop_id::ShopId;

/// Longer than any store waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn shop(number: u64) -> ShopId {
    ShopId::new(number).unwrap()
}

pub(crate) fn endpoint() -> String {
    std::env::var("SHOPFRONT_TEST_DYNAMODB").unwrap_or_else(|_| {
        panic!("`SHOPFRONT_TEST_DYNAMODB` is not set: run `cargo xtask servers up dynamodb`, then `cargo xtask test`")
    })
}

/// With a name that no other test uses.
pub(crate) fn address_at(endpoint: &str, settings: &str) -> DynamoDbAddress {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let table = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    parsed(&format!("dynamodb://eu-west-1/{table}?endpoint={endpoint}&timeout_ms=20000&{settings}"))
}

pub(crate) fn address(settings: &str) -> DynamoDbAddress {
    address_at(&endpoint(), &format!("create=true&{settings}"))
}

pub(crate) fn parsed(text: &str) -> DynamoDbAddress {
    match StoreAddress::parse(text).unwrap() {
        StoreAddress::DynamoDb(address) => address,
        other => panic!("{other} is no DynamoDB"),
    }
}

/// What an operator has: everything.
pub(crate) fn operator(address: &DynamoDbAddress) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(address.region.clone()))
        .endpoint_url(endpoint())
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// A store that is complete, with shops 1 to 9 of the first counter.
pub(crate) async fn filled(address: &DynamoDbAddress) -> (DynamoDbWriter, DynamoDbReader) {
    let writer = DynamoDbWriter::open(address).await.unwrap();
    for number in 1..=9 {
        save(&writer, number, 1).await.unwrap();
    }
    writer.mark_complete(writer.identity().await.unwrap().activation).await.unwrap();
    let reader = DynamoDbReader::open(address).await.unwrap();
    (writer, reader)
}

pub(crate) async fn save(writer: &DynamoDbWriter, number: u64, counter: u64) -> Result<Put, StoreError> {
    writer.update(shop(number), merging(shop(number), shop_section(counter, "x", &[]))).await
}

/// `+` found, `-` unknown, `?` an error, of shops 1 to 9.
pub(crate) async fn seen(reader: &impl DocumentReader) -> String {
    let shop_ids: Vec<ShopId> = (1..=9).map(shop).collect();
    let sign = |answer: &Result<Lookup<_>, StoreError>| match answer {
        Ok(Lookup::Unknown) => '-',
        Ok(_) => '+',
        Err(_) => '?',
    };
    reader.gather(&shop_ids).await.iter().map(sign).collect()
}

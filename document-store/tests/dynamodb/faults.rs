//! What DynamoDB, and the way to it, do wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use document_store::address::DynamoDbAddress;
use document_store::conformance::{merging, shop_section};
use document_store::dynamodb::{DynamoDbReader, DynamoDbWriter};
use document_store::{ChangeLog as _, DocumentReader as _, DocumentWriter as _, Lookup, Put, StoreError};
use shop_document::{Held, Sections};
use shop_id::ShopId;

use crate::proxy::{Fate, Proxy};
use crate::tables::{address, address_at, filled, parsed, save, seen, shop};

/// The same table through a proxy.
async fn through(proxy: &Proxy, settings: &str) -> (DynamoDbWriter, DynamoDbReader) {
    filled(&address_at(&proxy.endpoint, &format!("create=true&{settings}"))).await
}

#[tokio::test]
async fn shops_that_were_left_unprocessed_are_asked_for_again() {
    let proxy = Proxy::start();
    let (writer, reader) = through(&proxy, "shards=2").await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    proxy.now_decides(move |operation, _| {
        if operation != "BatchGetItem" {
            return Fate::Answered;
        }
        counted.fetch_add(1, Ordering::Relaxed);
        Fate::FirstKeyOnly
    });
    assert_eq!(seen(&reader).await, "+++++++++");
    assert!(count.load(Ordering::Relaxed) >= 9, "one key at a time");
    assert!(matches!(save(&writer, 1, 2).await, Ok(Put::Applied(_))));
    assert_eq!(reader.head().await.unwrap().0.len(), 2);
}

#[tokio::test]
async fn a_throttled_store_is_asked_again_until_it_answers() {
    let proxy = Proxy::start();
    let (writer, reader) = through(&proxy, "").await;
    for code in ["ProvisionedThroughputExceededException", "ThrottlingException", "InternalServerError"] {
        proxy.next(2, "BatchGetItem", Fate::Refused(code));
        assert_eq!(seen(&reader).await, "+++++++++", "{code}");
    }
    proxy.next(3, "TransactWriteItems", Fate::Refused("ThrottlingException"));
    assert!(matches!(save(&writer, 1, 2).await, Ok(Put::Applied(_))));
    proxy.next(1, "UpdateItem", Fate::Refused("ThrottlingException"));
    writer.mark_complete(writer.identity().await.unwrap().activation).await.unwrap();
}

#[tokio::test]
async fn a_store_that_throttles_on_and_on_says_so_of_each_shop() {
    let proxy = Proxy::start();
    let (_, reader) = through(&proxy, "timeout_ms=3000").await;
    proxy.now_decides(|_, _| Fate::Refused("ProvisionedThroughputExceededException"));
    for answer in reader.gather(&[shop(1), shop(2)]).await {
        let error = answer.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("DynamoDB throttles"), "{error}");
    }
}

#[tokio::test]
async fn a_late_group_is_asked_once_more() {
    let proxy = Proxy::start();
    let (_, reader) = through(&proxy, "").await;
    proxy.next(1, "BatchGetItem", Fate::Silent);
    assert_eq!(seen(&reader).await, "+++++++++");
    assert!(reader.hedged_gets() >= 9);
}

#[tokio::test]
async fn only_the_shops_of_a_group_without_answer_are_missing() {
    let proxy = Proxy::start();
    let (writer, reader) = through(&proxy, "timeout_ms=4000").await;
    for number in 10..=30 {
        save(&writer, number, 1).await.unwrap();
    }
    // The key of shop 25 in base64: it is of the third group of ten.
    proxy.now_decides(|operation, body| {
        let is_late = operation == "BatchGetItem" && body.contains("\"AAAAAAAAABk=\"");
        if is_late { Fate::Silent } else { Fate::Answered }
    });
    let shop_ids: Vec<ShopId> = (1..=30).map(shop).collect();
    let answers = reader.gather(&shop_ids).await;
    for (number, answer) in (1..).zip(&answers) {
        match answer {
            Ok(Lookup::Found(_)) => assert!(number <= 20, "shop {number}"),
            Err(StoreError::TimedOut { waited_ms, .. }) => {
                assert!(number > 20 && *waited_ms > 0, "shop {number}");
            }
            other => panic!("shop {number}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_save_whose_answer_got_lost_is_made_once() {
    let proxy = Proxy::start();
    let (writer, reader) = through(&proxy, "shards=1").await;
    proxy.next(1, "TransactWriteItems", Fate::BrokenOff);
    let Put::Applied(position) = save(&writer, 1, 2).await.unwrap() else { panic!("not applied") };
    assert_eq!((position.sequence, reader.head().await.unwrap().0[0]), (10, position));
}

#[tokio::test]
async fn a_role_that_may_not_is_told_where_its_rights_stand() {
    let proxy = Proxy::start();
    let at = address_at(&proxy.endpoint, "create=true");
    drop(filled(&at).await);
    for (code, is_transient, expected) in [
        ("AccessDeniedException", false, "docs/dynamodb.md"),
        ("UnrecognizedClientException", false, "AWS_PROFILE"),
        ("ExpiredTokenException", true, "have expired"),
    ] {
        proxy.now_decides(move |_, _| Fate::Refused(code));
        for error in
            [DynamoDbReader::open(&at).await.unwrap_err(), DynamoDbWriter::open(&at).await.unwrap_err()]
        {
            assert_eq!(error.is_transient(), is_transient, "{error}");
            assert!(error.to_string().contains(expected) && error.to_string().contains(code), "{error}");
        }
    }
}

#[tokio::test]
async fn an_endpoint_where_nobody_is_is_waited_for() {
    let nowhere: DynamoDbAddress =
        parsed("dynamodb://eu-west-1/shops?endpoint=http://127.0.0.1:1&timeout_ms=200");
    for error in
        [DynamoDbReader::open(&nowhere).await.unwrap_err(), DynamoDbWriter::open(&nowhere).await.unwrap_err()]
    {
        assert!(error.is_transient() && error.to_string().contains("check region, `endpoint`"), "{error}");
    }
}

#[tokio::test]
async fn a_shop_too_large_for_a_transaction_is_refused_alone() {
    let (writer, reader) = filled(&address("shards=1")).await;
    let mut huge = shop_section(2, "Huge", &[]);
    if let Held::Present(_, section) = &mut huge.shop {
        section.detail = format!("\"menus\":[{:?}]", "y".repeat(5_000_000));
    }
    let offered: [(u64, Sections); 2] = [(1, huge), (2, shop_section(2, "x", &[]))];
    let updates =
        offered.map(|(number, offered)| writer.update(shop(number), merging(shop(number), offered)));
    let [huge, other] =
        futures_util::future::join_all(updates).await.try_into().unwrap_or_else(|_| panic!("two"));
    let error = huge.unwrap_err();
    assert!(
        error.to_string().contains("shop 1: its document is too large") && !error.is_transient(),
        "{error}"
    );
    assert!(matches!(other, Ok(Put::Applied(_))));
    assert_eq!(seen(&reader).await, "+++++++++", "what was held stays");
}

//! Tables that are gone, restored, or of somebody else.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use document_store::address::DynamoDbAddress;
use document_store::dynamodb::{DynamoDbReader, DynamoDbWriter};
use document_store::{ChangeLog as _, DocumentReader as _, DocumentWriter as _, Lookup, Put, StoreError};
use shop_id::{Revision, Writer};

use crate::tables::{address, address_at, endpoint, filled, operator, save, seen, shop};

async fn delete(client: &Client, address: &DynamoDbAddress) {
    client.delete_table().table_name(&address.table).send().await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_not_there_is_waited_for() {
    let missing = address_at(&endpoint(), "");
    for error in [
        DynamoDbReader::open(&missing).await.unwrap_err(),
        DynamoDbWriter::open(&missing).await.unwrap_err(),
        DynamoDbReader::open(&address("")).await.unwrap_err(),
    ] {
        assert!(error.is_transient() && error.to_string().contains("create=true"), "{error}");
    }
}

#[tokio::test]
async fn shops_of_a_table_that_was_deleted_are_unavailable_not_unknown() {
    let address = address("");
    let (writer, reader) = filled(&address).await;
    let before = reader.identity().await.unwrap();
    let heads = reader.head().await.unwrap();
    delete(&operator(&address), &address).await;
    assert_eq!(seen(&reader).await, "?????????");
    assert!(reader.grown(&heads).await.is_err());
    // The writer makes it anew, without what was in it.
    let identity = writer.identity().await.unwrap();
    assert!(identity.activation > before.activation && !identity.complete);
    assert_eq!(seen(&reader).await, "?????????");
    assert!(reader.scan(None, 100).await.is_err());
    assert!(matches!(reader.read(1, heads.0[1], 10).await, Err(StoreError::Trimmed { .. })));
    assert!(
        matches!(save(&writer, 1, 1).await, Ok(Put::Applied(position)) if position.activation == identity.activation)
    );
    assert_eq!(reader.identity().await.unwrap(), identity);
    assert_eq!(seen(&reader).await, "+????????", "it is not complete");
    let refused = writer.mark_complete(before.activation).await.unwrap_err();
    assert!(refused.is_transient() && refused.to_string().contains("saves may be lost"), "{refused}");
    assert_eq!(seen(&reader).await, "+????????", "of the activation before it was complete");
    writer.mark_complete(identity.activation).await.unwrap();
    assert_eq!(seen(&reader).await, "+--------");
}

#[tokio::test]
async fn a_table_restored_from_a_backup_begins_a_new_activation_and_forgets_its_cursors() {
    let address = address("");
    let (writer, reader) = filled(&address).await;
    for cursor in [Revision::ZERO, Revision::new(1, 42)] {
        writer.save_cursor(Writer::Ads, cursor).await.unwrap();
    }
    let before = writer.identity().await.unwrap();
    // What a restored table is: all of the old one, with the name of another one in it.
    let update = operator(&address).update_item().table_name(&address.table);
    let update = update.key("p", AttributeValue::S("meta".to_owned()));
    let update = update.key("s", AttributeValue::B(Blob::new([0])));
    let update = update.update_expression("SET table_id = :other");
    update.expression_attribute_values(":other", AttributeValue::S("other".to_owned())).send().await.unwrap();
    let after = writer.identity().await.unwrap();
    assert!(after.activation > before.activation);
    assert!(!after.complete, "shops newer than the backup are missing, not unknown");
    assert_eq!(reader.identity().await.unwrap(), after);
    let contacts = reader.writer_contacts().await.unwrap();
    assert!(contacts.iter().all(|contact| contact.cursor.is_none()), "{contacts:?}");
    let refused = writer.save_cursor(Writer::Ads, Revision::new(1, 43)).await.unwrap_err();
    assert!(refused.is_transient() && refused.to_string().contains("full resync"), "{refused}");
    writer.save_cursor(Writer::Ads, Revision::ZERO).await.unwrap();
    assert_eq!(seen(&reader).await, "+++++++++");
    assert!(matches!(save(&writer, 1, 2).await, Ok(Put::Applied(position)) if position.sequence == 1));
}

/// Shop 7 of a table of one shard.
async fn overwrite(address: &DynamoDbAddress, p: &str, attributes: &[(&str, AttributeValue)]) {
    let mut put = operator(address).put_item().table_name(&address.table);
    put = put.item("p", AttributeValue::S(p.to_owned()));
    put = put.item("s", AttributeValue::B(Blob::new(7_u64.to_be_bytes())));
    for (name, value) in attributes {
        put = put.item(*name, value.clone());
    }
    put.send().await.unwrap();
}

#[tokio::test]
async fn something_else_in_the_place_of_a_shop_is_its_own_error_and_is_saved_over() {
    let address = address("shards=1");
    let (writer, reader) = filled(&address).await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let bytes = |bytes: &[u8]| AttributeValue::B(Blob::new(bytes));
    let detail = reader.detail(shop(8)).await.unwrap();
    let of_8 = detail.stored().unwrap().part.bytes().clone();
    let mut counter = 1;
    for attributes in [
        vec![],
        vec![("v", text("1")), ("d", text("of somebody else"))],
        vec![("v", bytes(&[0; 12])), ("d", bytes(b"no document"))],
        vec![("v", bytes(&[0; 12])), ("d", bytes(&of_8))],
        vec![("v", bytes(&[0; 12])), ("d", bytes(&of_8)), ("n", AttributeValue::N("200".to_owned()))],
    ] {
        for p in ["list#0", "detail#0"] {
            overwrite(&address, p, &attributes).await;
        }
        assert_eq!(seen(&reader).await, "++++++?++");
        let error = reader.detail(shop(7)).await.unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt { shop_id, .. } if *shop_id == shop(7)), "{error}");
        let scan = reader.scan(None, 100).await.unwrap();
        assert_eq!((scan.shops.len(), scan.unreadable), (8, vec![shop(7)]));
        counter += 1;
        assert!(matches!(save(&writer, 7, counter).await, Ok(Put::Applied(_))));
        assert!(matches!(reader.detail(shop(7)).await, Ok(Lookup::Found(_))));
    }
    assert_eq!(seen(&reader).await, "+++++++++");
    // As a build would write it that knows a newer schema.
    let of_7 = reader.detail(shop(7)).await.unwrap();
    let mut newer = of_7.stored().unwrap().part.bytes().to_vec();
    newer[4..6].copy_from_slice(&9_u16.to_le_bytes());
    overwrite(&address, "detail#0", &[("v", bytes(&[0; 12])), ("d", bytes(&newer))]).await;
    let error = reader.detail(shop(7)).await.unwrap_err();
    assert!(error.to_string().contains("schema version `9`"), "{error}");
}

#[tokio::test]
async fn a_table_of_somebody_else_is_refused_with_what_was_found() {
    let address = address("");
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let of = ScalarAttributeType::S;
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(of).build().unwrap();
    let create = operator(&address).create_table().table_name(&address.table).key_schema(key);
    create.attribute_definitions(id).billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
    let error = DynamoDbWriter::open(&address).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("keys are `id`, expected `p`"), "{error}");
    let error = DynamoDbReader::open(&address).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("a table of ours?"), "{error}");
}

#[tokio::test]
async fn a_store_of_another_format_is_refused() {
    let address = address("");
    drop(filled(&address).await);
    let put = operator(&address).put_item().table_name(&address.table);
    let put =
        put.item("p", AttributeValue::S("meta".to_owned())).item("s", AttributeValue::B(Blob::new([0])));
    put.item("store_format", AttributeValue::S("shopfront-store-9".to_owned())).send().await.unwrap();
    for error in
        [DynamoDbReader::open(&address).await.unwrap_err(), DynamoDbWriter::open(&address).await.unwrap_err()]
    {
        assert!(
            !error.is_transient() && error.to_string().contains("`shopfront-store-9`, expected"),
            "{error}"
        );
    }
}

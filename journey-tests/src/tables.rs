//! Stored documents in a DynamoDB table, as a careless operator reaches them.

use anyhow::{Context as _, bail};
use serde_json::json;
use shop_id::ShopId;

use crate::aws::{StandIn, setting};

/// A store has no more shards.
const SHARDS_MAX: u64 = 64;

/// Cuts the stored list part of a shop in half. `address` is `dynamodb://region/table?endpoint=…`.
///
/// # Errors
/// When there is none.
pub async fn cut_list_part(address: &str, shop_id: ShopId) -> anyhow::Result<()> {
    let wrong = || format!("`{address}` is no `dynamodb://region/table?endpoint=…`");
    let path = address.strip_prefix("dynamodb://").with_context(wrong)?;
    let (region, table) = path.split('?').next().unwrap_or_default().split_once('/').with_context(wrong)?;
    let endpoint = setting(address, "endpoint").with_context(wrong)?.to_owned();
    let asked = StandIn { endpoint, region: region.to_owned(), key: "local".to_owned() };
    let key = base64(&shop_id.get().to_be_bytes());
    // How many shards there are, only the store knows.
    for shard in 0..SHARDS_MAX {
        let key = json!({"p": {"S": format!("list#{shard}")}, "s": {"B": key}});
        let question = json!({"TableName": table, "Key": key, "ConsistentRead": true});
        let found = asked.call("dynamodb", "DynamoDB_20120810.GetItem", &question).await?;
        let Some(part) = found["Item"]["d"]["B"].as_str() else { continue };
        // Four letters are three bytes.
        let half = &part[..part.len() / 8 * 4];
        let update = json!({
            "TableName": table,
            "Key": key,
            "UpdateExpression": "SET d = :half",
            "ExpressionAttributeValues": {":half": {"B": half}},
        });
        return asked.call("dynamodb", "DynamoDB_20120810.UpdateItem", &update).await.map(drop);
    }
    bail!("`{table}` has no list part of shop {shop_id}")
}

/// Of eight bytes, as JSON names a binary key.
fn base64(bytes: &[u8; 8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // 64 bits and two zeros are eleven letters.
    let bits = u128::from(u64::from_be_bytes(*bytes)) << 2;
    let letter =
        |place: u32| char::from(LETTERS[usize::try_from(bits >> (60 - 6 * place) & 63).unwrap_or(0)]);
    (0..11).map(letter).chain(['=']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_json_takes_it() {
        for (number, expected) in [(0, "AAAAAAAAAAA="), (1, "AAAAAAAAAAE="), (u64::MAX, "//////////8=")] {
            assert_eq!(base64(&number.to_be_bytes()), expected);
        }
    }
}

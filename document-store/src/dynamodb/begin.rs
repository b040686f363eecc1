//! A table that nobody knows -> a new activation.
//!
//! See the head of [`super`]: a table that is not the one that `meta` names was created anew or restored from a backup, so
//! that saves may be lost. The writer then raises the activation and forgets the changed-since cursors, in one step; the
//! heads of the shards follow, and until they have, whatever others save is still of the old activation and stands behind
//! in every comparison.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use shop_id::Writer;
use std::sync::atomic::Ordering;

use super::ask::Store;
use super::failed::{Failed, Kind};
use super::items::{Key, binary, number};
use super::meta::{FORMAT, Heads, Meta};
use crate::{Identity, Position, StoreError};

/// Two writers that find the same loss raise the activation one after the other; more turns than this are no coincidence.
const TURNS_MAX: u32 = 8;

impl Store {
    /// Looks at the table, at `meta` and all heads; begins a new activation where saves may be lost, and makes whole what
    /// somebody began.
    pub(super) async fn look(&self) -> Result<Identity, StoreError> {
        let table_id = self.table_id().await?;
        for _ in 0..TURNS_MAX {
            let Heads { meta, heads } = self.heads(true).await?;
            let Some(meta) = meta.filter(|meta| meta.table_id == table_id) else {
                self.begin(&table_id).await?;
                continue;
            };
            self.check_shards(&meta)?;
            let mut is_whole = true;
            for (shard, head) in (0..).zip(heads) {
                if head.is_none_or(|head| head.activation != meta.activation) {
                    is_whole = false;
                    self.begin_shard(shard, head, meta.activation).await?;
                }
            }
            if is_whole {
                self.see(meta.activation);
                return Ok(meta.identity());
            }
        }
        Err(self.unavailable("other writers begin new activations without end"))
    }

    /// An update of `meta`.
    pub(super) fn update_meta(&self) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.address.table).set_key(Some(Key::meta().attributes()))
    }

    /// Whether the condition held.
    pub(super) async fn updated(&self, update: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
        match self.call("UpdateItem", self.deadline(), || update.clone().send()).await {
            Ok(_) => Ok(true),
            Err(Failed::Said { kind: Kind::Condition, .. }) => Ok(false),
            Err(failed) => Err(failed.told(&self.name)),
        }
    }

    /// Nothing of it is complete until all writers were paged through again: a restored one lacks the shops that are newer
    /// than the backup.
    async fn begin(&self, table_id: &str) -> Result<(), StoreError> {
        let held: Option<Meta> = self.meta().await?;
        let known = self.seen.load(Ordering::Acquire);
        let now = u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX / 2);
        let newest = held.as_ref().map_or(0, |held| held.activation).max(known);
        let activation = now.max(newest.saturating_add(1));
        tracing::warn!(activation, store = %self.name, "a table that is not known; beginning a new activation");
        let forgotten: Vec<String> =
            Writer::OF_THE_DOCUMENT.iter().map(|writer| format!("cursor_{writer}")).collect();
        let mut update = self
            .update_meta()
            .update_expression(format!(
                "SET store_format = :format, store_activation = :activation, table_id = :table, \
                 store_shards = if_not_exists(store_shards, :shards) REMOVE is_complete, {}",
                forgotten.join(", ")
            ))
            .expression_attribute_values(":format", AttributeValue::S(FORMAT.to_owned()))
            .expression_attribute_values(":activation", number(&activation))
            .expression_attribute_values(":table", AttributeValue::S(table_id.to_owned()))
            .expression_attribute_values(":shards", number(&self.shards));
        update = match held {
            Some(held) => update
                .condition_expression("store_activation = :held")
                .expression_attribute_values(":held", number(&held.activation)),
            None => update.condition_expression("attribute_not_exists(p)"),
        };
        // Where another writer was quicker, what it made is looked at next.
        self.updated(update).await.map(drop)
    }

    async fn begin_shard(
        &self,
        shard: u16,
        held: Option<Position>,
        activation: u32,
    ) -> Result<(), StoreError> {
        let first = Position { activation, sequence: 0 };
        let update = self
            .client
            .update_item()
            .table_name(&self.address.table)
            .set_key(Some(Key::head(shard).attributes()))
            .update_expression("SET v = :first")
            .expression_attribute_values(":first", binary(&first.to_bytes()));
        let update = match held {
            Some(held) => update
                .condition_expression("v = :held")
                .expression_attribute_values(":held", binary(&held.to_bytes())),
            None => update.condition_expression("attribute_not_exists(v)"),
        };
        self.updated(update).await.map(drop)
    }
}

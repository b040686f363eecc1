//! Shops -> their parts: in groups, five of them in flight, each with its own deadline, a late one asked again.
//!
//! The query server splits a gather before it gets here, and lets each piece land on its own; this splits what others gather.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use shop_id::ShopId;
use tokio::time::Instant;

use super::ask::{Got, Store};
use super::failed::{Failed, Kind as FailedKind};
use super::items::{Item, Key, Kind, PIECES_MAX, pieces, position, take_data};
use crate::part::{self, Part};
use crate::{Lookup, Position, StoreError, Stored};

/// Gets of one group: a list of 25 is three of them.
const GROUP_SHOPS: usize = 10;
/// Groups of one gather in flight.
const IN_FLIGHT_MAX: usize = 5;
/// A part in pieces that is saved again while it is read is read again.
const READS_MAX: usize = 4;

type Answer<P> = Result<Lookup<P>, StoreError>;

impl Store {
    /// One result per ID, in the given order, each on its own.
    pub(super) async fn gather<P: Part>(self: &Arc<Self>, kind: Kind, shop_ids: &[ShopId]) -> Vec<Answer<P>> {
        let groups: Vec<Vec<ShopId>> = shop_ids.chunks(GROUP_SHOPS).map(<[ShopId]>::to_vec).collect();
        let asked = groups.into_iter().map(|group| {
            let store = Arc::clone(self);
            async move { store.group::<P>(kind, &group).await }
        });
        let landed: Vec<Vec<Answer<P>>> = stream::iter(asked).buffered(IN_FLIGHT_MAX).collect().await;
        landed.into_iter().flatten().collect()
    }

    async fn group<P: Part>(&self, kind: Kind, shop_ids: &[ShopId]) -> Vec<Answer<P>> {
        let deadline = self.deadline();
        let keys: Vec<Key> =
            shop_ids.iter().map(|shop_id| Key::part(kind, self.shard_of(*shop_id), *shop_id)).collect();
        let asked: BTreeSet<Key> = keys.iter().cloned().collect();
        let Got { items, left, failure } = self.get_soon(asked, deadline).await;
        let without_item = |key: &&Key| !items.contains_key(*key) && !left.contains(*key);
        let absent: BTreeSet<u16> = shop_ids
            .iter()
            .zip(&keys)
            .filter(|(_, key)| without_item(key))
            .map(|(shop_id, _)| self.shard_of(*shop_id))
            .collect();
        let believed = if absent.is_empty() { Ok(()) } else { self.believes(&absent).await };
        let mut answers = Vec::with_capacity(shop_ids.len());
        for (&shop_id, key) in shop_ids.iter().zip(&keys) {
            answers.push(match items.get(key) {
                Some(item) => self.lookup(kind, shop_id, item.clone(), deadline).await,
                None if left.contains(key) => {
                    let failed = failure.clone().unwrap_or(Failed::Late { waited_ms: 0 });
                    Err(failed.told(&self.name))
                }
                None => believed.clone().map(|()| Lookup::Unknown),
            });
        }
        answers
    }

    /// Asks once more when the answer is late and a tenth of all gets allows it. Of two that lack something the second counts.
    async fn get_soon(&self, keys: BTreeSet<Key>, deadline: Instant) -> Got {
        let gets = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        let ask = |keys: BTreeSet<Key>| async move {
            let got = self.get(keys, true, deadline).await;
            if got.left.is_empty() { Ok(got) } else { Err(got) }
        };
        let again = || ask(keys.clone());
        match self.hedge.ask(gets, ask(keys.clone()), again).await {
            Ok(got) | Err(got) => got,
        }
    }

    async fn lookup<P: Part>(&self, kind: Kind, shop_id: ShopId, item: Item, deadline: Instant) -> Answer<P> {
        let (position, bytes) = self.whole(kind, shop_id, item, deadline).await?;
        part::stored::<P>(shop_id, position, bytes).map(|Stored { part, position }| part.lookup(position))
    }

    /// All of a part whose first piece was got.
    pub(super) async fn whole(
        &self,
        kind: Kind,
        shop_id: ShopId,
        mut item: Item,
        deadline: Instant,
    ) -> Result<(Position, Bytes), StoreError> {
        let corrupt = |reason: &str| StoreError::Corrupt { shop_id, reason: reason.to_owned() };
        let shard = self.shard_of(shop_id);
        let told = |failed: Failed| failed.told(&self.name);
        for _ in 0..READS_MAX {
            let count = pieces(&item);
            let (Some(position_of_first), Some(first)) = (position(&item), take_data(&mut item)) else {
                return Err(corrupt("its item has no `v` and `d` as ours have"));
            };
            if count <= 1 {
                return Ok((position_of_first, first));
            }
            if count > PIECES_MAX {
                return Err(corrupt("its item names more pieces than there can be"));
            }
            let keys: Vec<Key> = (1..count).map(|number| Key::piece(kind, shard, shop_id, number)).collect();
            let mut items =
                self.get(keys.iter().cloned().collect(), true, deadline).await.whole().map_err(told)?;
            let mut all = BytesMut::from(first);
            let mut is_of_one_save = true;
            for key in &keys {
                let piece = items.get_mut(key);
                let data =
                    piece.filter(|piece| position(piece) == Some(position_of_first)).and_then(take_data);
                is_of_one_save &= data.is_some();
                all.extend_from_slice(&data.unwrap_or_default());
            }
            if is_of_one_save {
                return Ok((position_of_first, all.freeze()));
            }
            let key = Key::part(kind, shard, shop_id);
            let again = self.get(BTreeSet::from([key.clone()]), true, deadline).await.whole();
            let Some(again) = again.map_err(told)?.remove(&key) else {
                return Err(corrupt("its first piece disappeared"));
            };
            if position(&again) == Some(position_of_first) {
                return Err(corrupt("one of its pieces is of another save"));
            }
            item = again;
        }
        let said = "it is saved again and again while it is read".to_owned();
        Err(told(Failed::Said { kind: FailedKind::Conflict, said }))
    }
}

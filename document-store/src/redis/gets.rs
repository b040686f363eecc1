//! Shops -> their parts: one command for each slot, five of them in flight, a late one asked again over another connection.
//!
//! The query server splits a gather before it gets here, and lets each piece land on its own; this splits what others
//! gather, and what lies on different nodes.

use std::sync::Arc;

use futures_util::future;
use futures_util::{StreamExt as _, stream};
use redis::{Cmd, Value};
use shop_id::ShopId;

use super::failed::Failed;
use super::reader::Store;
use super::values::{self, Part, list};
use crate::{Lookup, StoreError};

/// Commands of one gather in flight.
const IN_FLIGHT_MAX: usize = 5;

type Answer<P> = Result<Lookup<P>, StoreError>;

impl Store {
    /// One result per ID, in the given order, each on its own.
    pub(super) async fn gather<P: Part + Send + Sync + Clone>(
        self: &Arc<Self>,
        shop_ids: &[ShopId],
        key: impl Fn(&Self, ShopId) -> String,
    ) -> Vec<Answer<P>> {
        let mut groups: Vec<(u16, Vec<usize>)> = Vec::new();
        for (place, &shop_id) in shop_ids.iter().enumerate() {
            let neighbourhood = self.neighbourhood(shop_id);
            match groups.iter_mut().find(|(of, _)| *of == neighbourhood) {
                Some((_, places)) => places.push(place),
                None => groups.push((neighbourhood, vec![place])),
            }
        }
        let asked = groups.into_iter().map(|(_, places)| {
            let asked: Vec<ShopId> = places.iter().map(|place| shop_ids[*place]).collect();
            let keys = asked.iter().map(|shop_id| key(self, *shop_id)).collect::<Vec<_>>();
            let store = Arc::clone(self);
            async move { (places, store.group::<P>(&asked, &keys).await) }
        });
        let mut answers: Vec<Option<Answer<P>>> = shop_ids.iter().map(|_| None).collect();
        let mut landing = stream::iter(asked).buffer_unordered(IN_FLIGHT_MAX);
        while let Some((places, landed)) = landing.next().await {
            for (place, answer) in places.into_iter().zip(landed) {
                answers[place] = Some(answer);
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(self.short_answer()))).collect()
    }

    fn short_answer(&self) -> StoreError {
        StoreError::Unavailable {
            store: self.name.clone(),
            reason: "the server answered too few values".to_owned(),
        }
    }

    /// Shops of one node.
    async fn group<P: Part>(&self, shop_ids: &[ShopId], keys: &[String]) -> Vec<Answer<P>> {
        let Some(&first) = shop_ids.first() else { return Vec::new() };
        let mut command = redis::cmd("MGET");
        command.arg(keys);
        let found = match self.get(self.keys.shard_of(first), &command, shop_ids.len()).await {
            Ok(found) => list(found),
            Err(failed) => {
                let error = failed.told(&self.name);
                return shop_ids.iter().map(|_| Err(error.clone())).collect();
            }
        };
        let mut found = found.into_iter();
        let mut answers: Vec<Option<Answer<P>>> = Vec::with_capacity(shop_ids.len());
        for &shop_id in shop_ids {
            answers.push(match found.next() {
                Some(Value::BulkString(bytes)) => Some(values::lookup(shop_id, bytes)),
                Some(Value::Nil) => None,
                _ => Some(Err(self.short_answer())),
            });
        }
        self.absent(shop_ids, keys, &mut answers).await;
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(self.short_answer()))).collect()
    }

    /// Nothing was found: because there is no such shop, because the store was lost, or because something else stands in its
    /// place, of which `MGET` says nothing.
    async fn absent<P: Part>(&self, shop_ids: &[ShopId], keys: &[String], answers: &mut [Option<Answer<P>>]) {
        let absent: Vec<usize> = (0..answers.len()).filter(|place| answers[*place].is_none()).collect();
        let mut by_shard: Vec<(u16, Vec<usize>)> = Vec::new();
        for place in absent {
            let shard = self.keys.shard_of(shop_ids[place]);
            match by_shard.iter_mut().find(|(of, _)| *of == shard) {
                Some((_, places)) => places.push(place),
                None => by_shard.push((shard, vec![place])),
            }
        }
        let looks = by_shard.into_iter().map(|(shard, places)| async move {
            let mut command = redis::cmd("EXISTS");
            for place in &places {
                command.arg(&keys[*place]);
            }
            let (exist, is_ours) =
                future::join(self.front.ask(self.keys.slot(shard), &command), self.believes(shard)).await;
            let verdict = is_ours.and(exist.map_err(|failed| failed.told(&self.name)));
            (places, verdict)
        });
        for (places, verdict) in future::join_all(looks).await {
            for place in places {
                answers[place] = Some(match &verdict {
                    Ok(Value::Int(0)) => Ok(Lookup::Unknown),
                    Ok(_) => self.one(shop_ids[place], &keys[place]).await,
                    Err(error) => Err(error.clone()),
                });
            }
        }
    }

    async fn one<P: Part>(&self, shop_id: ShopId, key: &str) -> Answer<P> {
        let mut command = redis::cmd("GET");
        command.arg(key);
        match self.front.ask(self.keys.slot(self.keys.shard_of(shop_id)), &command).await {
            Ok(Value::BulkString(bytes)) => values::lookup(shop_id, bytes),
            Ok(_) => Ok(Lookup::Unknown),
            Err(failed) if failed.is_wrong_type() => Err(StoreError::Corrupt {
                shop_id,
                reason: "a value of another type stands in its place".to_owned(),
            }),
            Err(failed) => Err(failed.told(&self.name)),
        }
    }

    /// Asks once more when the answer is late and a tenth of all gets allows it; the first answer counts.
    async fn get(&self, shard: u16, command: &Cmd, gets: usize) -> Result<Value, Failed> {
        let (slot, gets) = (self.keys.slot(shard), u64::try_from(gets).unwrap_or(u64::MAX));
        let again = || self.rest.ask(slot, command);
        self.hedge.ask(gets, self.front.ask(slot, command), again).await
    }
}

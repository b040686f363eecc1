//! Updates that arrive together -> one transaction. A task for each shard: DynamoDB lets one transaction at a time move the
//! shard's head, so what waits meanwhile shares the next one.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use shop_document::{DetailPart, ListPart, ShopDocument};
use shop_id::ShopId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::ask::{KEYS_MAX, Store, pause};
use super::failed::{Failed, Kind as FailedKind};
use super::items::{Item, Key, Kind, held_pieces};
use super::transaction::{ACTIONS_MAX, BYTES_MAX, Changes, NewPart, Size};
use crate::plan_save::{PlannedSave, plan_save};
use crate::traits::held_of;
use crate::{Lookup, Position, Projected, Put, StoreError, part};

/// Updates in one transaction: of different shops three items each, below a hundred with the head.
const GROUP_MAX: usize = 32;
const _: () = assert!(2 * GROUP_MAX <= KEYS_MAX && 3 * GROUP_MAX < ACTIONS_MAX);
/// A save may take longer than a get: the event waits.
const SAVE_PATIENCE: Duration = Duration::from_secs(10);

pub(super) type Projection = Box<dyn Fn(&Lookup<ShopDocument>) -> Projected + Send + Sync>;

/// What is handed to the task.
pub(super) struct Job {
    pub(super) shop_id: ShopId,
    pub(super) projection: Projection,
    pub(super) reply: oneshot::Sender<Result<Put, StoreError>>,
}

/// What the task owns.
pub(super) struct Group {
    pub(super) store: Arc<Store>,
    pub(super) shard: u16,
    /// As it was after the last save of ours; others may have moved it.
    pub(super) head: Option<Position>,
}

/// One shop while its updates are put together.
struct Shop {
    held: Lookup<ShopDocument>,
    /// `v` of list and detail, and of how many pieces they are, as they are stored.
    stored: [(Option<AttributeValue>, u8); 2],
    changed: Option<(ShopDocument, Position)>,
}

/// What the jobs of one transaction come to, in their order; those beyond have to wait for the next one.
struct Plan {
    outcomes: Vec<Result<Put, StoreError>>,
    changes: Changes,
    head: Position,
}

impl Group {
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        let mut jobs: VecDeque<Job> = VecDeque::new();
        loop {
            if jobs.is_empty() {
                let Some(job) = waiting.recv().await else { return };
                jobs.push_back(job);
            }
            while jobs.len() < GROUP_MAX {
                let Ok(job) = waiting.try_recv() else { break };
                jobs.push_back(job);
            }
            self.settle(&mut jobs, GROUP_MAX).await;
        }
    }

    /// At least the first job has its answer afterwards.
    async fn settle(&mut self, jobs: &mut VecDeque<Job>, jobs_max: usize) {
        let count = jobs.len().min(jobs_max);
        match self.commit(jobs.range(..count)).await {
            Ok(outcomes) => {
                for (job, outcome) in jobs.drain(..outcomes.len()).zip(outcomes) {
                    // A caller that is gone has no use for the answer.
                    drop(job.reply.send(outcome));
                }
            }
            // One of them is at fault, and the others shall not suffer from it.
            Err(Failed::Said { kind: FailedKind::Refused, .. }) if count > 1 => {
                for _ in 0..count {
                    Box::pin(self.settle(jobs, 1)).await;
                }
            }
            Err(failed) => {
                self.head = None;
                let error = failed.told(&self.store.name);
                jobs.drain(..count).for_each(|job| drop(job.reply.send(Err(error.clone()))));
            }
        }
    }

    /// Reads, projects and saves until nobody else came between.
    async fn commit(
        &mut self,
        jobs: impl ExactSizeIterator<Item = &Job> + Clone,
    ) -> Result<Vec<Result<Put, StoreError>>, Failed> {
        let deadline = Instant::now() + SAVE_PATIENCE;
        let mut turn = 0;
        loop {
            let head = self.head().await?;
            let shops = self.shops(jobs.clone().map(|job| job.shop_id).collect()).await?;
            let Plan { outcomes, mut changes, head: moved } = self.plan(jobs.clone(), shops, head);
            if changes.is_empty() {
                return Ok(outcomes);
            }
            changes.head(&self.store.address.table, self.shard, head, moved);
            let failed = match self.save(changes, deadline).await {
                Ok(()) => {
                    self.head = Some(moved);
                    return Ok(outcomes);
                }
                Err(failed) => failed,
            };
            self.head = None;
            let again = Instant::now() + pause(turn);
            if failed.kind() != Some(FailedKind::Condition) || again >= deadline {
                return Err(failed);
            }
            turn += 1;
            tokio::time::sleep_until(again).await;
        }
    }

    /// Where the next save goes. A shard without head is one of a store that is not there yet, or not any more.
    async fn head(&mut self) -> Result<Position, Failed> {
        if let Some(head) = self.head {
            return Ok(head);
        }
        let head = match self.store.head_of(self.shard).await? {
            Some(head) => head,
            None => {
                self.store.look().await?;
                let found = self.store.head_of(self.shard).await?;
                found.ok_or_else(|| Failed::Known(self.store.absent()))?
            }
        };
        self.head = Some(head);
        Ok(head)
    }

    async fn shops(&self, shop_ids: BTreeSet<ShopId>) -> Result<HashMap<ShopId, Shop>, Failed> {
        let key = |kind, shop_id| Key::part(kind, self.shard, shop_id);
        let keys: BTreeSet<Key> = shop_ids
            .iter()
            .flat_map(|shop_id| [key(Kind::List, *shop_id), key(Kind::Detail, *shop_id)])
            .collect();
        let mut items = self.store.get(keys, true, self.store.deadline()).await.whole()?;
        let mut shops = HashMap::new();
        for shop_id in shop_ids {
            let parts = [Kind::List, Kind::Detail].map(|kind| items.remove(&key(kind, shop_id)));
            shops.insert(shop_id, self.shop(shop_id, parts).await?);
        }
        Ok(shops)
    }

    /// Whatever cannot be read counts as unknown.
    async fn shop(&self, shop_id: ShopId, parts: [Option<Item>; 2]) -> Result<Shop, Failed> {
        let stored = parts
            .each_ref()
            .map(|item| item.as_ref().map_or((None, 1), |item| (item.get("v").cloned(), held_pieces(item))));
        let nothing = Shop { held: Lookup::Unknown, stored, changed: None };
        let [Some(list), Some(detail)] = parts else { return Ok(nothing) };
        let deadline = self.store.deadline();
        let whole = async |kind, item| match self.store.whole(kind, shop_id, item, deadline).await {
            Ok(whole) => Ok(Some(whole)),
            Err(StoreError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(Failed::Known(error)),
        };
        let (list, detail) = (whole(Kind::List, list).await?, whole(Kind::Detail, detail).await?);
        let (Some((position, list)), Some((of_detail, detail))) = (list, detail) else { return Ok(nothing) };
        let list = part::stored::<ListPart>(shop_id, position, list);
        let detail = part::stored::<DetailPart>(shop_id, of_detail, detail);
        let (Ok(list), Ok(detail)) = (list, detail) else { return Ok(nothing) };
        Ok(Shop { held: held_of(ShopDocument { list: list.part, detail: detail.part }, position), ..nothing })
    }

    /// Each job on top of those before it, as many as fit into one transaction, one at least.
    fn plan<'a>(
        &self,
        jobs: impl Iterator<Item = &'a Job>,
        mut shops: HashMap<ShopId, Shop>,
        mut head: Position,
    ) -> Plan {
        let table = &self.store.address.table;
        let mut outcomes = Vec::new();
        let (mut changes, mut size) = (Changes::default(), Size::default());
        for job in jobs {
            let shop_id = job.shop_id;
            let Some(shop) = shops.get_mut(&shop_id) else { break };
            let PlannedSave { document, entry } = match plan_save(shop_id, &shop.held, &job.projection) {
                Ok(Some(planned)) => planned,
                Ok(None) => {
                    outcomes.push(Ok(Put::Unchanged));
                    continue;
                }
                Err(error) => {
                    outcomes.push(Err(error));
                    continue;
                }
            };
            let position = head.next();
            let mut alone = Changes::default();
            alone.logged(table, self.shard, position, &entry);
            self.parts(&mut alone, shop_id, shop, (&document, position));
            if !alone.size().fits() {
                outcomes.push(Err(too_large(shop_id, &document, alone.size().bytes)));
                continue;
            }
            // The parts of an earlier update of the same shop are replaced by these: counted twice, which is on the safe side.
            if !size.and(alone.size()).fits() {
                break;
            }
            size = size.and(alone.size());
            changes.logged(table, self.shard, position, &entry);
            head = position;
            shop.held = held_of((*document).clone(), position);
            shop.changed = Some((*document, position));
            outcomes.push(Ok(Put::Applied(position)));
        }
        for (shop_id, shop) in &shops {
            if let Some((document, position)) = &shop.changed {
                self.parts(&mut changes, *shop_id, shop, (document, *position));
            }
        }
        Plan { outcomes, changes, head }
    }

    fn parts(&self, changes: &mut Changes, shop_id: ShopId, shop: &Shop, new: (&ShopDocument, Position)) {
        let (document, position) = new;
        let parts = [(Kind::List, document.list.bytes()), (Kind::Detail, document.detail.bytes())];
        for ((kind, bytes), (held, held_pieces)) in parts.into_iter().zip(&shop.stored) {
            let (held, held_pieces, shard) = (held.clone(), *held_pieces, self.shard);
            let part = NewPart { kind, shard, shop_id, position, bytes, held, held_pieces };
            changes.part(&self.store.address.table, &part);
        }
    }

    async fn save(&self, changes: Changes, deadline: Instant) -> Result<(), Failed> {
        // The same for all attempts: whichever of them was done, the others are not done again.
        let token = format!("{:032x}", rand::random::<u128>());
        let save = self
            .store
            .client
            .transact_write_items()
            .client_request_token(token)
            .set_transact_items(Some(changes.into_actions()));
        self.store.call_as(deadline, || save.clone().send(), Failed::of_transaction).await.map(drop)
    }
}

fn too_large(shop_id: ShopId, document: &ShopDocument, bytes: usize) -> StoreError {
    let (list, detail) = (document.list.bytes().len(), document.detail.bytes().len());
    let reason = format!(
        "its document is too large for one transaction: `{bytes}` bytes (list part {list}, detail part {detail}), at most \
         {BYTES_MAX}"
    );
    StoreError::Corrupt { shop_id, reason }
}

//! The writing thread: updates that arrive together share one transaction and one fsync.

use heed::RwTxn;
use shop_document::ShopDocument;
use shop_id::ShopId;
use tokio::sync::{mpsc, oneshot};

use super::tables::{Tables, key, log_key};
use super::wake::Bell;
use crate::plan_save::{PlannedSave, plan_save};
use crate::traits::shard_of;
use crate::{Lookup, Projected, Put, StoreError};

/// Updates in one transaction. More make the group slower than the fsync that they share.
const GROUP_MAX: usize = 2_000;
pub(super) type Projection = Box<dyn Fn(&Lookup<ShopDocument>) -> Projected + Send>;
/// Anything else that is changed: what to do within the transaction.
pub(super) type Change = Box<dyn FnOnce(&Tables, &mut RwTxn<'_>) -> Result<u64, StoreError> + Send>;

/// What is handed to the thread.
pub(super) enum Job {
    Update { shop_id: ShopId, projection: Projection, reply: oneshot::Sender<Result<Put, StoreError>> },
    Change { change: Change, reply: oneshot::Sender<Result<u64, StoreError>> },
}

/// What the writing thread owns.
pub(super) struct Group {
    pub(super) tables: Tables,
    pub(super) bell: Bell,
    pub(super) shards: u16,
}

/// Who waits for this transaction to be durable.
enum Waiting {
    Update(oneshot::Sender<Result<Put, StoreError>>, Result<Put, StoreError>),
    Change(oneshot::Sender<Result<u64, StoreError>>, u64),
}

impl Waiting {
    fn answer(self, outcome: Result<(), &StoreError>) {
        // A caller that is gone has no use for the answer.
        match self {
            Self::Update(reply, put) => drop(reply.send(outcome.map_err(Clone::clone).and(put))),
            Self::Change(reply, count) => drop(reply.send(outcome.map(|()| count).map_err(Clone::clone))),
        }
    }
}

impl Group {
    pub(super) fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut jobs = vec![first];
            while jobs.len() < GROUP_MAX {
                let Ok(job) = waiting.try_recv() else { break };
                jobs.push(job);
            }
            self.commit(jobs);
        }
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        let tables = self.tables.clone();
        // A reader that was killed in the middle of a read would keep all pages that are freed from now on.
        drop(tables.env.clear_stale_readers());
        let began = tables
            .is_still_there()
            .and_then(|()| tables.env.write_txn().map_err(|error| tables.failed(&error)));
        let mut transaction = match began {
            Ok(transaction) => transaction,
            Err(error) => return refuse(jobs, &error),
        };
        let (mut done, mut changed, mut broken) = (Vec::with_capacity(jobs.len()), false, None);
        for job in jobs {
            // After a failure within the transaction (its map is full) nothing of it can be committed.
            if let Some(error) = &broken {
                refuse(vec![job], error);
                continue;
            }
            match self.perform(&mut transaction, job) {
                Ok(waiting) => {
                    changed |= !matches!(waiting, Waiting::Update(_, Ok(Put::Unchanged) | Err(_)));
                    done.push(waiting);
                }
                Err(error) => broken = Some(error),
            }
        }
        let outcome = match (broken, changed) {
            (Some(error), _) => Err(error),
            // What is unchanged was durable before.
            (None, false) => Ok(()),
            (None, true) => transaction.commit().map_err(|error| tables.failed(&error)),
        };
        if outcome.is_ok() && changed {
            self.bell.ring();
        }
        for waiting in done {
            waiting.answer(outcome.as_ref().copied());
        }
    }

    /// Does one job. An error breaks the transaction; whoever caused it has been told already.
    fn perform(&self, transaction: &mut RwTxn<'_>, job: Job) -> Result<Waiting, StoreError> {
        match job {
            Job::Update { shop_id, projection, reply } => {
                match self.update(transaction, shop_id, &projection) {
                    Ok(put) => Ok(Waiting::Update(reply, put)),
                    Err(error) => {
                        drop(reply.send(Err(error.clone())));
                        Err(error)
                    }
                }
            }
            Job::Change { change, reply } => match change(&self.tables, transaction) {
                Ok(count) => Ok(Waiting::Change(reply, count)),
                Err(error) => {
                    drop(reply.send(Err(error.clone())));
                    Err(error)
                }
            },
        }
    }

    /// The outer error breaks the transaction, the inner one is this shop's own.
    fn update(
        &self,
        transaction: &mut RwTxn<'_>,
        shop_id: ShopId,
        projection: &Projection,
    ) -> Result<Result<Put, StoreError>, StoreError> {
        let tables = &self.tables;
        let held = tables.held(&*transaction, shop_id)?;
        let PlannedSave { document, entry } = match plan_save(shop_id, &held, projection) {
            Ok(Some(planned)) => planned,
            Ok(None) => return Ok(Ok(Put::Unchanged)),
            Err(error) => return Ok(Err(error)),
        };
        let shard = shard_of(shop_id, self.shards);
        let activation = self.activation(transaction)?;
        let position = tables.head_of(&*transaction, shard, activation)?.next();
        let id = shop_id.get().to_be_bytes();
        let with_position = |bytes: &[u8]| [position.to_bytes().as_slice(), bytes].concat();
        let written = tables
            .list
            .put(transaction, &id, &with_position(document.list.bytes()))
            .and_then(|()| tables.detail.put(transaction, &id, &with_position(document.detail.bytes())))
            .and_then(|()| tables.log.put(transaction, &log_key(shard, position), &entry))
            .and_then(|()| tables.meta.put(transaction, &key::head(shard), &position.to_bytes()));
        written.map_err(|error| tables.failed(&error))?;
        Ok(Ok(Put::Applied(position)))
    }

    fn activation(&self, transaction: &RwTxn<'_>) -> Result<u32, StoreError> {
        let bytes =
            self.tables.meta.get(transaction, key::ACTIVATION).map_err(|error| self.tables.failed(&error))?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(1, u32::from_be_bytes))
    }
}

fn refuse(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        match job {
            Job::Update { reply, .. } => drop(reply.send(Err(error.clone()))),
            Job::Change { reply, .. } => drop(reply.send(Err(error.clone()))),
        }
    }
}

//! Answers -> one atomic update each, many of them in one fsync.
//!
//! All that costs time happens before the store's one writing thread is asked: flattening, rendering, and, for a
//! document that is held already, the projection itself ([`crate::plan`]). The thread then only checks that the held
//! document is still the one that was looked at; if another update came between, it runs the projection again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use document_store::{DocumentWriter, Identity, Put, StoreError};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use shop_id::{Revision, ShopId, Writer};
use subscription::{Follower, Priority, SaveError};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use writer_api::SectionAnswer;

use crate::heal::Doubts;
use crate::metrics::{InvalidatorMetrics, Outcome};
use crate::plan::{Plan, Planned, plan};

/// Shops flattened without a pause: a millisecond or two, after which others get their turn. At most the 50 of a gather.
const GROUP_SHOPS: usize = 32;
/// Groups of one call that are under way at once.
const GROUPS_AT_ONCE: usize = 16;
/// Live updates under way at once.
const LIVE_UPDATES_MAX: usize = 2_048;
/// Bulk updates under way at once: what a live one may have to wait behind, some 15 ms of the writing thread.
const BULK_UPDATES_MAX: usize = 512;

/// Saves what writers answered. One per process, followed by all subscriptions.
#[derive(Debug)]
pub struct Saver<S> {
    store: Arc<S>,
    doubts: Doubts,
    metrics: InvalidatorMetrics,
    live: Semaphore,
    bulk: Semaphore,
    is_complete: AtomicBool,
    unusable: watch::Sender<Option<StoreError>>,
}

impl<S: DocumentWriter> Saver<S> {
    /// Into this store; unreadable documents are told there.
    #[must_use]
    pub fn new(store: Arc<S>, doubts: Doubts, metrics: InvalidatorMetrics) -> Self {
        let (live, bulk) = (Semaphore::new(LIVE_UPDATES_MAX), Semaphore::new(BULK_UPDATES_MAX));
        let (is_complete, unusable) = (AtomicBool::new(false), watch::Sender::new(None));
        Self { store, doubts, metrics, live, bulk, is_complete, unusable }
    }

    /// Waits until the store turned out to be unusable for good (its file was replaced under us, its pages make no
    /// sense): nothing will be saved until the program is started again.
    pub async fn unusable(&self) -> StoreError {
        let mut unusable = self.unusable.subscribe();
        loop {
            if let Some(error) = unusable.borrow_and_update().clone() {
                return error;
            }
            // The sender lives in `self`, which is borrowed.
            drop(unusable.changed().await);
        }
    }

    pub(crate) fn refused(&self, error: &StoreError) -> SaveError {
        if matches!(error, StoreError::Unusable { .. }) {
            self.unusable.send_replace(Some(error.clone()));
        }
        SaveError { transient: error.is_transient(), reason: error.to_string() }
    }

    /// Marks the store as complete once every writer of the document was paged through to the end: only then does
    /// "unknown" mean that there is no such shop.
    ///
    /// # Errors
    /// When the store cannot be asked or written.
    pub async fn note_completeness(&self) -> Result<(), StoreError> {
        if self.is_complete.load(Ordering::Relaxed) {
            return Ok(());
        }
        let identity = self.store.identity().await?;
        if !identity.complete {
            let contacts = self.store.writer_contacts().await?;
            // A cursor before all commits is one that was forgotten on purpose: a resync is under way.
            let was_paged_through =
                |cursor: Option<Revision>| cursor.is_some_and(|cursor| cursor > Revision::ZERO);
            if !contacts.iter().all(|contact| was_paged_through(contact.cursor)) {
                return Ok(());
            }
            self.store.mark_complete(identity.activation).await?;
            tracing::info!("every writer was paged through; the store is complete");
        }
        self.is_complete.store(true, Ordering::Relaxed);
        self.metrics.complete.set(1);
        Ok(())
    }

    /// A store that was lost is not complete any more.
    pub(crate) fn see(&self, identity: Identity) {
        if !identity.complete && self.is_complete.swap(false, Ordering::Relaxed) {
            self.metrics.complete.set(0);
        }
    }

    async fn save_group(
        &self,
        writer: Writer,
        answers: Vec<SectionAnswer>,
        priority: Priority,
    ) -> Result<(), StoreError> {
        let room = match priority {
            Priority::Live => &self.live,
            Priority::Bulk => &self.bulk,
        };
        // Never closed; and without room there is still the store's own bound.
        let _room = room.acquire_many(u32::try_from(answers.len()).unwrap_or(1)).await.ok();
        let started = Instant::now();
        let planned = self.plan_group(writer, answers, priority).await;
        let planned = planned.inspect_err(|error| self.metrics.save_failed(error))?;
        tokio::task::yield_now().await;
        for saved in join_all(planned.into_iter().map(|planned| self.update(planned))).await {
            let outcome = saved.inspect_err(|error| self.metrics.save_failed(error))?;
            self.metrics.saved(writer, outcome);
        }
        self.metrics.save_took(writer, started.elapsed().as_secs_f64());
        Ok(())
    }

    async fn plan_group(
        &self,
        writer: Writer,
        answers: Vec<SectionAnswer>,
        priority: Priority,
    ) -> Result<Vec<Planned>, StoreError> {
        let shop_ids: Vec<ShopId> = answers.iter().map(|answer| answer.shop_id).collect();
        let lists = self.store.gather(&shop_ids).await;
        let mut group = Vec::with_capacity(answers.len());
        for (answer, list) in answers.into_iter().zip(lists) {
            let planned = plan(&*self.store, answer, list).await?;
            let shop_id = planned.shop_id;
            if matches!(planned.plan, Plan::BeginAnew(_)) {
                tracing::warn!(%shop_id, "the stored document cannot be read; all its writers are asked again");
                self.metrics.corrupt.inc();
                self.doubts.raise(shop_id);
            }
            if !planned.left_out.is_empty() {
                self.tell_left_out(writer, priority, &planned);
            }
            group.push(planned);
        }
        Ok(group)
    }

    fn tell_left_out(&self, writer: Writer, priority: Priority, planned: &Planned) {
        self.metrics.left_out(writer, planned.left_out.len());
        let shop_id = planned.shop_id;
        for fact in &planned.left_out {
            // A resync must not fill the disk with what is known for long.
            match priority {
                Priority::Live => tracing::warn!(%shop_id, %writer, %fact, "left out what makes no sense"),
                Priority::Bulk => tracing::debug!(%shop_id, %writer, %fact, "left out what makes no sense"),
            }
        }
    }

    async fn update(&self, Planned { shop_id, plan, .. }: Planned) -> Result<Outcome, StoreError> {
        let Some(projection) = plan.projection(shop_id) else { return Ok(Outcome::Unchanged) };
        Ok(match self.store.update(shop_id, projection).await? {
            Put::Applied(_) => Outcome::Applied,
            Put::Unchanged => Outcome::Unchanged,
        })
    }
}

impl<S: DocumentWriter> Follower for Saver<S> {
    async fn save(
        &self,
        writer: Writer,
        answers: Vec<SectionAnswer>,
        priority: Priority,
    ) -> Result<(), SaveError> {
        let mut answers = answers.into_iter();
        let groups = std::iter::from_fn(|| {
            let group: Vec<SectionAnswer> = answers.by_ref().take(GROUP_SHOPS).collect();
            (!group.is_empty()).then_some(group)
        });
        let saving = stream::iter(groups).map(|group| self.save_group(writer, group, priority));
        saving
            .buffer_unordered(GROUPS_AT_ONCE)
            .try_collect::<()>()
            .await
            .map_err(|error| self.refused(&error))
    }

    async fn cursor(&self, writer: Writer) -> Result<Option<Revision>, SaveError> {
        let contacts = self.store.writer_contacts().await.map_err(|error| self.refused(&error))?;
        Ok(contacts.into_iter().find(|contact| contact.writer == writer).and_then(|contact| contact.cursor))
    }

    async fn save_cursor(&self, writer: Writer, cursor: Revision) -> Result<(), SaveError> {
        self.store.save_cursor(writer, cursor).await.map_err(|error| self.refused(&error))?;
        self.note_completeness().await.map_err(|error| self.refused(&error))
    }

    async fn heard_from(&self, writer: Writer, at: Timestamp) -> Result<(), SaveError> {
        self.store.record_heard(writer, at).await.map_err(|error| self.refused(&error))
    }
}

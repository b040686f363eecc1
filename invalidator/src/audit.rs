//! Every stored document, read slowly and again and again; what is in doubt is asked for anew.
//!
//! In doubt is: a document whose bytes cannot be read (all sections), a section that was lost with such bytes, and
//! a section of an epoch before the one in which its writer was last paged through: that writer was restored from
//! a backup and did not name this shop any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use document_store::{ChangeLog, DocumentWriter, Lookup, Scan, StoreError};
use futures_util::future::join_all;
use service_runtime::Drain;
use shop_document::ListPart;
use shop_id::{Revision, ShopId, Writer};

use crate::heal::Doubts;
use crate::metrics::{InvalidatorMetrics, count};
use crate::project::LOST;

/// Shops read at once: a millisecond or two.
const STEP_SHOPS: usize = 100;
/// Between two steps: 2,000 shops a second, a million in eight minutes, at two percent of one core.
const STEP_PAUSE: Duration = Duration::from_millis(50);
/// How long a step waits for a writer that is behind; what found no room is found again by the next audit.
const STEP_WAIT_MAX: Duration = Duration::from_secs(1);

/// What one audit found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Documents looked at.
    pub shops: usize,
    /// Of them unreadable.
    pub corrupt: usize,
    /// Sections that were asked for anew, those of the unreadable ones included.
    pub doubted: usize,
}

/// Looks at all stored documents.
#[derive(Debug)]
pub struct Audit<S> {
    store: Arc<S>,
    doubts: Doubts,
    metrics: InvalidatorMetrics,
}

impl<S: DocumentWriter + ChangeLog> Audit<S> {
    /// Of this store; doubts are raised there.
    #[must_use]
    pub const fn new(store: Arc<S>, doubts: Doubts, metrics: InvalidatorMetrics) -> Self {
        Self { store, doubts, metrics }
    }

    /// One audit after each interval until the drain has begun.
    pub async fn run(self, interval: Duration, drain: Drain) {
        let auditing = async {
            loop {
                tokio::time::sleep(interval).await;
                match self.once().await {
                    Ok(Audited { shops, corrupt, doubted }) if doubted > 0 => {
                        tracing::warn!(shops, corrupt, doubted, "the audit asked for sections in doubt");
                    }
                    Ok(Audited { shops, .. }) => tracing::debug!(shops, "the audit found nothing in doubt"),
                    Err(error) => {
                        tracing::warn!(%error, "the audit cannot read the store; trying again later");
                    }
                }
            }
        };
        tokio::select! {
            () = drain.begun() => {}
            () = auditing => {}
        }
    }

    /// From the first document to the last.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub async fn once(&self) -> Result<Audited, StoreError> {
        let (mut audited, mut after) = (Audited::default(), None);
        loop {
            let epochs = self.epochs().await?;
            let scan = self.store.scan(after, STEP_SHOPS).await?;
            let next = scan.next;
            self.step(scan, &epochs, &mut audited).await?;
            if next.is_none() {
                self.metrics.audits.inc();
                return Ok(audited);
            }
            after = next;
            tokio::time::sleep(STEP_PAUSE).await;
        }
    }

    async fn step(
        &self,
        scan: Scan,
        epochs: &BTreeMap<Writer, u32>,
        audited: &mut Audited,
    ) -> Result<(), StoreError> {
        let mut doubted: BTreeMap<Writer, Vec<ShopId>> = BTreeMap::new();
        let mut corrupt = scan.unreadable;
        audited.shops += scan.shops.len() + corrupt.len();
        self.metrics.audited.inc_by(count(scan.shops.len() + corrupt.len()));
        for (shop_id, stored) in &scan.shops {
            if self.is_without_detail(*shop_id, &stored.part).await? {
                corrupt.push(*shop_id);
                continue;
            }
            for writer in in_doubt(&stored.part, epochs) {
                doubted.entry(writer).or_default().push(*shop_id);
            }
        }
        self.metrics.corrupt.inc_by(count(corrupt.len()));
        audited.corrupt += corrupt.len();
        for writer in Writer::OF_THE_DOCUMENT {
            doubted.entry(writer).or_default().extend(&corrupt);
        }
        let raised = join_all(doubted.iter().map(|(writer, shop_ids)| async {
            let raised = self.doubts.raise_all(*writer, shop_ids, STEP_WAIT_MAX).await;
            self.metrics.doubted(*writer, raised);
            raised
        }));
        audited.doubted += raised.await.into_iter().sum::<usize>();
        Ok(())
    }

    /// Whether the detail part, which a scan does not read, cannot be read.
    async fn is_without_detail(&self, shop_id: ShopId, list: &ListPart) -> Result<bool, StoreError> {
        match self.store.detail(shop_id).await {
            Ok(Lookup::Found(_) | Lookup::Tombstone(_)) => Ok(false),
            // An invisible shop has no detail that is shown.
            Ok(Lookup::Unknown) => Ok(list.is_visible() || list.is_tombstone()),
            Err(StoreError::Corrupt { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The epoch in which each writer was last paged through.
    async fn epochs(&self) -> Result<BTreeMap<Writer, u32>, StoreError> {
        let contacts = self.store.writer_contacts().await?;
        let epoch = |cursor: Option<Revision>| cursor.map_or(0, |cursor| cursor.epoch);
        Ok(contacts.into_iter().map(|contact| (contact.writer, epoch(contact.cursor))).collect())
    }
}

/// The writers whose sections of a readable document are in doubt.
fn in_doubt(list: &ListPart, epochs: &BTreeMap<Writer, u32>) -> impl Iterator<Item = Writer> {
    Writer::OF_THE_DOCUMENT.into_iter().filter(|writer| {
        list.revision(*writer).is_some_and(|revision| {
            revision == LOST || revision.epoch < epochs.get(writer).copied().unwrap_or(0)
        })
    })
}

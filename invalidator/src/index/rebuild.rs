//! A scan of the store -> a new index beside the one that is asked, then in its place.
//!
//! Live changes go to both: the old index is followed on between two pages of the scan, the new one from the moment
//! before the scan once it is filled. It takes the place only when it is up to date and holds nearly all shops.
//!
//! A store that was flushed is filled again by seconds: while there is an index that is asked, the shop writer is waited for,
//! which decides what shops there are. Not for long: a store that holds nearly all of them is good enough without it.

use std::collections::BTreeMap;
use std::time::Duration;

use document_store::{ChangeLog, DocumentReader, StoreError, WriterContact};
use shop_id::{Revision, Writer};
use shop_search::elasticsearch::{Bulk, EngineError, Index, IndexLayout, Indexes};

use super::cursor;
use super::follower::{Followed, Indexing, IndexingError, version};

/// Shops read by one step of the scan.
const SCAN_SHOPS: usize = 1_000;
/// Between two looks whether a store is filled again.
const INCOMPLETE_PAUSE: Duration = Duration::from_secs(2);
/// After this it is tried with what is there.
const INCOMPLETE_MAX: Duration = Duration::from_secs(30);

impl<S: DocumentReader + ChangeLog> Indexing<S> {
    /// Returns the new index, asked and followed up to now.
    pub(super) async fn rebuild(&self) -> Result<Followed, IndexingError> {
        let (indexes, mut old) = self.worth_building().await?;
        // Taken before the scan: what is saved meanwhile is read again from the log.
        let positions = self.store.head().await?;
        let settings = &self.settings;
        let layout =
            IndexLayout { shards: settings.shards.get(), replicas: settings.replicas, nori: settings.nori };
        let index = self.engine.create(layout, self.clock.now()).await?;
        tracing::info!(index = index.name(), "building an index from the store");
        let mut new = Followed { index, positions };
        let built = self.fill(&mut new, &mut old).await;
        let placed = match built {
            Ok(()) => {
                let loss_percent_max = settings.loss_percent_max.get();
                let replaced = indexes.replace(&new.index, loss_percent_max).await;
                self.in_doubt(replaced).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = placed {
            self.give_up(new.index).await;
            return Err(error);
        }
        self.metrics.rebuilds.inc();
        tracing::info!(index = new.index.name(), "the new index is asked now");
        Ok(new)
    }

    /// Nobody has to look at an index that lost shops because its store is still being filled.
    async fn in_doubt(&self, replaced: Result<(), EngineError>) -> Result<(), IndexingError> {
        let Err(error @ EngineError::TooFew { .. }) = replaced else { return Ok(replaced?) };
        if self.is_filled().await? {
            return Err(error.into());
        }
        let (store, reason) = ("documents".to_owned(), format!("it is still being filled ({error})"));
        Err(StoreError::Unavailable { store, reason }.into())
    }

    /// The shop writer was paged through since the last loss.
    async fn is_filled(&self) -> Result<bool, IndexingError> {
        let is_past = |contact: &WriterContact| contact.cursor.is_some_and(|cursor| cursor > Revision::ZERO);
        let contacts = self.store.writer_contacts().await?;
        Ok(self.store.identity().await?.complete
            || contacts.iter().any(|contact| contact.writer == Writer::Shop && is_past(contact)))
    }

    /// The indexes as they stand, and the one to be followed meanwhile, once a scan gives all shops. What is asked until
    /// then holds more than a store that is still being filled. One that is flushed after this look is told by its log,
    /// which no longer reaches back.
    async fn worth_building(&self) -> Result<(Indexes, Option<Followed>), IndexingError> {
        let (began, mut is_said) = (tokio::time::Instant::now(), false);
        loop {
            let indexes = self.engine.indexes().await?;
            let mut old = self.followed(&indexes).await?;
            let is_due = self.is_filled().await? || began.elapsed() > INCOMPLETE_MAX;
            let Some(live) = indexes.live.as_ref().filter(|_| !is_due) else {
                return Ok((indexes, old));
            };
            if !std::mem::replace(&mut is_said, true) {
                tracing::warn!(
                    index = live.name(),
                    "the store is still being filled; the index is built anew when it is"
                );
            }
            self.metrics.waiting.set(1);
            self.follow_old(&mut old).await?;
            tokio::time::sleep(INCOMPLETE_PAUSE).await;
        }
    }

    async fn fill(&self, new: &mut Followed, old: &mut Option<Followed>) -> Result<(), IndexingError> {
        let mut after = None;
        loop {
            let scan = self.store.scan(after, SCAN_SHOPS).await?;
            let shops: BTreeMap<_, _> = scan.shops.into_iter().collect();
            let mut bulk = Bulk::default();
            for (shop_id, stored) in &shops {
                // A shop without cells, closed ones among them, is no part of a new index.
                if stored.part.is_visible() {
                    bulk.put(*shop_id, version(stored.position), &stored.part, new.index.has_nori());
                }
                if bulk.bytes() >= self.settings.bulk_bytes_max.get() {
                    self.write(&new.index, &std::mem::take(&mut bulk)).await?;
                }
            }
            self.write(&new.index, &bulk).await?;
            self.follow_old(old).await?;
            after = scan.next;
            if after.is_none() {
                break;
            }
        }
        self.catch_up(new).await?;
        self.follow_old(old).await?;
        // Of an index that missed nothing; one without a cursor was never complete.
        new.index.save_cursor(&cursor::text(&new.positions)).await?;
        Ok(())
    }

    /// Questions go on being answered by it. One that cannot be followed any more is left as it is.
    async fn follow_old(&self, old: &mut Option<Followed>) -> Result<(), IndexingError> {
        let Some(followed) = old else { return Ok(()) };
        match self.catch_up(followed).await {
            Err(
                IndexingError::Store(StoreError::Trimmed { .. })
                | IndexingError::Engine(EngineError::Missing { .. } | EngineError::Blocked { .. }),
            ) => {
                *old = None;
                Ok(())
            }
            caught_up => caught_up,
        }
    }

    async fn give_up(&self, index: Index) {
        let name = index.name().to_owned();
        if let Err(error) = index.discard().await {
            tracing::warn!(%error, index = name, "a half-built index stays behind; the next one takes it away");
        }
    }
}

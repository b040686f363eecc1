//! A whole writer, page by page: the next page is fetched while the last ones are saved.

use std::sync::Arc;

use shop_id::{Revision, ShopId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use writer_api::{Asked, PageAnswer, RefetchError, WriterReads};

use crate::breaker::Verdict;
use crate::gate::{Gate, Side};
use crate::metrics::WriterMetrics;
use crate::pause::Pauses;
use crate::refetch::{Blame, blame, kind, within};
use crate::save::{self, save};
use crate::wanted::Wanted;
use crate::{Follower, Priority, Settings};

/// Below this a page that times out is not made smaller.
const PAGE_SHOPS_MIN: usize = 50;

/// What a full resync needs.
#[derive(Debug)]
pub(crate) struct Resync<R, F> {
    pub(crate) reads: Arc<R>,
    pub(crate) follower: Arc<F>,
    pub(crate) settings: Settings,
    pub(crate) metrics: WriterMetrics,
    pub(crate) gate: Arc<Gate>,
    pub(crate) pauses: Pauses,
    pub(crate) wanted: mpsc::Sender<Wanted>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resynced {
    /// All is saved. Changes after this commit may be missing: follow changed-since from here.
    UpTo(Revision),
    /// A page is unusable, and there is no way around one shop on it without knowing its ID. Changed-since from the
    /// very beginning names all IDs.
    Unpageable,
    /// The subscription has ended.
    Ended,
}

impl<R: WriterReads, F: Follower> Resync<R, F> {
    /// Pages through all. What was committed when the first page was answered is saved at the end, and so is what each
    /// later page contains; `UpTo` is the oldest of all these moments, since pages may come from replicas that are
    /// behind one another.
    pub(crate) async fn run(self) -> Resynced {
        let resync = Arc::new(self);
        let (mut after, mut up_to) = (None, None::<Revision>);
        let mut saves = JoinSet::new();
        loop {
            let Ok(page) = resync.page(after).await else { return Resynced::Unpageable };
            up_to = Some(up_to.map_or(page.as_of_sequence, |up_to| up_to.min(page.as_of_sequence)));
            after = page.next_page_after;
            while saves.len() >= resync.settings.pages_in_flight_max.max(1) {
                if !matches!(saves.join_next().await, Some(Ok(true))) {
                    return Resynced::Ended;
                }
            }
            let saving = Arc::clone(&resync);
            saves.spawn(async move { saving.save_page(page).await });
            if after.is_none() {
                break;
            }
        }
        while let Some(saved) = saves.join_next().await {
            if !matches!(saved, Ok(true)) {
                return Resynced::Ended;
            }
        }
        up_to.map_or(Resynced::Ended, Resynced::UpTo)
    }

    /// One page, however long the writer is away.
    async fn page(&self, after: Option<ShopId>) -> Result<PageAnswer, RefetchError> {
        let (mut failures, mut limit) = (0, self.settings.page_shops_max.max(1));
        loop {
            self.gate.writer_may_be_asked().await;
            let page = self.reads.page(after, limit);
            let page = within(self.settings.page_timeout, &*self.reads, Asked::Page { after }, page).await;
            let error = match page {
                Ok(page) => {
                    self.gate.judge(Side::Writer, Verdict::Well);
                    return Ok(page);
                }
                Err(error) => error,
            };
            self.metrics.refetch_failed(kind(&error));
            let writer = error.writer();
            if blame(&error) == Blame::Question {
                self.gate.judge(Side::Writer, Verdict::Undecided);
                tracing::warn!(%writer, %error, "cannot page through the writer; following its changes from the beginning instead");
                return Err(error);
            }
            self.gate.judge(Side::Writer, Verdict::Ill);
            tracing::warn!(%writer, %error, "the full resync waits for the writer");
            if matches!(error, RefetchError::TimedOut { .. }) {
                limit = (limit / 2).max(PAGE_SHOPS_MIN.min(limit));
            }
            failures += 1;
            tokio::time::sleep(self.pauses.after(failures)).await;
        }
    }

    /// `false`: the subscription has ended. A page that cannot be saved as a whole goes the way of single shops, which
    /// knows how to wait and whom to blame.
    async fn save_page(&self, page: PageAnswer) -> bool {
        let shops: Vec<_> =
            page.sections.iter().map(|section| (section.shop_id, section.as_of_sequence)).collect();
        let count = shops.len() as u64;
        match save(&*self.follower, self.reads.writer(), page.sections, Priority::Bulk).await {
            Ok(_) => self.gate.judge(Side::Store, Verdict::Well),
            Err(error) => {
                self.gate.judge(Side::Store, Verdict::Ill);
                self.metrics.save_failed(save::kind(&error));
                tracing::warn!(writer = %self.reads.writer(), %error, shops = count, "a page of the full resync waits for the store");
                let (done, resaved) = oneshot::channel();
                if self.wanted.send(Wanted::Again(shops, done)).await.is_err() || resaved.await.is_err() {
                    return false;
                }
            }
        }
        self.metrics.resynced_shops.inc_by(count);
        true
    }
}

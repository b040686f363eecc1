//! Changed-since, always followed: what makes a lost event cost seconds.
//!
//! The writer is asked every interval what was committed after the cursor. What it names goes the way of events, and
//! shares refetches with them; the cursor is stored after the saves that it covers. Without a cursor, or with one that
//! the writer no longer knows, everything is paged through once, while changed-since goes on beside it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use service_runtime::Clock;
use shop_id::{Revision, Writer};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use writer_api::answer::LIMIT_MAX;
use writer_api::{Asked, ChangesAnswer, RefetchError, WriterReads};

use crate::breaker::Verdict;
use crate::gate::{Gate, Side};
use crate::ledger::Heard;
use crate::metrics::WriterMetrics;
use crate::pause::Pauses;
use crate::refetch::{Blame, blame, kind, within};
use crate::requests::{Ended, ResyncRequest};
use crate::resync::{Resync, Resynced};
use crate::wanted::Wanted;
use crate::{Follower, Priority, SaveError, Settings};

/// While saves come in without end, the cursor is stored this often.
const STORE_EVERY: Duration = Duration::from_secs(1);
/// A replica may be behind our cursor for so long; after that we believe the cursor to be from a lost future.
const BEHIND_MAX: Duration = Duration::from_secs(60);

/// What following takes.
#[derive(Debug)]
pub(crate) struct ChangedSince<R, F> {
    pub(crate) reads: Arc<R>,
    pub(crate) follower: Arc<F>,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) metrics: WriterMetrics,
    pub(crate) gate: Arc<Gate>,
    pub(crate) pauses: Pauses,
    pub(crate) heard: Arc<Heard>,
    pub(crate) wanted: mpsc::Sender<Wanted>,
    pub(crate) asked: mpsc::Receiver<ResyncRequest>,
}

/// How far it has come.
#[derive(Debug)]
struct Progress {
    /// Whether the ledger holds a position to ask from.
    following: bool,
    /// There was more at the last question.
    catching_up: bool,
    next_question: Instant,
    failures: u32,
    behind_since: Option<Instant>,
    /// [`Revision::ZERO`]: none.
    stored: Revision,
    next_store: Instant,
    store_failures: u32,
    /// The position at which the last full resync began.
    followed_from: Revision,
    /// One, or none.
    resync: JoinSet<Resynced>,
    /// Those who asked for it.
    waiting: Vec<oneshot::Sender<()>>,
}

impl<R: WriterReads, F: Follower> ChangedSince<R, F> {
    /// Follows until the other end of `wanted` is gone.
    pub(crate) async fn run(mut self) -> Result<(), Ended> {
        let now = Instant::now();
        let mut progress = Progress {
            following: false,
            catching_up: false,
            next_question: now,
            failures: 0,
            behind_since: None,
            stored: self.stored_cursor().await,
            next_store: now,
            store_failures: 0,
            followed_from: Revision::ZERO,
            resync: JoinSet::new(),
            waiting: Vec::new(),
        };
        if progress.stored == Revision::ZERO {
            self.begin_resync(&mut progress).await;
        } else {
            self.heard.lock().rewind(progress.stored);
            progress.following = true;
        }
        loop {
            self.answer_those_who_wait(&mut progress);
            let (question_at, store_at) = (self.question_at(&progress), self.store_at(&progress));
            tokio::select! {
                () = at(question_at) => self.ask(&mut progress).await?,
                () = at(store_at) => self.store(&mut progress).await,
                Some(resynced) = progress.resync.join_next() => self.resynced(&mut progress, resynced).await,
                Some(request) = self.asked.recv(), if progress.resync.is_empty() => {
                    self.resync_on_request(&mut progress, request).await?;
                }
                () = self.heard.moved.notified() => {}
            }
        }
    }

    fn writer(&self) -> Writer {
        self.reads.writer()
    }

    async fn stored_cursor(&self) -> Revision {
        for failures in 1.. {
            match self.follower.cursor(self.writer()).await {
                Ok(cursor) => return cursor.unwrap_or(Revision::ZERO),
                Err(error) => {
                    self.wait_for_store(&error, failures, "cannot read the changed-since cursor").await;
                }
            }
        }
        Revision::ZERO
    }

    async fn wait_for_store(&self, error: &SaveError, failures: u32, what: &str) {
        tracing::warn!(writer = %self.writer(), %error, "{what}; trying again");
        tokio::time::sleep(self.pause(error.transient, failures)).await;
    }

    fn pause(&self, transient: bool, failures: u32) -> Duration {
        if transient { self.pauses.after(failures) } else { self.pauses.longest() }
    }

    fn question_at(&self, progress: &Progress) -> Option<Instant> {
        let pending = self.heard.lock().pending();
        self.metrics.changes_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
        (progress.following && pending < self.settings.changes_pending_max).then_some(progress.next_question)
    }

    async fn question(&self, after: Revision, limit: usize) -> Result<ChangesAnswer, RefetchError> {
        self.gate.writer_may_be_asked().await;
        let changes = self.reads.changes(after, limit);
        let answer =
            within(self.settings.refetch_timeout, &*self.reads, Asked::Changes { after }, changes).await;
        let verdict = match &answer {
            Ok(_) | Err(RefetchError::CursorExpired { .. }) => Verdict::Well,
            Err(error) if blame(error) == Blame::Question => Verdict::Undecided,
            Err(_) => Verdict::Ill,
        };
        self.gate.judge(Side::Writer, verdict);
        self.metrics.changed_since(answer.as_ref().map_or_else(kind, |_| "answered"));
        answer
    }

    /// One question, one page of changes.
    async fn ask(&self, progress: &mut Progress) -> Result<(), Ended> {
        let (began, after) = (Instant::now(), self.heard.lock().asked_up_to());
        match self.question(after, LIMIT_MAX).await {
            Ok(answer) => {
                (progress.failures, progress.behind_since) = (0, None);
                let more = answer.has_more && answer.next_cursor > after;
                // Catching up with an outage must not stand before what changes now.
                let priority = if more || progress.catching_up { Priority::Bulk } else { Priority::Live };
                progress.catching_up = more;
                let changed = self.heard.lock().note(&answer.changes, answer.next_cursor);
                if !changed.is_empty() {
                    let wanted = Wanted::Changed(changed, priority);
                    self.wanted.send(wanted).await.map_err(|_| Ended)?;
                }
                if !more {
                    progress.next_question = began + self.settings.changed_since_interval;
                    self.say_heard_from().await;
                }
            }
            Err(error @ RefetchError::CursorExpired { .. }) => {
                self.cursor_expired(progress, after, &error).await;
            }
            Err(error) => {
                progress.failures += 1;
                let pause = self.pauses.after(progress.failures).min(self.settings.changed_since_interval);
                progress.next_question = Instant::now() + pause;
                tracing::warn!(writer = %self.writer(), %error, "cannot ask what changed; trying again");
            }
        }
        Ok(())
    }

    /// A writer that was restored has a newer epoch. One whose epoch is no newer than the cursor's is a replica that is
    /// behind it, which passes and is no reason to page through everything.
    async fn cursor_expired(&self, progress: &mut Progress, after: Revision, error: &RefetchError) {
        let (writer, now) = (self.writer(), Instant::now());
        let newest = self.question(Revision::ZERO, 1).await;
        let asked_again = match &newest {
            Ok(newest) if newest.as_of_sequence.epoch <= after.epoch => {
                now.duration_since(*progress.behind_since.get_or_insert(now)) < BEHIND_MAX
            }
            Ok(_) => false,
            Err(error) => blame(error) == Blame::Writer,
        };
        if asked_again {
            progress.failures += 1;
            let pause = self.pauses.after(progress.failures).min(self.settings.changed_since_interval);
            progress.next_question = now + pause;
            tracing::debug!(%writer, %error, "a replica is behind the cursor; asking again");
            return;
        }
        tracing::warn!(%writer, %error, "beginning a full resync");
        // Whatever the resync ends at is stored, be it before the cursor that expired.
        (progress.following, progress.behind_since, progress.stored) = (false, None, Revision::ZERO);
        if progress.resync.is_empty() {
            self.begin_resync(progress).await;
        }
    }

    async fn say_heard_from(&self) {
        let (writer, now) = (self.writer(), self.clock.now());
        if let Err(error) = self.follower.heard_from(writer, now).await {
            self.metrics.save_failed(crate::save::kind(&error));
            tracing::warn!(%writer, %error, "cannot record that the writer was heard from");
        }
    }

    /// When the cursor is stored next, if it has moved and may be stored.
    fn store_at(&self, progress: &Progress) -> Option<Instant> {
        let ledger = self.heard.lock();
        let moved = ledger.covered_up_to() > progress.stored;
        let at_once = ledger.pending() == 0 && progress.store_failures == 0;
        let may = progress.following && progress.resync.is_empty() && moved;
        may.then(|| if at_once { Instant::now() } else { progress.next_store })
    }

    async fn store(&self, progress: &mut Progress) {
        let cursor = self.heard.lock().covered_up_to();
        progress.next_store = Instant::now() + STORE_EVERY;
        match self.follower.save_cursor(self.writer(), cursor).await {
            Ok(()) => (progress.stored, progress.store_failures) = (cursor, 0),
            Err(error) => {
                progress.store_failures += 1;
                progress.next_store = Instant::now() + self.pause(error.transient, progress.store_failures);
                self.metrics.save_failed(crate::save::kind(&error));
                tracing::warn!(writer = %self.writer(), %error, "cannot store the changed-since cursor; trying again");
            }
        }
    }

    /// Learns from where to follow while the pages are fetched, and begins to fetch them.
    async fn begin_resync(&self, progress: &mut Progress) {
        self.forget_cursor(progress).await;
        for failures in 1.. {
            match self.question(Revision::ZERO, 1).await {
                Ok(answer) => {
                    // Taken before the first page, so what is committed from now on is heard of.
                    self.heard.lock().rewind(answer.as_of_sequence);
                    (progress.following, progress.next_question) = (true, Instant::now());
                    break;
                }
                Err(error) => {
                    tracing::warn!(writer = %self.writer(), %error, "the full resync waits for the writer");
                    if blame(&error) == Blame::Question {
                        // Its pages may be well all the same, and say from where to follow once they are saved.
                        break;
                    }
                    tokio::time::sleep(self.pauses.after(failures)).await;
                }
            }
        }
        self.spawn_resync(progress);
    }

    fn spawn_resync(&self, progress: &mut Progress) {
        progress.followed_from = self.heard.lock().asked_up_to();
        let resync = Resync {
            reads: Arc::clone(&self.reads),
            follower: Arc::clone(&self.follower),
            settings: self.settings.clone(),
            metrics: self.metrics.clone(),
            gate: Arc::clone(&self.gate),
            pauses: self.pauses,
            wanted: self.wanted.clone(),
        };
        progress.resync.spawn(resync.run());
    }

    async fn resynced(&self, progress: &mut Progress, resynced: Result<Resynced, JoinError>) {
        match resynced {
            Ok(Resynced::UpTo(up_to)) => {
                // Where pages are older than the place from which changes were followed meanwhile, there is a gap.
                if !progress.following || up_to < progress.followed_from {
                    self.heard.lock().rewind(up_to);
                } else {
                    self.heard.lock().advance(up_to);
                }
                // What was committed while the pages were read is asked for at once.
                (progress.following, progress.catching_up) = (true, true);
                progress.next_question = Instant::now();
                self.metrics.full_resyncs.inc();
                tracing::info!(writer = %self.writer(), %up_to, "full resync is complete");
            }
            Ok(Resynced::Unpageable) => {
                self.heard.lock().rewind(Revision::ZERO);
                (progress.following, progress.catching_up) = (true, true);
                progress.next_question = Instant::now();
            }
            Ok(Resynced::Ended) | Err(_) => {
                tracing::error!(writer = %self.writer(), "the full resync broke off; beginning it again");
                tokio::time::sleep(self.pauses.longest()).await;
                self.spawn_resync(progress);
            }
        }
    }

    /// First of all, so that a crash in between does not end the resync. It also tells the follower that one begins.
    async fn forget_cursor(&self, progress: &mut Progress) {
        for failures in 1.. {
            match self.follower.save_cursor(self.writer(), Revision::ZERO).await {
                Ok(()) => break,
                Err(error) => self.wait_for_store(&error, failures, "cannot forget the cursor").await,
            }
        }
        progress.stored = Revision::ZERO;
    }

    async fn resync_on_request(&self, progress: &mut Progress, request: ResyncRequest) -> Result<(), Ended> {
        self.forget_cursor(progress).await;
        self.wanted.send(Wanted::Forget).await.map_err(|_| Ended)?;
        progress.waiting.push(request.done);
        self.spawn_resync(progress);
        Ok(())
    }

    fn answer_those_who_wait(&self, progress: &mut Progress) {
        let all_is_saved = progress.following && !progress.catching_up && progress.resync.is_empty() && {
            let ledger = self.heard.lock();
            ledger.pending() == 0 && ledger.covered_up_to() <= progress.stored
        };
        if all_is_saved {
            for done in progress.waiting.drain(..) {
                // Nobody may be waiting any more.
                let _ = done.send(());
            }
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => pending().await,
    }
}

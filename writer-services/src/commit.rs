//! Many changes at once -> one fsync: a thread that owns the writing connection and takes what waits as one group.
//!
//! While one group is being made durable the next one gathers, so the group grows with the load by itself and a lone
//! change waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use service_runtime::Clock;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::database::{Committed, Database, Row};
use crate::decide::Change;
use crate::metrics::Counted;

/// An fsync that takes longer than this is a dead disk.
const COMMIT_MAX: Duration = Duration::from_secs(30);

/// Why nothing of a request was committed. Transient, but for `Full`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommitError {
    /// Until somebody makes room.
    #[error(
        "the database is full ({0}); nothing was changed; free space on its disk or raise `database_bytes_max`"
    )]
    Full(String),
    /// Locked by another tool, or a failing disk.
    #[error("the database did not take the commit: {0}; nothing was changed, try again")]
    Failed(String),
    /// More wait than `commits_waiting_max`.
    #[error("too many changes wait for their commit; nothing was changed, try again")]
    Busy,
    /// The writer is on its way out.
    #[error("the writer is stopping; nothing was changed, try again")]
    Stopping,
    /// The only one after which the change may be there: changing again with the same facts does no harm.
    #[error("no answer from the disk within {} s; the change may be committed later", COMMIT_MAX.as_secs())]
    NoAnswer,
}

enum Job {
    Take { changes: Vec<Change>, answer: oneshot::Sender<Result<Vec<Row>, CommitError>> },
    Tidy,
}

/// Where changes are handed in. Cloning shares it; the thread ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Commits {
    jobs: mpsc::Sender<Job>,
}

/// What the relay needs of the commits.
#[derive(Debug)]
pub(crate) struct Announcing {
    /// The newest committed counter; closed when no more will come.
    pub(crate) committed: watch::Receiver<u64>,
    /// The newest announced counter.
    pub(crate) published: Arc<AtomicU64>,
    jobs: mpsc::WeakSender<Job>,
    /// Dropped by the relay when it has announced all it could.
    _ended: oneshot::Sender<()>,
}

impl Announcing {
    /// Asks for the announced rows to be deleted now: no change came along to do it on the way.
    pub(crate) fn tidy(&self) {
        if let Some(jobs) = self.jobs.upgrade() {
            // Full: then changes come along, which do it.
            drop(jobs.try_send(Job::Tidy));
        }
    }
}

/// How the thread is bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) group_changes_max: usize,
    pub(crate) waiting_max: usize,
}

/// Starts the thread. The last handle fires when it has ended.
pub(crate) fn start(
    database: Database,
    bounds: Bounds,
    announced: u64,
    clock: Clock,
    counted: Counted,
) -> std::io::Result<(Commits, Announcing, oneshot::Receiver<()>)> {
    let (jobs, waiting) = mpsc::channel(bounds.waiting_max.max(1));
    let (committed, committed_seen) = watch::channel(0);
    let published = Arc::new(AtomicU64::new(announced));
    let (relay_ended, relay_end) = oneshot::channel();
    let (ended, end) = oneshot::channel();
    let announcing = Announcing {
        committed: committed_seen,
        published: Arc::clone(&published),
        jobs: jobs.downgrade(),
        _ended: relay_ended,
    };
    let mut committer = Committer {
        database,
        waiting,
        committed,
        published,
        clock,
        counted,
        group_max: bounds.group_changes_max,
    };
    std::thread::Builder::new().name("commit".to_owned()).spawn(move || {
        while committer.next_group() {}
        let Committer { mut database, committed, published, .. } = committer;
        // Closed: the relay announces the rest and goes.
        drop(committed);
        drop(relay_end.blocking_recv());
        if let Err(error) = database.tidy(published.load(Ordering::Acquire)) {
            tracing::warn!(%error, "announced rows stay in the outbox; they will be announced once more");
        }
        drop(database);
        drop(ended);
    })?;
    Ok((Commits { jobs }, announcing, end))
}

impl Commits {
    /// Hands changes in and waits until they are durable; one outcome each, in their order. All are committed
    /// together or, on an error, none.
    pub(crate) async fn take(&self, changes: Vec<Change>) -> Result<Vec<Row>, CommitError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(Job::Take { changes, answer }).map_err(|error| match error {
            TrySendError::Full(_) => CommitError::Busy,
            TrySendError::Closed(_) => CommitError::Stopping,
        })?;
        match tokio::time::timeout(COMMIT_MAX, answered).await {
            Ok(answered) => answered.unwrap_or(Err(CommitError::Stopping)),
            Err(_) => Err(CommitError::NoAnswer),
        }
    }
}

struct Committer {
    database: Database,
    waiting: mpsc::Receiver<Job>,
    committed: watch::Sender<u64>,
    published: Arc<AtomicU64>,
    clock: Clock,
    counted: Counted,
    group_max: usize,
}

/// Who waits, and for how many rows.
type Waiter = (oneshot::Sender<Result<Vec<Row>, CommitError>>, usize);

impl Committer {
    /// Takes what waits as one group. `false`: nobody will hand anything in any more.
    fn next_group(&mut self) -> bool {
        let Some(first) = self.waiting.blocking_recv() else { return false };
        let (mut changes, mut waiters, mut tidy) = (Vec::new(), Vec::new(), false);
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Take { changes: mut more, answer } => {
                    waiters.push((answer, more.len()));
                    changes.append(&mut more);
                }
                Job::Tidy => tidy = true,
            }
            next = if changes.len() < self.group_max { self.waiting.try_recv().ok() } else { None };
        }
        let published = self.published.load(Ordering::Acquire);
        if !waiters.is_empty() {
            self.commit(changes, waiters, published);
        } else if tidy && let Err(error) = self.database.tidy(published) {
            tracing::warn!(%error, "announced rows could not be deleted from the outbox; the next commit does it");
        }
        true
    }

    fn commit(&mut self, changes: Vec<Change>, waiters: Vec<Waiter>, published: u64) {
        let begun = Instant::now();
        match self.database.commit(changes, self.clock.now(), published) {
            Ok(Committed { rows, state, given_up }) => {
                self.counted.group(&rows, begun.elapsed(), state.counter, given_up);
                self.committed.send_if_modified(|newest| {
                    let is_newer = *newest != state.counter;
                    *newest = state.counter;
                    is_newer
                });
                let mut rows = rows.into_iter();
                for (answer, count) in waiters {
                    // Whoever went away meanwhile finds the change made.
                    drop(answer.send(Ok(rows.by_ref().take(count).collect())));
                }
            }
            Err(error) => {
                tracing::error!(%error, changes = waiters.iter().map(|(_, count)| count).sum::<usize>(), "a commit failed");
                self.counted.commit_failures.inc();
                let error = why(&error);
                for (answer, _) in waiters {
                    drop(answer.send(Err(error.clone())));
                }
            }
        }
    }
}

fn why(error: &rusqlite::Error) -> CommitError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => CommitError::Full(error.to_string()),
        _ => CommitError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{Settings, Taken};
    use crate::owner::Ads;
    use crate::ready::ReadyFacts;
    use shop_id::{ShopId, Writer};
    use std::task::Poll;
    use tempfile::TempDir;
    use writer_api::Outcome;

    fn put(number: u64) -> Change {
        let facts = ReadyFacts::read::<Ads>(br#"{"campaigns":[]}"#).unwrap();
        Change::put::<Ads>(ShopId::new(number).unwrap(), facts)
    }

    fn started(directory: &TempDir, waiting_max: usize) -> (Commits, Announcing, Counted) {
        let settings = Settings {
            path: directory.path().join("ads.sqlite"),
            writer: Writer::Ads,
            epoch_at_least: 1,
            bytes_max: 1 << 30,
            outbox_rows_max: 1_000,
        };
        let counted = Counted::register(&service_runtime::ops::Metrics::default(), Writer::Ads);
        let bounds = Bounds { group_changes_max: 1_000, waiting_max };
        let database = Database::open(&settings).unwrap();
        let (commits, announcing, _) = start(database, bounds, 0, Clock::system(), counted.clone()).unwrap();
        (commits, announcing, counted)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn changes_that_wait_for_the_disk_share_the_next_commit() {
        let directory = TempDir::new().unwrap();
        let (commits, _announcing, counted) = started(&directory, 1_000);
        // Somebody holds the file while fifty changes come.
        let holding = rusqlite::Connection::open(directory.path().join("ads.sqlite")).unwrap();
        holding.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut waiting = Vec::new();
        for number in 1..=50 {
            let mut taken = Box::pin(commits.take(vec![put(number)]));
            // Handed in with the first poll; answered once the file is free again.
            assert!(
                std::future::poll_fn(|context| Poll::Ready(taken.as_mut().poll(context))).await.is_pending()
            );
            waiting.push(taken);
        }
        holding.execute_batch("COMMIT").unwrap();
        let mut counters = Vec::new();
        for answer in waiting {
            let rows = answer.await.unwrap();
            let [Ok(Taken { outcome: Outcome::Created, revision, .. })] = rows[..] else {
                panic!("{rows:?}")
            };
            counters.push(revision.counter);
        }
        counters.sort_unstable();
        assert_eq!(counters, (1..=50).collect::<Vec<_>>());
        assert!(counted.commits() <= 2, "{} commits for 50 changes", counted.commits());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn more_changes_than_may_wait_are_refused_at_once_and_lose_nothing() {
        let directory = TempDir::new().unwrap();
        let (commits, _announcing, counted) = started(&directory, 1);
        let holding = rusqlite::Connection::open(directory.path().join("ads.sqlite")).unwrap();
        holding.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (mut waiting, mut refused) = (Vec::new(), 0);
        for number in 1..=50 {
            let mut taken = Box::pin(commits.take(vec![put(number)]));
            match std::future::poll_fn(|context| Poll::Ready(taken.as_mut().poll(context))).await {
                Poll::Pending => waiting.push(taken),
                Poll::Ready(answer) => {
                    assert_eq!(answer.unwrap_err(), CommitError::Busy);
                    refused += 1;
                }
            }
        }
        assert!(refused > 0 && !waiting.is_empty(), "{refused} refused");
        holding.execute_batch("COMMIT").unwrap();
        for answer in waiting {
            assert!(matches!(answer.await.unwrap()[..], [Ok(Taken { outcome: Outcome::Created, .. })]));
        }
        assert!(counted.commits() > 0);
    }
}

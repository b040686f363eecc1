//! What is counted. Never by shop.

use std::sync::PoisonError;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use service_runtime::ops::Metrics;
use shop_id::Writer;
use writer_api::Outcome;

use crate::database::Row;

/// Handles of everything that is counted in one writer. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    changes: Family<OfOutcome, Counter>,
    commits: Counter,
    pub(crate) commit_failures: Counter,
    commit_seconds: Histogram,
    group_changes: Histogram,
    /// Of the newest commit.
    pub(crate) counter: Gauge,
    pub(crate) outbox_waiting: Gauge,
    pub(crate) published: Counter,
    pub(crate) relay_failures: Counter,
    given_up: Counter,
    reads: Family<OfRead, Counter>,
    pub(crate) read_failures: Counter,
    pub(crate) cursors_ahead: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRead {
    read: &'static str,
}

impl Counted {
    /// Registers everything.
    pub(crate) fn register(metrics: &Metrics, writer: Writer) -> Self {
        let counted = Self {
            changes: Family::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            group_changes: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            counter: Gauge::default(),
            outbox_waiting: Gauge::default(),
            published: Counter::default(),
            relay_failures: Counter::default(),
            given_up: Counter::default(),
            reads: Family::default(),
            read_failures: Counter::default(),
            cursors_ahead: Counter::default(),
        };
        let mut registry = metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let registry = registry.sub_registry_with_prefix("shopfront_writer_services");
        let registry = registry.sub_registry_with_label(("writer".into(), writer.name().into()));
        registry.register("changes", "Changes answered, by what became of them", counted.changes.clone());
        registry.register("commits", "Groups made durable", counted.commits.clone());
        registry.register(
            "commit_failures",
            "Groups refused by the database",
            counted.commit_failures.clone(),
        );
        registry.register(
            "commit_seconds",
            "From taking a group to its fsync",
            counted.commit_seconds.clone(),
        );
        registry.register("group_changes", "Changes that shared a commit", counted.group_changes.clone());
        registry.register("counter", "The newest commit", counted.counter.clone());
        registry.register(
            "outbox_waiting",
            "Announcements not yet published",
            counted.outbox_waiting.clone(),
        );
        registry.register("published", "Announcements published", counted.published.clone());
        registry.register(
            "relay_failures",
            "Batches that the transport did not take",
            counted.relay_failures.clone(),
        );
        registry.register(
            "outbox_given_up",
            "Announcements dropped, more than `outbox_rows_max` waited",
            counted.given_up.clone(),
        );
        registry.register("reads", "Reads answered", counted.reads.clone());
        registry.register(
            "read_failures",
            "Reads that the database did not answer",
            counted.read_failures.clone(),
        );
        registry.register(
            "cursors_ahead",
            "Cursors of commits that were never made: restored without a new epoch?",
            counted.cursors_ahead.clone(),
        );
        counted
    }

    /// One group is durable.
    pub(crate) fn group(&self, rows: &[Row], took: Duration, counter: u64, given_up: u64) {
        for row in rows {
            let outcome = match row.as_ref().map(|taken| taken.outcome) {
                Ok(Outcome::Created) => "created",
                Ok(Outcome::Changed) => "changed",
                Ok(Outcome::Unchanged) => "unchanged",
                Ok(Outcome::Refused) | Err(_) => "refused",
            };
            self.changes.get_or_create(&OfOutcome { outcome }).inc();
        }
        self.commits.inc();
        self.commit_seconds.observe(took.as_secs_f64());
        // At most a few thousand: exact.
        #[allow(clippy::cast_precision_loss)]
        self.group_changes.observe(rows.len() as f64);
        self.counter.set(counter.cast_signed());
        self.given_up.inc_by(given_up);
    }

    /// A change was refused before it reached the commit.
    pub(crate) fn refused(&self) {
        self.changes.get_or_create(&OfOutcome { outcome: "refused" }).inc();
    }

    /// One of the reads was answered.
    pub(crate) fn read(&self, read: &'static str) {
        self.reads.get_or_create(&OfRead { read }).inc();
    }

    #[cfg(test)]
    pub(crate) fn commits(&self) -> u64 {
        self.commits.get()
    }
}

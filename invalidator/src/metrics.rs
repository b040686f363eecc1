//! What is counted here. How old events are when they are settled is counted by the subscriptions.

use document_store::StoreError;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use shop_id::Writer;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfWriter {
    writer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    writer: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    reason: &'static str,
}

/// The metrics of one process. Cloning shares them.
#[derive(Clone, Debug)]
pub struct InvalidatorMetrics {
    saves: Family<OfOutcome, Counter>,
    save_failures: Family<OfReason, Counter>,
    save_seconds: Family<OfWriter, Histogram, fn() -> Histogram>,
    left_out: Family<OfWriter, Counter>,
    doubted: Family<OfWriter, Counter>,
    /// Stored documents whose bytes could not be read, each time one was met.
    pub corrupt: Counter,
    /// Stored documents that an audit looked at.
    pub audited: Counter,
    /// Audits that reached the last document.
    pub audits: Counter,
    /// Entries of the change log that were dropped for their age.
    pub trimmed: Counter,
    /// 1 once every writer was paged through.
    pub complete: Gauge,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Saved.
    Applied,
    /// The store held it, or a newer one.
    Unchanged,
}

impl InvalidatorMetrics {
    /// Registers all of them, once per process.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let metrics = Self {
            saves: Family::default(),
            save_failures: Family::default(),
            save_seconds: Family::new_with_constructor(seconds),
            left_out: Family::default(),
            doubted: Family::default(),
            corrupt: Counter::default(),
            audited: Counter::default(),
            audits: Counter::default(),
            trimmed: Counter::default(),
            complete: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("shopfront_invalidator");
        registry.register("saves", "Answers by what became of them", metrics.saves.clone());
        registry.register("save_failures", "Answers that the store refused", metrics.save_failures.clone());
        registry.register(
            "save_seconds",
            "From a group of answers to its fsync",
            metrics.save_seconds.clone(),
        );
        registry.register("facts_left_out", "Facts that made no sense", metrics.left_out.clone());
        registry.register("doubted_sections", "Sections that an audit asked for", metrics.doubted.clone());
        registry.register("corrupt_documents", "Unreadable documents met", metrics.corrupt.clone());
        registry.register("audited_shops", "Documents looked at by audits", metrics.audited.clone());
        registry.register("audits", "Audits that reached the end", metrics.audits.clone());
        registry.register(
            "trimmed_entries",
            "Log entries dropped for their age or their number",
            metrics.trimmed.clone(),
        );
        registry.register(
            "store_complete",
            "1 once every writer was paged through",
            metrics.complete.clone(),
        );
        metrics
    }

    pub(crate) fn saved(&self, writer: Writer, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Applied => "applied",
            Outcome::Unchanged => "unchanged",
        };
        self.saves.get_or_create(&OfOutcome { writer: writer.name(), outcome }).inc();
    }

    pub(crate) fn save_failed(&self, error: &StoreError) {
        let reason = match error {
            StoreError::Unavailable { .. } => "unavailable",
            StoreError::TimedOut { .. } => "timed_out",
            StoreError::Corrupt { .. } => "corrupt",
            StoreError::Full { .. } => "full",
            StoreError::Trimmed { .. } => "trimmed",
            StoreError::Locked { .. } => "locked",
            StoreError::Unusable { .. } => "unusable",
        };
        self.save_failures.get_or_create(&OfReason { reason }).inc();
    }

    pub(crate) fn save_took(&self, writer: Writer, seconds: f64) {
        self.save_seconds.get_or_create(&OfWriter { writer: writer.name() }).observe(seconds);
    }

    pub(crate) fn left_out(&self, writer: Writer, facts: usize) {
        self.left_out.get_or_create(&OfWriter { writer: writer.name() }).inc_by(count(facts));
    }

    pub(crate) fn doubted(&self, writer: Writer, sections: usize) {
        self.doubted.get_or_create(&OfWriter { writer: writer.name() }).inc_by(count(sections));
    }
}

pub(crate) fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

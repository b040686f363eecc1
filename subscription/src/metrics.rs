//! What is counted, per writer. Never a shop ID as a label.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use shop_id::Writer;

use crate::breaker::State;
use crate::gate::Side;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfWriter {
    writer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    writer: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSide {
    writer: &'static str,
    of: &'static str,
}

type Seconds = Family<OfWriter, Histogram, fn() -> Histogram>;

/// The metrics of all subscriptions of one process. Cloning shares them.
#[derive(Clone, Debug)]
pub struct SubscriptionMetrics {
    deliveries: Family<OfWriter, Counter>,
    receive_failures: Family<OfWriter, Counter>,
    dead_letters: Family<OfWriter, Counter>,
    sequence_gaps: Family<OfWriter, Counter>,
    coalesced: Family<OfWriter, Counter>,
    already_covered: Family<OfWriter, Counter>,
    refetches: Family<OfWriter, Counter>,
    refetched_shops: Family<OfWriter, Counter>,
    refetch_failures: Family<OfKind, Counter>,
    answers_from_before: Family<OfWriter, Counter>,
    save_failures: Family<OfKind, Counter>,
    acknowledged: Family<OfWriter, Counter>,
    acknowledge_failures: Family<OfWriter, Counter>,
    given_back: Family<OfWriter, Counter>,
    freshness_lag: Seconds,
    changed_since_rounds: Family<OfKind, Counter>,
    full_resyncs: Family<OfWriter, Counter>,
    resynced_shops: Family<OfWriter, Counter>,
    breaker_openings: Family<OfSide, Counter>,
    breaker_state: Family<OfSide, Gauge>,
    pending_shops: Family<OfWriter, Gauge>,
    resting_shops: Family<OfWriter, Gauge>,
    deliveries_held: Family<OfWriter, Gauge>,
    changes_pending: Family<OfWriter, Gauge>,
    oldest_unsettled: Family<OfWriter, Gauge<f64, std::sync::atomic::AtomicU64>>,
}

impl SubscriptionMetrics {
    /// Registers all of them, once per process.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 18));
        let metrics = Self {
            deliveries: Family::default(),
            receive_failures: Family::default(),
            dead_letters: Family::default(),
            sequence_gaps: Family::default(),
            coalesced: Family::default(),
            already_covered: Family::default(),
            refetches: Family::default(),
            refetched_shops: Family::default(),
            refetch_failures: Family::default(),
            answers_from_before: Family::default(),
            save_failures: Family::default(),
            acknowledged: Family::default(),
            acknowledge_failures: Family::default(),
            given_back: Family::default(),
            freshness_lag: Family::new_with_constructor(seconds),
            changed_since_rounds: Family::default(),
            full_resyncs: Family::default(),
            resynced_shops: Family::default(),
            breaker_openings: Family::default(),
            breaker_state: Family::default(),
            pending_shops: Family::default(),
            resting_shops: Family::default(),
            deliveries_held: Family::default(),
            changes_pending: Family::default(),
            oldest_unsettled: Family::default(),
        };
        metrics.register_counters(registry);
        metrics.register_others(registry);
        metrics
    }

    fn register_counters(&self, registry: &mut Registry) {
        let of_writer = [
            ("deliveries", "Messages received", &self.deliveries),
            ("receive_failures", "Receives that the event transport failed", &self.receive_failures),
            ("dead_letters", "Unusable messages moved out of the way", &self.dead_letters),
            ("sequence_gaps", "Commits of the writer whose events were passed over", &self.sequence_gaps),
            ("coalesced", "Wishes that joined a refetch which others waited for", &self.coalesced),
            ("already_covered", "Events and changes that an earlier save covers", &self.already_covered),
            ("refetches", "Requests for sections", &self.refetches),
            ("refetched_shops", "Shops in them", &self.refetched_shops),
            (
                "answers_from_before",
                "Answers that do not contain the announced change yet",
                &self.answers_from_before,
            ),
            ("acknowledged", "Messages deleted after the save that covers them", &self.acknowledged),
            (
                "acknowledge_failures",
                "Messages that will come again although they are covered",
                &self.acknowledge_failures,
            ),
            (
                "given_back",
                "Messages given back to the queue because their shop cannot be refetched",
                &self.given_back,
            ),
            ("full_resyncs", "Completed full resyncs", &self.full_resyncs),
            ("resynced_shops", "Shops saved by full resyncs", &self.resynced_shops),
        ];
        for (name, help, family) in of_writer {
            registry.register(format!("shopfront_subscription_{name}"), help, family.clone());
        }
        let of_kind = [
            ("refetch_failures", "Questions that the writer did not answer", &self.refetch_failures),
            ("save_failures", "Saves that the follower refused", &self.save_failures),
            ("changed_since_rounds", "Changed-since questions by outcome", &self.changed_since_rounds),
        ];
        for (name, help, family) in of_kind {
            registry.register(format!("shopfront_subscription_{name}"), help, family.clone());
        }
    }

    fn register_others(&self, registry: &mut Registry) {
        let gauges = [
            ("pending_shops", "Shops that are waited for, running ones included", &self.pending_shops),
            ("resting_shops", "Those of them that failed and wait for their next try", &self.resting_shops),
            ("deliveries_held", "Messages received and not acknowledged yet", &self.deliveries_held),
            ("changes_pending", "Shops heard of by changed-since and not saved yet", &self.changes_pending),
        ];
        for (name, help, family) in gauges {
            registry.register(format!("shopfront_subscription_{name}"), help, family.clone());
        }
        let help = "Times that the breaker opened, of the writer or of the store behind the follower";
        registry.register("shopfront_subscription_breaker_openings", help, self.breaker_openings.clone());
        let help = "0 closed, 1 half open, 2 open";
        registry.register("shopfront_subscription_breaker_state", help, self.breaker_state.clone());
        registry.register(
            "shopfront_subscription_oldest_unsettled_seconds",
            "Age of the oldest event that is held and not covered by a save",
            self.oldest_unsettled.clone(),
        );
        registry.register(
            "shopfront_subscription_freshness_lag_seconds",
            "From the event's own time to its settling",
            self.freshness_lag.clone(),
        );
    }

    /// Those of one writer, looked up once.
    pub(crate) fn of(&self, writer: Writer) -> WriterMetrics {
        let of = OfWriter { writer: writer.name() };
        WriterMetrics {
            writer: writer.name(),
            deliveries: self.deliveries.get_or_create_owned(&of),
            receive_failures: self.receive_failures.get_or_create_owned(&of),
            dead_letters: self.dead_letters.get_or_create_owned(&of),
            sequence_gaps: self.sequence_gaps.get_or_create_owned(&of),
            coalesced: self.coalesced.get_or_create_owned(&of),
            already_covered: self.already_covered.get_or_create_owned(&of),
            refetches: self.refetches.get_or_create_owned(&of),
            refetched_shops: self.refetched_shops.get_or_create_owned(&of),
            answers_from_before: self.answers_from_before.get_or_create_owned(&of),
            acknowledged: self.acknowledged.get_or_create_owned(&of),
            acknowledge_failures: self.acknowledge_failures.get_or_create_owned(&of),
            given_back: self.given_back.get_or_create_owned(&of),
            freshness_lag: self.freshness_lag.get_or_create_owned(&of),
            full_resyncs: self.full_resyncs.get_or_create_owned(&of),
            resynced_shops: self.resynced_shops.get_or_create_owned(&of),
            pending_shops: self.pending_shops.get_or_create_owned(&of),
            resting_shops: self.resting_shops.get_or_create_owned(&of),
            deliveries_held: self.deliveries_held.get_or_create_owned(&of),
            changes_pending: self.changes_pending.get_or_create_owned(&of),
            oldest_unsettled: self.oldest_unsettled.get_or_create_owned(&of),
            breaker_openings: self.breaker_openings.clone(),
            breaker_state: self.breaker_state.clone(),
            refetch_failures: self.refetch_failures.clone(),
            save_failures: self.save_failures.clone(),
            changed_since_rounds: self.changed_since_rounds.clone(),
        }
    }
}

/// The metrics of one writer's subscription.
#[derive(Clone, Debug)]
pub(crate) struct WriterMetrics {
    writer: &'static str,
    pub(crate) deliveries: Counter,
    pub(crate) receive_failures: Counter,
    pub(crate) dead_letters: Counter,
    pub(crate) sequence_gaps: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) already_covered: Counter,
    pub(crate) refetches: Counter,
    pub(crate) refetched_shops: Counter,
    pub(crate) answers_from_before: Counter,
    pub(crate) acknowledged: Counter,
    pub(crate) acknowledge_failures: Counter,
    pub(crate) given_back: Counter,
    pub(crate) freshness_lag: Histogram,
    pub(crate) full_resyncs: Counter,
    pub(crate) resynced_shops: Counter,
    pub(crate) pending_shops: Gauge,
    pub(crate) resting_shops: Gauge,
    pub(crate) deliveries_held: Gauge,
    pub(crate) changes_pending: Gauge,
    pub(crate) oldest_unsettled: Gauge<f64, std::sync::atomic::AtomicU64>,
    breaker_openings: Family<OfSide, Counter>,
    breaker_state: Family<OfSide, Gauge>,
    refetch_failures: Family<OfKind, Counter>,
    save_failures: Family<OfKind, Counter>,
    changed_since_rounds: Family<OfKind, Counter>,
}

impl WriterMetrics {
    pub(crate) fn breaker_opened(&self, side: Side) {
        self.breaker_openings.get_or_create(&self.of_side(side)).inc();
    }

    pub(crate) fn breaker_is(&self, side: Side, state: State) {
        let number = match state {
            State::Closed { .. } => 0,
            State::HalfOpen { .. } => 1,
            State::Open { .. } => 2,
        };
        self.breaker_state.get_or_create(&self.of_side(side)).set(number);
    }

    const fn of_side(&self, side: Side) -> OfSide {
        let of = match side {
            Side::Writer => "writer",
            Side::Store => "store",
        };
        OfSide { writer: self.writer, of }
    }

    pub(crate) fn refetch_failed(&self, kind: &'static str) {
        self.refetch_failures.get_or_create(&OfKind { writer: self.writer, kind }).inc();
    }

    pub(crate) fn save_failed(&self, kind: &'static str) {
        self.save_failures.get_or_create(&OfKind { writer: self.writer, kind }).inc();
    }

    pub(crate) fn changed_since(&self, kind: &'static str) {
        self.changed_since_rounds.get_or_create(&OfKind { writer: self.writer, kind }).inc();
    }
}

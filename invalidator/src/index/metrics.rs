//! What is counted of the index.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of one process. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct IndexMetrics {
    /// Changes that an index took.
    pub taken: Counter,
    /// Changes that an index held, or newer ones.
    pub unchanged: Counter,
    /// Changes that no try will bring in.
    pub refused: Counter,
    /// Tries that failed; changes waited.
    pub failures: Counter,
    /// Indexes built.
    pub rebuilds: Counter,
    /// From the save of the last change in a bulk to the end of that bulk.
    pub lag_seconds: Gauge<f64, AtomicU64>,
    /// 1 while changes wait for the engine.
    pub waiting: Gauge,
}

impl IndexMetrics {
    /// Registers all of them, once per process.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("shopfront_index");
        registry.register("taken", "Changes that the index took", metrics.taken.clone());
        registry.register("unchanged", "Changes that the index held already", metrics.unchanged.clone());
        registry.register("refused", "Changes that the index refused for good", metrics.refused.clone());
        registry.register("failures", "Tries that failed; changes waited", metrics.failures.clone());
        registry.register("rebuilds", "Indexes built from a scan", metrics.rebuilds.clone());
        registry.register(
            "lag_seconds",
            "From a save to its bulk's end, of the last one",
            metrics.lag_seconds.clone(),
        );
        registry.register("waiting", "1 while changes wait for the engine", metrics.waiting.clone());
        metrics
    }
}

//! A search engine that an invalidator feeds, behind the handles of the index in memory: it is asked, and follows nothing.

#[cfg(feature = "elasticsearch")]
mod asked {
    use std::sync::PoisonError;
    use std::time::Duration;

    use jiff::Timestamp;
    use service_runtime::program::Context;
    use shop_document::ListPart;
    use shop_id::ShopId;
    use shop_search::elasticsearch::{Engine, EngineError, EngineFigures, EngineLimits, EngineSearch};
    use shop_search::{
        EngineAddress, ListAnswer, ListQuestion, SearchError, ShopIndexer, ShopSearch, TextIndexError,
        TextQuestion, TextSearch,
    };

    use crate::config::Config;
    use crate::metrics::{Gauge, Gauges};
    use crate::searches::SearchIndexer;

    /// Why it cannot be asked.
    pub type EngineOpenError = EngineError;

    /// See the module.
    #[derive(Clone, Debug)]
    pub struct EngineSearches(EngineSearch);

    /// Prepares the handles; nothing is asked yet.
    ///
    /// # Errors
    /// Where the configuration leads to no connection.
    pub(crate) fn open(
        address: &EngineAddress,
        config: &Config,
        context: &Context,
    ) -> Result<EngineSearches, EngineOpenError> {
        let engine = Engine::new(address.clone(), &config.search_access)?;
        let limits = EngineLimits {
            patience: Duration::from_millis(config.search_wait_ms),
            kept_bytes_max: config.search_bytes_max,
        };
        let search = EngineSearch::new(engine, limits);
        show(&search, context);
        tracing::info!(search = %address, "lists and searches are asked of a search engine");
        Ok(EngineSearches(search))
    }

    fn show(search: &EngineSearch, context: &Context) {
        type Look = fn(EngineFigures) -> u64;
        let looks: [(&'static str, &'static str, Look); 6] = [
            ("engine_questions", "Questions put to the search engine", |figures| figures.asked),
            ("engine_second_tries", "Questions put to it once more since it was late", |figures| {
                figures.hedges
            }),
            ("engine_failures", "Questions that it did not answer", |figures| figures.failures),
            ("engine_stale_answers", "Answers given again while it did not answer", |figures| figures.stale),
            ("engine_kept_answers", "Answers of it that are kept", |figures| figures.kept),
            ("engine_kept_bytes", "What they hold", |figures| figures.kept_bytes),
        ];
        let gauge = |(name, help, look): (&'static str, &'static str, Look)| {
            let search = search.clone();
            Gauge { name, help, value: Box::new(move || crate::follow::float(look(search.figures()))) }
        };
        let gauges = Box::new(Gauges(looks.into_iter().map(gauge).collect()));
        context.metrics.lock().unwrap_or_else(PoisonError::into_inner).register_collector(gauges);
    }

    impl ShopSearch for EngineSearches {
        async fn list(&self, question: &ListQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
            self.0.list(question, now).await
        }
    }

    impl TextSearch for EngineSearches {
        async fn search(&self, question: &TextQuestion, now: Timestamp) -> Result<ListAnswer, SearchError> {
            self.0.search(question, now).await
        }
    }

    impl ShopIndexer for EngineSearches {
        fn fold(&self, _shop_id: ShopId, _part: &ListPart) {}

        fn remove(&self, _shop_id: ShopId) {}

        fn publish(&self, _now: Timestamp) {}
    }

    impl SearchIndexer for EngineSearches {
        fn publish_text(&self, _now: Timestamp) -> Result<(), TextIndexError> {
            Ok(())
        }
    }
}

#[cfg(not(feature = "elasticsearch"))]
mod asked {
    use service_runtime::program::Context;
    use shop_search::EngineAddress;

    use crate::config::Config;
    use crate::searches::Searches;

    /// This program cannot ask one; the configuration says so before anything starts.
    #[derive(Debug, thiserror::Error)]
    #[error("`{0}` is a search engine, but this program was built without `--features elasticsearch`")]
    pub struct EngineOpenError(EngineAddress);

    pub(crate) fn open(
        address: &EngineAddress,
        _config: &Config,
        _context: &Context,
    ) -> Result<Searches, EngineOpenError> {
        Err(EngineOpenError(address.clone()))
    }
}

pub use asked::EngineOpenError;
#[cfg(feature = "elasticsearch")]
pub use asked::EngineSearches;
pub(crate) use asked::open;

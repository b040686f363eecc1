//! The whole program: everything started, then nothing to do but wait for the end.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use change_events::{EventConsumer, EventError, SelectedConsumer};
use document_store::{ChangeLog, DocumentWriter, StoreError};
use service_runtime::program::{BindError, Context};
use subscription::{Settings, Subscription, SubscriptionMetrics};
use writer_api::{WriterClient, WriterReads};

use crate::audit::Audit;
use crate::config::Config;
use crate::metrics::InvalidatorMetrics;
use crate::save::Saver;
use crate::{heal, open, rewind, trim};

/// Names our queues among those of other subscribers.
const SUBSCRIBER: &str = "invalidator";

/// Why the program did not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The ops port is taken.
    #[error(transparent)]
    Ops(#[from] BindError),
    /// The store belongs to another process, is none of ours, or was replaced under us.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration leads to no search engine.
    #[cfg(feature = "elasticsearch")]
    #[error(transparent)]
    Search(#[from] shop_search::elasticsearch::EngineError),
}

/// Runs until the drain has begun. Neither writers nor event queues need to be there.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, context: Context) -> Result<(), RunError> {
    service_runtime::logs::start(config.log_format);
    context.serve_ops(config.ops).await?;
    let Some(store) = open::open(&config, &context).await? else { return Ok(()) };
    let settings = config.settings();
    let followed = config.writers.all().map(|(writer, url)| {
        // The subscription has its own patience for each kind of question; this only bounds what it gave up.
        let patience = settings.page_timeout.max(settings.refetch_timeout);
        let reads = WriterClient::new(writer, url.as_str(), patience);
        let (events, visibility_timeout) = (config.events.clone(), settings.visibility_timeout);
        let open = move || {
            let events = events.clone();
            async move { SelectedConsumer::open(&events, writer, SUBSCRIBER, visibility_timeout).await }
        };
        Followed { reads, open }
    });
    let pace = Pace {
        settings,
        audit_interval: config.audit_interval(),
        log_entries_max: config.log_entries_max.get(),
    };
    let store = Arc::new(store);
    #[cfg(feature = "elasticsearch")]
    start_indexing(&config, Arc::clone(&store), &context)?;
    let saver = start(store, followed.into(), &pace, &context);
    tracing::info!(store = %config.store, "saving what the writers change");
    tokio::select! {
        () = context.drain.begun() => Ok(()),
        error = saver.unusable() => Err(error.into()),
    }
}

/// Follows the change log into a search engine, if there is one.
#[cfg(feature = "elasticsearch")]
fn start_indexing<S>(config: &Config, store: Arc<S>, context: &Context) -> Result<(), RunError>
where
    S: DocumentWriter + ChangeLog,
{
    let shop_search::SearchPlace::Engine(address) = &config.search else { return Ok(()) };
    let engine = shop_search::elasticsearch::Engine::new(address.clone(), &config.search_access)?;
    let metrics = {
        let mut registry = context.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        crate::index::IndexMetrics::register(&mut registry)
    };
    let settings = config.search_index.clone();
    let indexing = crate::index::Indexing::new(store, engine, settings, context.clock.clone(), metrics);
    context.drain.spawn(indexing.run(context.drain.clone()));
    Ok(())
}

/// One writer that is followed.
#[derive(Clone, Debug)]
pub struct Followed<R, O> {
    /// Asks it.
    pub reads: R,
    /// Opens its queue.
    pub open: O,
}

/// How greedy, how patient.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Of each subscription.
    pub settings: Settings,
    /// Between two audits.
    pub audit_interval: Duration,
    /// The change log keeps no more than these.
    pub log_entries_max: u64,
}

/// Starts everything that runs until the drain has begun: a subscription of each writer, audit, trimming. Returns who
/// saves.
pub fn start<S, R, O, C, Opening>(
    store: Arc<S>,
    followed: Vec<Followed<R, O>>,
    pace: &Pace,
    context: &Context,
) -> Arc<Saver<S>>
where
    S: DocumentWriter + ChangeLog,
    R: WriterReads,
    O: Fn() -> Opening + Send + Sync + 'static,
    Opening: Future<Output = Result<C, EventError>> + Send + 'static,
    C: EventConsumer,
{
    let (ours, theirs) = {
        let mut registry = context.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        (InvalidatorMetrics::register(&mut registry), SubscriptionMetrics::register(&mut registry))
    };
    let (drain, clock) = (&context.drain, &context.clock);
    let (doubts, mut doubted) = heal::roads();
    let saver = Arc::new(Saver::new(Arc::clone(&store), doubts.clone(), ours.clone()));
    {
        let saver = Arc::clone(&saver);
        drain.spawn(async move {
            // Killed between the last cursor and the mark; otherwise the next cursor does it.
            if let Err(error) = saver.note_completeness().await {
                tracing::warn!(%error, "cannot tell whether the store is complete; asking again later");
            }
        });
    }
    let mut requests = Vec::new();
    for Followed { reads, open } in followed {
        let writer = reads.writer();
        let (follower, settings) = (Arc::clone(&saver), pace.settings.clone());
        let subscription = Subscription::new(reads, follower, settings, clock.clone(), &theirs);
        if let Some(place) = doubted.iter().position(|doubted| doubted.writer == writer) {
            drain.spawn(doubted.swap_remove(place).heal(subscription.requests(), drain.clone()));
        }
        requests.push((writer, subscription.requests()));
        drain.spawn(subscription.follow(open, drain.clone()));
    }
    drain.spawn(rewind::watch(Arc::clone(&store), Arc::clone(&saver), requests, drain.clone()));
    let audit = Audit::new(Arc::clone(&store), doubts, ours.clone());
    drain.spawn(audit.run(pace.audit_interval, drain.clone()));
    drain.spawn(trim::run(store, pace.log_entries_max, clock.clone(), ours, drain.clone()));
    saver
}

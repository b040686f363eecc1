//! The read path: HTTP requests answered from shop documents, never from writers.
//!
//! In: requests of apps and CDNs; the document store and its change log. Out: lists, searches, details, batches and
//! availabilities as JSON, with validators, lifetimes and tags, or a refusal that helps. It deliberately does not know writers, their
//! APIs or events: with all of them dead it answers as before.
#![forbid(unsafe_code)]

pub mod config; //     file, flags                 -> Config
pub mod follow; //     the change log              -> resident documents, lists, degraded sections
pub mod accept; //     listeners                   -> connections, bounded
pub mod connection; // a connection                -> requests, bounded in time and bytes
pub mod admission; //  how late we are             -> who is refused before anything is done
mod bare; //           refusals that hyper makes before there is a request -> with a body
mod host; //           a head                      -> whom it was meant for is said once
pub mod door; //       a request                   -> refused, or handed to the front
pub mod front; //      the whole way of a request on one page
pub mod route; //      path and query              -> Request
pub mod gather; //     shop IDs                    -> slots: cards or why not
pub mod flights; //    many readers of one shop    -> one get
pub mod overlay; //    cell, clock                 -> distance, state, running ad
pub mod page; //       slots                       -> tag, then bytes
pub mod searches; //   area lists and text search  -> one handle to ask, one to follow with
pub mod engine; //     a search engine             -> the same handles
mod listed; //         what lists and searches share
mod list; //           the way of a list request
mod search; //         the way of a text search
mod batch; //          the way of a batch request
mod detail; //         the way of a detail request
mod availability; //   the way of an availability request
pub mod own_write; //  a revision token            -> a short wait
pub mod home; //       a file                      -> the page for people
pub mod standing; //   writers' signs of life      -> degraded sections
pub mod pages; //      complete answers            -> sent again while comparing finds no change
pub mod validator; //  what decides the bytes      -> ETag; If-None-Match
pub mod coding; //     Accept-Encoding             -> how an answer is packed
pub mod packing; //    bytes                       -> fewer bytes
pub mod lifetime; //   the next change of a shop   -> Cache-Control
pub mod problem; //    refusals                    -> problem+json
pub mod respond; //    bytes                       -> responses with all headers
pub mod metrics; //    what is counted

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError};

use document_store::StoreError;
use service_runtime::program::{BindError, Context};
use shop_search::{SearchPlace, TextIndexError};

pub use config::Config;

use crate::door::Door;
use crate::front::{Front, Reading};
use crate::home::{HomePage, HomePageError};
use crate::metrics::{Counters, Shown};
use crate::searches::{Search, SearchIndexer, Searches};

/// Why a query server ended before it was asked to. Permanent until somebody changes something.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A port is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The directory is no store of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The page for people cannot be served.
    #[error(transparent)]
    HomePage(#[from] HomePageError),
    /// The engine of the text search does not start.
    #[error(transparent)]
    Text(#[from] TextIndexError),
    /// The configuration leads to no search engine.
    #[error(transparent)]
    Engine(#[from] engine::EngineOpenError),
}

/// Runs until the end has begun: listens at once, refuses until the store is there, then answers.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, context: Context) -> Result<(), RunError> {
    service_runtime::logs::start(config.log_format);
    match &config.search {
        SearchPlace::Embedded => {
            let search = Arc::new(Searches::within(config.text_limits())?);
            serve(&config, &context, search).await
        }
        SearchPlace::Engine(address) => {
            let search = engine::open(address, &config, &context)?;
            serve(&config, &context, Arc::new(search)).await
        }
    }
}

async fn serve<Q>(config: &Config, context: &Context, search: Arc<Q>) -> Result<(), RunError>
where
    Q: Search + SearchIndexer,
{
    follow::expect_store(&context.readiness);
    let home = config.home_page.as_deref().map(HomePage::read).transpose()?;
    context.serve_ops(config.ops).await?;
    let counters = Arc::<Counters>::default();
    let shown = Box::new(Shown { counters: Arc::clone(&counters) });
    context.metrics.lock().unwrap_or_else(PoisonError::into_inner).register_collector(shown);

    let front = Arc::new(Front::new(config, context.clock.clone(), Arc::clone(&counters), home));
    let public = accept::listen(config, &Door::new(Arc::clone(&front), config), &context.drain).await?;
    tracing::info!(%public, ops = %config.ops, "listening");

    let address = config.store.clone().with_password_file(config.store_password_file.as_deref())?;
    let store = tokio::select! {
        opened = follow::open_store(&address, &context.readiness) => opened?,
        () = context.drain.begun() => return Ok(()),
    };
    let reading = Arc::new(Reading::new(Arc::new(store), search, config, context.clock.clone(), counters));
    // Before the first request, so that its answer says what it must.
    reading.lookout.look(&**reading.near.store(), &mut Vec::new()).await;
    follow::show(&reading, context);
    follow::start(&reading, context);
    front.open(reading);
    context.drain.begun().await;
    Ok(())
}

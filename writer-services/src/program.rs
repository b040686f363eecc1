//! All of these -> a running writer.

use std::net::SocketAddr;
use std::sync::Arc;

use change_events::SelectedPublisher;
use service_runtime::logs;
use service_runtime::program::{BindError, Context, bind};
use shop_id::Writer;
use tokio::sync::Semaphore;

use crate::commit::{self, Bounds};
use crate::config::Config;
use crate::database::{Database, DatabaseError, ReadOnly, Settings};
use crate::http::{self, App, Served};
use crate::metrics::Counted;
use crate::owner::{Ads, Reviews, Shops};
use crate::reads::Reads;
use crate::relay::Relay;
use crate::serve;

/// Why a writer does not start. Permanent until somebody changes something.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The thread that commits.
    #[error("no thread to commit on: {0}")]
    Thread(std::io::Error),
    /// There are three reference writers.
    #[error("the {writer} writer is not built here, expected `shop`, `ads` or `reviews`")]
    NotHere {
        /// Who was asked for.
        writer: Writer,
    },
}

/// The shop writer, until the end begins.
///
/// # Errors
/// See [`RunError`].
pub async fn run_shop_writer(config: Config, context: Context) -> Result<(), RunError> {
    run(Writer::Shop, config, context).await
}

/// The ads writer, until the end begins.
///
/// # Errors
/// See [`RunError`].
pub async fn run_ads_writer(config: Config, context: Context) -> Result<(), RunError> {
    run(Writer::Ads, config, context).await
}

/// The reviews writer, until the end begins.
///
/// # Errors
/// See [`RunError`].
pub async fn run_reviews_writer(config: Config, context: Context) -> Result<(), RunError> {
    run(Writer::Reviews, config, context).await
}

async fn run(writer: Writer, config: Config, context: Context) -> Result<(), RunError> {
    logs::start(config.log_format);
    let ops = context.serve_ops(config.ops).await?;
    let listen = start(writer, &config, &context).await?;
    tracing::info!(%listen, %ops, database = %config.database.display(), "the {writer} writer takes changes");
    context.drain.begun().await;
    Ok(())
}

/// Starts one of the three writers, without its ops port; answers where it listens.
///
/// # Errors
/// See [`RunError`].
pub async fn start(writer: Writer, config: &Config, context: &Context) -> Result<SocketAddr, RunError> {
    match writer {
        Writer::Shop => start_owner::<Shops>(config, context).await,
        Writer::Ads => start_owner::<Ads>(config, context).await,
        Writer::Reviews => start_owner::<Reviews>(config, context).await,
        writer => Err(RunError::NotHere { writer }),
    }
}

async fn start_owner<O: Served>(config: &Config, context: &Context) -> Result<SocketAddr, RunError> {
    context.readiness.expect("database", "not open yet");
    context.readiness.expect("listening", "not listening yet");
    let settings = Settings {
        path: config.database.clone(),
        writer: O::WRITER,
        epoch_at_least: config.epoch_at_least,
        bytes_max: config.database_bytes_max,
        outbox_rows_max: config.outbox_rows_max,
    };
    let database = Database::open(&settings)?;
    let reads = Arc::new(Reads::open(&settings.path, O::WRITER, config.read_connections)?);
    let state = database.state().map_err(|error| DatabaseError::unusable(&settings.path, &error))?;
    let announced = reads.now(ReadOnly::announced);
    let announced = announced.map_err(|error| DatabaseError::unusable(&settings.path, &error))?;
    context.readiness.hold("database");

    let counted = Counted::register(&context.metrics, O::WRITER);
    counted.counter.set(state.counter.cast_signed());
    let bounds =
        Bounds { group_changes_max: config.commit_changes_max, waiting_max: config.commits_waiting_max };
    let started = commit::start(database, bounds, announced, context.clock.clone(), counted.clone());
    let (commits, announcing, committed_all) = started.map_err(RunError::Thread)?;
    let publisher = SelectedPublisher::open(&config.events, O::WRITER);
    let relay = Relay { publisher, announcing, reads: Arc::clone(&reads), counted: counted.clone() };
    context.drain.spawn(relay.run());
    context.drain.spawn(async move { drop(committed_all.await) });

    let app = App {
        commits,
        reads,
        bulks: Semaphore::new(config.bulks_in_flight_max.max(1)),
        counted,
        clock: context.clock.clone(),
    };
    let listener = bind("listen", config.listen).await?;
    let listen = listener.local_addr().unwrap_or(config.listen);
    let (router, drain) = (http::router::<O>(app), context.drain.clone());
    context.drain.spawn(serve::serve(listener, router, config.connections_max, drain));
    context.readiness.hold("listening");
    tracing::debug!(revision = %state.revision(), waiting = state.counter - announced, "the database is open");
    Ok(listen)
}

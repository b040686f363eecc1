//! The frame of every program's `main`: configuration, runtime, signals, ops port, an orderly end.

use std::error::Error;
use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use crate::ops::{self, Metrics, Pages};
use crate::{Clock, Drain, Readiness, config};

/// What still runs this long after the end has begun is given up.
const GRACE: Duration = Duration::from_secs(10);

/// What the frame hands to a program. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The time.
    pub clock: Clock,
    /// What `/readyz` answers from.
    pub readiness: Readiness,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Told when the end has begun.
    pub drain: Drain,
}

impl Context {
    /// Starts the ops port with the four paths of every program.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve_ops(&self, address: SocketAddr) -> Result<SocketAddr, BindError> {
        self.serve_ops_with(address, None).await
    }

    /// The same with further paths of this program.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve_ops_with(
        &self,
        address: SocketAddr,
        pages: Option<Pages>,
    ) -> Result<SocketAddr, BindError> {
        let listener = bind("ops", address).await?;
        let bound = listener.local_addr().unwrap_or(address);
        let (readiness, metrics) = (self.readiness.clone(), self.metrics.clone());
        // Not counted by the drain: the port answers until the process is gone.
        tokio::spawn(ops::serve(listener, readiness, metrics, self.drain.clone(), pages));
        Ok(bound)
    }
}

/// An address that cannot be listened on. Permanent until somebody frees or changes it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}` (`{what}`): {reason}; stop who listens there, or set another address")]
pub struct BindError {
    /// The configuration key.
    pub what: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub reason: std::io::Error,
}

/// Listens.
///
/// # Errors
/// See [`BindError`].
pub async fn bind(what: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|reason| BindError { what, address, reason })
}

/// Reads the configuration, runs the program until it returns, waits for what it left running.
///
/// Exit code 0 after an orderly end, 1 when the program failed, 2 when its arguments or configuration are refused.
pub fn main<C, F, Fut, E>(name: &'static str, run: F) -> ExitCode
where
    C: DeserializeOwned,
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error,
{
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return say_result(&usage(name));
    }
    if arguments.iter().any(|argument| argument == "--version") {
        return say_result(&format!("{name} {}", env!("CARGO_PKG_VERSION")));
    }
    let config: C = match config::load(arguments, config::variables()) {
        Ok(config) => config,
        Err(refused) => {
            complain(&format!("{name}: {refused}"));
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("{name}: no threads to run on: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(live(name, config, run));
    // Blocking calls that hang (a dead disk) must not hold the exit up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn live<C, F, Fut, E>(name: &'static str, config: C, run: F) -> ExitCode
where
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error,
{
    let context = Context::default();
    if let Err(error) = context.drain.on_signals() {
        complain(&format!("{name}: cannot listen to signals: {error}"));
        return ExitCode::FAILURE;
    }
    let ended = run(config, context.clone()).await;
    context.drain.begin();
    if !context.drain.finished(GRACE).await {
        tracing::warn!(grace_s = GRACE.as_secs(), "given up what was still running");
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{name}: {}", with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}

/// The message and what is behind it, where the message does not say it already.
fn with_causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !said.contains(&more) {
            // Writing into a string cannot fail.
            let _ = write!(said, ": {more}");
        }
        cause = error.source();
    }
    said
}

fn usage(name: &str) -> String {
    format!(
        "usage: {name} [--config FILE.toml] [--set key.path=value]...\n\n\
         Keys may also be given as variables: {prefix}KEY or {prefix}TABLE__KEY. Flags win over variables, variables\n\
         over the file. SIGTERM or SIGINT ends it in an orderly way; RUST_LOG decides what is logged.",
        prefix = config::VARIABLE_PREFIX
    )
}

fn say_result(text: &str) -> ExitCode {
    // A reader that went away is no error.
    drop(writeln!(std::io::stdout().lock(), "{text}"));
    ExitCode::SUCCESS
}

fn complain(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

//! The whole road over the real programs: processes, sockets, files, signals.
//!
//! In: the binaries that were built. Out: a [`Marketplace`] in a directory of its own, whose programs can be
//! started, frozen, killed and asked. It deliberately does not know how any of them works inside: a promise that
//! cannot be seen from outside is not a promise.
#![forbid(unsafe_code)]

pub mod settings; //     what is unusual          -> programs, configured
pub mod backends; //     names of servers         -> which store, search and transport it all stands on
pub mod marketplace; //  an empty directory       -> writers, invalidator, query servers
pub mod program; //      a binary, its settings   -> a process that can be frozen and killed
pub mod ports; //        a range                  -> ports that nobody else listens on
pub mod shops; //        a name                   -> facts as the writers take them
pub mod replica; //      a writer                 -> the same writer, answering from some time ago
pub mod crowd; //        a server, paths          -> what many people at once were answered
pub mod demo; //         the operator's command   -> a process, or what it printed
pub mod transport; //    where events are         -> whether they wait; lost on purpose
mod aws; //              a stand-in, a question   -> its answer
pub mod queues; //       an SNS/SQS address       -> queues as their operator sees them
pub mod tables; //       a DynamoDB address       -> items, damaged
pub mod redis; //        a server, a command      -> its answer
pub mod redis_server; // a binary                 -> a server that can be frozen, filled and killed

pub use marketplace::Marketplace;
pub use program::Program;

use std::time::Duration;

use anyhow::bail;

/// How long anything may take before a journey gives up. Generous: it says "broken", never "slow".
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until the answer is `Some`, and gives up after [`PATIENCE`].
///
/// # Errors
/// Names what never came true, with the last thing that was seen instead.
pub async fn eventually<T, F, Fut>(what: &str, mut look: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<Option<T>>>,
{
    let begun = tokio::time::Instant::now();
    let mut last_error = None;
    while begun.elapsed() < PATIENCE {
        match look().await {
            Ok(Some(seen)) => return Ok(seen),
            Ok(None) => last_error = None,
            Err(error) => last_error = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    match last_error {
        Some(error) => Err(error.context(format!("never came true within {PATIENCE:?}: {what}"))),
        None => bail!("never came true within {PATIENCE:?}: {what}"),
    }
}

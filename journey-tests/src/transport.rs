//! The event transport of a marketplace, and what may happen to it.

use std::path::PathBuf;

use anyhow::Context as _;
use shop_id::Writer;

use crate::queues::Queues;

/// Whichever it is.
#[derive(Clone, Debug)]
pub enum Transport {
    /// The embedded one: a file for each writer and subscriber.
    Directory(PathBuf),
    /// SNS and SQS.
    Queues(Queues),
}

impl Transport {
    /// Of an address as it stands in configurations.
    ///
    /// # Errors
    /// When it is none.
    pub fn at(address: &str) -> anyhow::Result<Self> {
        if address.starts_with("sns-sqs://") {
            return Queues::at(address).map(Self::Queues);
        }
        Ok(Self::Directory(PathBuf::from(address)))
    }

    /// Whether what a writer announces from now on is kept for the invalidator.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn is_subscribed(&self, writer: Writer) -> anyhow::Result<bool> {
        match self {
            Self::Directory(directory) => {
                Ok(directory.join(writer.name()).join("invalidator.sqlite").exists())
            }
            Self::Queues(queues) => queues.is_subscribed(writer).await,
        }
    }

    /// Whether an event of a writer waits for the invalidator, while it is not there to receive it.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn holds_events(&self, writer: Writer) -> anyhow::Result<bool> {
        match self {
            Self::Directory(directory) => {
                let mut bytes = 0;
                for file in std::fs::read_dir(directory.join(writer.name()))? {
                    bytes += file?.metadata()?.len();
                }
                Ok(bytes > 0)
            }
            Self::Queues(queues) => Ok(queues.waiting(writer).await? > 0),
        }
    }

    /// Loses all events of a writer that wait for the invalidator, while it is not there to receive them.
    ///
    /// # Errors
    /// When they cannot be lost.
    pub async fn lose_events(&self, writer: Writer) -> anyhow::Result<()> {
        match self {
            Self::Directory(directory) => std::fs::remove_dir_all(directory.join(writer.name()))
                .with_context(|| format!("removing {}", directory.display())),
            Self::Queues(queues) => queues.purge(writer).await,
        }
    }

    /// Deletes the queues themselves under whoever uses them.
    ///
    /// # Errors
    /// When somebody made one anew meanwhile: try again.
    pub async fn lose_queues(&self) -> anyhow::Result<()> {
        match self {
            Self::Directory(directory) => Ok(std::fs::remove_dir_all(directory)?),
            Self::Queues(queues) => {
                for writer in Writer::OF_THE_DOCUMENT {
                    queues.delete(writer).await?;
                }
                Ok(())
            }
        }
    }
}

//! The event transport, as a subscriber sees it.

use std::path::Path;

use change_events::EventsAddress;
use shop_id::Writer;

use super::{Found, Illness};

/// Whose queues are looked at.
#[cfg(feature = "sns-sqs")]
const SUBSCRIBER: &str = "invalidator";

pub(super) async fn ask(address: &EventsAddress, writers: &[Writer]) -> Found {
    match address {
        EventsAddress::Directory(directory) => directory_of_queues(directory, writers),
        #[cfg(feature = "sns-sqs")]
        EventsAddress::SnsSqs(address) => queues(address, writers).await,
    }
}

fn directory_of_queues(directory: &Path, writers: &[Writer]) -> Found {
    let metadata = std::fs::metadata(directory).map_err(|error| {
        Illness::new(error, "start a writer or an invalidator, which make it, or correct `events`")
    })?;
    if !metadata.is_dir() {
        return Err(Illness::new("not a directory", "correct `events`, or move what is in its place"));
    }
    if metadata.permissions().readonly() {
        return Err(Illness::new("not writable", "let the programs' user write there"));
    }
    let queues = writers.iter().map(|writer| {
        let queues = std::fs::read_dir(directory.join(writer.name())).into_iter().flatten().flatten();
        let queues = queues.filter(|file| file.path().extension().is_some_and(|kind| kind == "sqlite"));
        format!("{writer} {}", queues.count())
    });
    Ok(format!("queues: {}", queues.collect::<Vec<_>>().join(", ")))
}

/// Opening one looks for it; without `create` nothing comes into being.
#[cfg(feature = "sns-sqs")]
async fn queues(address: &change_events::sns_sqs::SnsSqsAddress, writers: &[Writer]) -> Found {
    use change_events::EventError;
    use change_events::sns_sqs::{SnsSqsAddress, SnsSqsConsumer};

    let address = SnsSqsAddress { create: false, ..address.clone() };
    for writer in writers {
        let opened =
            SnsSqsConsumer::open(&address, *writer, SUBSCRIBER, std::time::Duration::from_secs(30)).await;
        opened.map_err(|error| {
            let fix = match &error {
                EventError::Unusable { .. } => "as said; deploy/aws creates topics, queues and rights",
                _ => "see whether the endpoint can be reached from here, and the credentials are right",
            };
            Illness::new(error, fix)
        })?;
    }
    Ok(format!("the invalidator's queues of {} writers are there", writers.len()))
}

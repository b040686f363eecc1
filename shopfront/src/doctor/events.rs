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
    use change_events::sns_sqs::{SnsSqsAddress, SnsSqsConsumer};

    let looked_at = SnsSqsAddress { create: false, ..address.clone() };
    for writer in writers {
        let opened =
            SnsSqsConsumer::open(&looked_at, *writer, SUBSCRIBER, std::time::Duration::from_secs(30)).await;
        opened.map_err(|error| {
            let fix = fix(address, *writer, &error);
            Illness::new(error, fix)
        })?;
    }
    let names: Vec<&str> = writers.iter().map(|writer| writer.name()).collect();
    Ok(format!("the invalidator's queues of {} are there, and their dead-letter queues", names.join(", ")))
}

#[cfg(feature = "sns-sqs")]
fn fix(
    address: &change_events::sns_sqs::SnsSqsAddress,
    writer: Writer,
    error: &change_events::EventError,
) -> String {
    let said = error.to_string();
    if error.is_transient() {
        return match &address.endpoint {
            Some(endpoint) => {
                format!("see whether `{endpoint}` (`endpoint=` in `events`) is the right one, and answers")
            }
            None => format!(
                "see whether this machine has a way to SQS: `aws sqs list-queues --region {}`",
                address.region
            ),
        };
    }
    if said.contains("it is not there") && address.create {
        return "start an invalidator with these `events`: with `create=true` it makes them".to_owned();
    }
    if said.contains("it is not there") {
        return format!(
            "aws cloudformation deploy --region {} --stack-name {prefix}-queue-{writer}-{SUBSCRIBER} --template-file \
             deploy/aws/queue.yaml --parameter-overrides Prefix={prefix} Writer={writer} Subscriber={SUBSCRIBER}; or correct \
             `events`",
            address.region,
            prefix = address.prefix
        );
    }
    "as said; credentials are those of whoever runs this, and the programs' may be others".to_owned()
}

//! SNS and SQS: the suite of every transport, and what only real queues do wrong. Needs `cargo xtask servers up sns-sqs`.
#![allow(missing_docs, clippy::unwrap_used, clippy::large_futures)]

mod between; // a road to the server that can be cut, slowed down, and answered on
mod faults; //  the server is gone, slow, throttling, forgetful
mod letters; // messages that are not ours, dead letters, redrive
mod stack; //   `deploy/aws/`, created
mod server; //  the stand-in, and names of our own on it

use change_events::conformance;

#[tokio::test(flavor = "multi_thread")]
async fn queues_keep_the_promises() {
    // Awake before the first promise, whose clock runs.
    drop(server::Own::new().await);
    conformance::all(|| server::Own::at(&server::endpoint(), "&create=true")).await;
}

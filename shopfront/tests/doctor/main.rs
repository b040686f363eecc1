//! What `shopfront doctor` says of real servers that are not as they should be: what fails, why, and the fix.
#![allow(missing_docs, clippy::unwrap_used)]

mod asked; //  the command, and what it said
mod store; //  Redis, DynamoDB
mod events; // SNS and SQS
mod search; // Elasticsearch, OpenSearch

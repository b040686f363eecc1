//! Calls -> answers, keys -> items: in bounded time, with pauses while DynamoDB throttles, and however often it leaves
//! some of what was asked unprocessed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::future::Future;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use rand::RngExt as _;
use shop_id::ShopId;
use tokio::time::Instant;

use super::failed::{Failed, Kind};
use super::items::{Item, Key};
use super::poll::Poll;
use crate::StoreError;
use crate::address::DynamoDbAddress;
use crate::hedge::Hedge;
use crate::traits::shard_of;

/// Keys of one `BatchGetItem`.
pub(super) const KEYS_MAX: usize = 100;
/// The pause after the first refusal; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// The store as this process reaches it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) client: Client,
    pub(super) address: DynamoDbAddress,
    /// Of the address.
    pub(super) name: String,
    pub(super) shards: u16,
    pub(super) hedge: Hedge,
    pub(super) poll: Poll,
    /// The activation as it was last told, which the next one has to exceed; 0: never.
    pub(super) seen: AtomicU32,
    /// By the writer's handle.
    pub(super) is_written_here: bool,
}

/// What came of some keys.
#[derive(Debug, Default)]
pub(super) struct Got {
    pub(super) items: BTreeMap<Key, Item>,
    /// Those without an answer, and why. Of the others those without item are not there.
    pub(super) left: BTreeSet<Key>,
    pub(super) failure: Option<Failed>,
}

impl Got {
    /// All or nothing.
    pub(super) fn whole(self) -> Result<BTreeMap<Key, Item>, Failed> {
        match self.failure {
            Some(failed) if !self.left.is_empty() => Err(failed),
            _ => Ok(self.items),
        }
    }
}

/// A pause that doubles with each turn, of which a random half is waited, so that those who were refused together do not
/// come back together.
pub(super) fn pause(turn: u32) -> Duration {
    let longest = PAUSE.saturating_mul(1 << turn.min(10)).min(PAUSE_MAX);
    rand::rng().random_range(longest / 2..=longest)
}

impl Store {
    pub(super) fn shard_of(&self, shop_id: ShopId) -> u16 {
        shard_of(shop_id, self.shards)
    }

    pub(super) fn unavailable(&self, reason: &str) -> StoreError {
        StoreError::Unavailable { store: self.name.clone(), reason: reason.to_owned() }
    }

    /// When what is asked now is given up.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.address.patience
    }

    /// Asks until there is an answer, or a failure that does not pass, or it is too late. Whatever is asked does no harm when
    /// it is done twice: a transaction has a token, and whatever else is written says the same again.
    pub(super) async fn call<T, E, F>(
        &self,
        operation: &'static str,
        deadline: Instant,
        ask: impl Fn() -> F,
    ) -> Result<T, Failed>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.call_as(deadline, ask, |error| Failed::of(operation, error)).await
    }

    /// The same, with another reading of the error.
    pub(super) async fn call_as<T, E, F>(
        &self,
        deadline: Instant,
        ask: impl Fn() -> F,
        failed_of: impl Fn(&SdkError<E, HttpResponse>) -> Failed,
    ) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let (began, mut last, mut turn) = (Instant::now(), None, 0);
        loop {
            // One attempt that gets lost must not use up the time of all.
            let until = deadline.min(Instant::now() + self.address.patience);
            match tokio::time::timeout_at(until, Box::pin(ask())).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => {
                    let failed = failed_of(&error);
                    if !failed.is_passing() {
                        return Err(failed);
                    }
                    last = Some(failed);
                }
                Err(_) => {}
            }
            let again = Instant::now() + pause(turn);
            if again >= deadline {
                let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                return Err(last.unwrap_or(Failed::Late { waited_ms }));
            }
            tokio::time::sleep_until(again).await;
            turn += 1;
        }
    }

    /// What stands under up to [`KEYS_MAX`] keys. DynamoDB leaves keys unprocessed when it throttles, and when an answer grows
    /// beyond 16 MB.
    pub(super) async fn get(&self, keys: BTreeSet<Key>, is_consistent: bool, deadline: Instant) -> Got {
        let mut got = Got { left: keys, ..Got::default() };
        let mut turn = 0;
        while !got.left.is_empty() {
            let asked = self.asked(&got.left, is_consistent);
            let answer = self
                .call("BatchGetItem", deadline, || {
                    let tables = HashMap::from([(self.address.table.clone(), asked.clone())]);
                    self.client.batch_get_item().set_request_items(Some(tables)).send()
                })
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(failed) => {
                    got.failure.get_or_insert(failed);
                    return got;
                }
            };
            let items = answer.responses.unwrap_or_default().remove(&self.address.table).unwrap_or_default();
            let has_come_on = !items.is_empty();
            got.items.extend(items.into_iter().filter_map(|item| Some((Key::of(&item)?, item))));
            let unprocessed = answer.unprocessed_keys.unwrap_or_default().remove(&self.address.table);
            let unprocessed = unprocessed.map(|left| left.keys).unwrap_or_default();
            got.left = unprocessed.iter().filter_map(Key::of).collect();
            if got.left.is_empty() {
                break;
            }
            turn = if has_come_on { 0 } else { turn + 1 };
            let again = Instant::now() + pause(turn);
            if again >= deadline {
                let said = format!("dynamodb:BatchGetItem: {} keys were left unprocessed", got.left.len());
                got.failure = Some(Failed::Said { kind: Kind::Throttled, said });
                return got;
            }
            tokio::time::sleep_until(again).await;
        }
        got.failure = None;
        got
    }

    fn asked(&self, keys: &BTreeSet<Key>, is_consistent: bool) -> KeysAndAttributes {
        let keys: Vec<HashMap<String, AttributeValue>> = keys.iter().map(Key::attributes).collect();
        // Without keys there is nothing to build, and nobody asks for nothing.
        let asked = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(is_consistent).build();
        asked.unwrap_or_else(|_| unreachable!("keys are set"))
    }
}

//! Many changes of shops sent as one request. Each carries the position of its save as a version, so that one that comes
//! late never replaces a newer one, and one that comes twice changes nothing.

use std::ops::Range;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use shop_document::ListPart;
use shop_id::ShopId;

use super::connection::{Sent, Why};
use super::document::ShopDocument;
use super::error::EngineError;
use super::indexes::{Index, WRITE_PATIENCE};

/// Sequences have 34 bits of a version: in each shard of one activation, two years of 250 saves a second.
const SEQUENCE_BITS: u32 = 34;
/// The rest, without the sign, is the activation. Stores count those in seconds since 1970, so 29 bits last until 2042.
const ACTIVATION_MAX: u32 = (1 << 29) - 1;
/// The beginning of 2025: no store has an older one.
const ACTIVATIONS_BEGIN: u32 = 1_735_689_600;
/// Of the answer.
const FILTER: &str = "items.*.status,items.*.error.type,items.*.error.reason";
/// Of what was refused for good, so many are named.
const NAMED_MAX: usize = 20;
/// Tries of what an engine had no room for, within one [`Index::write`].
const TRIES: u32 = 4;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// The place of a save in the order of saves of its shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(i64);

impl Version {
    /// Of a store's activation number and the sequence in it; both are held at their largest.
    #[must_use]
    pub fn of(activation: u32, sequence: u64) -> Self {
        let sequence = sequence.min((1 << SEQUENCE_BITS) - 1);
        // One more than nothing, so that no version is 0.
        let activation = activation.saturating_sub(ACTIVATIONS_BEGIN).saturating_add(1).min(ACTIVATION_MAX);
        let version = u64::from(activation) << SEQUENCE_BITS | sequence;
        Self(i64::try_from(version).unwrap_or(i64::MAX))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Bulk {
    lines: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    shop_id: ShopId,
    lines: Range<usize>,
}

/// What became of a bulk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Changes that the index took.
    pub taken: u64,
    /// The index held them, or newer ones.
    pub unchanged: u64,
    /// Changes that no try will bring in: they are left out.
    pub refused: u64,
    /// The first of those, and why.
    pub named: Vec<(ShopId, String)>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    items: Vec<Item>,
}

/// `{"index": {…}}` or `{"delete": {…}}`.
#[derive(Deserialize)]
struct Item {
    #[serde(alias = "delete")]
    index: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    #[serde(default)]
    error: Option<Why>,
}

impl Bulk {
    /// A shop as it is now; one that stands in no list leaves the index.
    pub fn put(&mut self, shop_id: ShopId, version: Version, part: &ListPart, with_words: bool) {
        let Some(document) = ShopDocument::of(shop_id, part, with_words) else {
            self.remove(shop_id, version);
            return;
        };
        // Strings, numbers and lists with string keys: serde_json has no reason to refuse them.
        let document = serde_json::to_vec(&document).unwrap_or_default();
        self.change(shop_id, version, "index", Some(&document));
    }

    /// A shop that is not shown any more.
    pub fn remove(&mut self, shop_id: ShopId, version: Version) {
        self.change(shop_id, version, "delete", None);
    }

    /// What would be sent.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.lines.len()
    }

    /// Changes in it.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.changes.len()
    }

    fn change(&mut self, shop_id: ShopId, version: Version, action: &str, document: Option<&[u8]>) {
        let start = self.lines.len();
        let head =
            json!({action: {"_id": shop_id.to_string(), "version": version.0, "version_type": "external"}});
        self.lines.extend_from_slice(head.to_string().as_bytes());
        self.lines.push(b'\n');
        if let Some(document) = document {
            self.lines.extend_from_slice(document);
            self.lines.push(b'\n');
        }
        self.changes.push(Change { shop_id, lines: start..self.lines.len() });
    }

    /// The changes of these places alone.
    fn only(&self, places: &[usize]) -> Self {
        let mut only = Self::default();
        for change in places.iter().filter_map(|place| self.changes.get(*place)) {
            let start = only.lines.len();
            only.lines.extend_from_slice(&self.lines[change.lines.clone()]);
            only.changes.push(Change { shop_id: change.shop_id, lines: start..only.lines.len() });
        }
        only
    }

    /// As two of half the size.
    fn halves(&self) -> [Self; 2] {
        let places: Vec<usize> = (0..self.changes.len()).collect();
        let (first, second) = places.split_at(places.len() / 2);
        [self.only(first), self.only(second)]
    }
}

impl Written {
    fn refuse(&mut self, shop_id: ShopId, why: String) {
        self.refused += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push((shop_id, why));
        }
    }

    fn add(&mut self, other: Self) {
        self.taken += other.taken;
        self.unchanged += other.unchanged;
        self.refused += other.refused;
        let room = NAMED_MAX.saturating_sub(self.named.len());
        self.named.extend(other.named.into_iter().take(room));
    }
}

impl Index {
    /// Sends all of a bulk; what the engine had no room for, again, some times. A bulk that is too large is halved.
    ///
    /// # Errors
    /// Where the engine is away, overloaded or full: sending the same bulk again later is right, whatever it took.
    pub async fn write(&self, bulk: &Bulk) -> Result<Written, EngineError> {
        let mut written = Written::default();
        let mut waiting = vec![bulk.only(&(0..bulk.count()).collect::<Vec<_>>())];
        let mut tries = 0;
        while let Some(bulk) = waiting.pop() {
            if bulk.count() == 0 {
                continue;
            }
            match self.send(&bulk, &mut written).await? {
                Left::Nothing => {}
                Left::TooLarge if bulk.count() > 1 => waiting.extend(bulk.halves()),
                Left::TooLarge => {
                    let why = format!("{} bytes are more than the engine accepts", bulk.bytes());
                    bulk.changes.iter().for_each(|change| written.refuse(change.shop_id, why.clone()));
                }
                Left::Rejected(error, places) => {
                    tries += 1;
                    if tries == TRIES {
                        return Err(error);
                    }
                    tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                    waiting.push(bulk.only(&places));
                }
            }
        }
        Ok(written)
    }

    async fn send(&self, bulk: &Bulk, written: &mut Written) -> Result<Left, EngineError> {
        let path = format!("{}/_bulk?require_alias=true&filter_path={FILTER}", self.write_alias());
        let sent = Sent::Lines(Bytes::copy_from_slice(&bulk.lines));
        let answer = self.engine().send(Method::POST, &path, sent, WRITE_PATIENCE).await?;
        if answer.status == StatusCode::PAYLOAD_TOO_LARGE {
            return Ok(Left::TooLarge);
        }
        if !answer.status.is_success() {
            return Err(self.engine().failure(&path, &answer));
        }
        let items: Answer = self.engine().read(&path, &answer)?;
        if items.items.len() != bulk.count() {
            let reason = format!("{} outcomes of {} changes", items.items.len(), bulk.count());
            return Err(self.engine().unexpected(&path, answer.status, reason));
        }
        let outcomes = items.items.iter().map(|item| &item.index).zip(&bulk.changes);
        self.sort_out(&path, outcomes, written)
    }

    fn sort_out<'a>(
        &self,
        path: &str,
        outcomes: impl Iterator<Item = (&'a Outcome, &'a Change)>,
        written: &mut Written,
    ) -> Result<Left, EngineError> {
        let mut sorted = Written::default();
        let (mut rejected, mut first) = (Vec::new(), None);
        for (place, (outcome, change)) in outcomes.enumerate() {
            match (outcome.status, &outcome.error) {
                (409, _) => sorted.unchanged += 1,
                // A shop that was not there leaves nothing behind.
                (404, None) | (..400, _) => sorted.taken += 1,
                (_, Some(why)) => {
                    let status = StatusCode::from_u16(outcome.status).unwrap_or_default();
                    match self.engine().meaning(path, status, why) {
                        EngineError::Unexpected { .. } => sorted.refuse(change.shop_id, why.said()),
                        error @ EngineError::Busy { .. } => {
                            rejected.push(place);
                            first.get_or_insert(error);
                        }
                        EngineError::Blocked { reason, .. } => {
                            return Err(EngineError::Blocked { index: self.name().to_owned(), reason });
                        }
                        error => return Err(error),
                    }
                }
                (status, None) => sorted.refuse(change.shop_id, format!("status {status}")),
            }
        }
        written.add(sorted);
        Ok(first.map_or(Left::Nothing, |error| Left::Rejected(error, rejected)))
    }
}

/// What of a bulk has to be sent again.
enum Left {
    Nothing,
    TooLarge,
    Rejected(EngineError, Vec<usize>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_order_of_saves() {
        let ordered = [
            Version::of(0, 1),
            Version::of(ACTIVATIONS_BEGIN + 1, 1),
            Version::of(ACTIVATIONS_BEGIN + 1, 2),
            Version::of(ACTIVATIONS_BEGIN + 1, (1 << 34) - 1),
            // A store that begins a new activation counts from one again.
            Version::of(1_795_542_188, 5_000),
            Version::of(1_795_542_189, 1),
            Version::of(u32::MAX, u64::MAX),
        ];
        assert!(ordered.is_sorted_by(|one, other| one < other));
        assert!(ordered.iter().all(|version| version.0 > 0));
    }
}

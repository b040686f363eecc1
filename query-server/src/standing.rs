//! How the store and its writers stand: which sections are degraded, and whether unknown means unknown. Looked up by
//! a background task; requests read the last finding.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use document_store::{DocumentReader, WriterContact};
use jiff::Timestamp;
use service_runtime::Clock;
use shop_id::Writer;
use xxhash_rust::xxh3::xxh3_64;

/// The last finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Of [`Standing::degraded_json`]: equal fingerprints, equal bytes.
    pub fingerprint: u64,
    /// `[{"section":"reviews","since":"…"}]`.
    pub degraded_json: String,
    /// Writers behind the degraded sections.
    pub degraded: Vec<Writer>,
    /// A full resync was complete once, so what the store does not know does not exist.
    pub is_complete: bool,
}

impl Standing {
    fn of(degraded: &[(Writer, Option<Timestamp>)], is_complete: bool) -> Self {
        let section = |(writer, since): &(Writer, Option<Timestamp>)| match since {
            Some(since) => format!("{{\"section\":\"{writer}\",\"since\":\"{since}\"}}"),
            None => format!("{{\"section\":\"{writer}\",\"since\":null}}"),
        };
        let sections: Vec<String> = degraded.iter().map(section).collect();
        let degraded_json = format!("[{}]", sections.join(","));
        Self {
            fingerprint: xxh3_64(degraded_json.as_bytes()),
            degraded_json,
            degraded: degraded.iter().map(|(writer, _)| *writer).collect(),
            is_complete,
        }
    }
}

/// Looks around for as long as it is polled.
#[derive(Debug)]
pub struct Lookout {
    clock: Clock,
    degraded_after: Duration,
    began: Timestamp,
    last: ArcSwap<Standing>,
}

impl Lookout {
    /// Nothing was found out yet.
    #[must_use]
    pub fn new(clock: Clock, degraded_after: Duration) -> Self {
        let began = clock.now();
        Self { clock, degraded_after, began, last: ArcSwap::from_pointee(Standing::of(&[], false)) }
    }

    /// The last finding, without a lock.
    #[must_use]
    pub fn last(&self) -> Guard<Arc<Standing>> {
        self.last.load()
    }

    /// Asks the store again and again. While it is away, what was heard last goes on ageing.
    pub async fn look_on<S: DocumentReader>(&self, store: &S) {
        let pause = (self.degraded_after / 4).clamp(Duration::from_millis(50), Duration::from_secs(1));
        let mut contacts = Vec::new();
        loop {
            self.look(store, &mut contacts).await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Asks once; `contacts` are those of the time before.
    pub async fn look<S: DocumentReader>(&self, store: &S, contacts: &mut Vec<WriterContact>) {
        match store.writer_contacts().await {
            Ok(newer) => *contacts = newer,
            Err(error) => tracing::debug!(%error, "cannot see when writers were last heard"),
        }
        let before = self.last.load_full();
        let is_complete = store.identity().await.map_or(before.is_complete, |identity| identity.complete);
        let now = self.clock.now();
        let degraded: Vec<(Writer, Option<Timestamp>)> = contacts
            .iter()
            // Of a writer that was never heard nothing is known but how long we have been looking.
            .filter(|contact| self.is_too_long(contact.heard_at.unwrap_or(self.began), now))
            .map(|contact| (contact.writer, contact.heard_at))
            .collect();
        let found = Standing::of(&degraded, is_complete);
        if found != *before {
            let (now, was) = (&found.degraded_json, &before.degraded_json);
            tracing::info!(degraded = %now, %was, complete = found.is_complete, "the standing of the store changed");
            self.last.store(Arc::new(found));
        }
    }

    fn is_too_long(&self, heard_at: Timestamp, now: Timestamp) -> bool {
        let quiet = now.as_microsecond().saturating_sub(heard_at.as_microsecond());
        u128::try_from(quiet).is_ok_and(|quiet| quiet > self.degraded_after.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use document_store::DocumentWriter;
    use document_store::memory::MemoryStore;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[tokio::test]
    async fn a_writer_that_falls_silent_is_named_with_when_it_was_last_heard() {
        let (store, clock) = (MemoryStore::new(), Clock::manual(at(0)));
        let lookout = Lookout::new(clock.clone(), Duration::from_secs(60));
        let mut contacts = Vec::new();
        for writer in Writer::OF_THE_DOCUMENT {
            store.record_heard(writer, at(0)).await.unwrap();
        }
        store.mark_complete(store.identity().await.unwrap().activation).await.unwrap();
        for (second, expected) in [
            (60, "[]"),
            (61, r#"[{"section":"ads","since":"2023-11-14T22:13:20Z"}]"#),
            // The same bytes for as long as the silence lasts.
            (500, r#"[{"section":"ads","since":"2023-11-14T22:13:20Z"}]"#),
        ] {
            for writer in [Writer::Shop, Writer::Reviews] {
                store.record_heard(writer, at(second)).await.unwrap();
            }
            clock.set(at(second));
            lookout.look(&store, &mut contacts).await;
            assert_eq!(lookout.last().degraded_json, expected, "after {second} s");
            assert!(lookout.last().is_complete);
        }
        store.record_heard(Writer::Ads, at(499)).await.unwrap();
        lookout.look(&store, &mut contacts).await;
        assert_eq!(lookout.last().degraded_json, "[]");
    }

    #[tokio::test]
    async fn a_writer_never_heard_counts_from_when_we_began_to_look() {
        let (store, clock) = (MemoryStore::new(), Clock::manual(at(0)));
        let lookout = Lookout::new(clock.clone(), Duration::from_secs(60));
        let mut contacts = Vec::new();
        lookout.look(&store, &mut contacts).await;
        assert_eq!(lookout.last().degraded_json, "[]");
        clock.set(at(61));
        lookout.look(&store, &mut contacts).await;
        assert_eq!(lookout.last().degraded, Writer::OF_THE_DOCUMENT);
        assert!(lookout.last().degraded_json.starts_with(r#"[{"section":"shop","since":null}"#));
    }

    #[tokio::test]
    async fn while_the_store_is_away_what_was_heard_last_goes_on_ageing() {
        let (store, clock) = (MemoryStore::new(), Clock::manual(at(0)));
        let lookout = Lookout::new(clock.clone(), Duration::from_secs(60));
        let mut contacts = Vec::new();
        for writer in Writer::OF_THE_DOCUMENT {
            store.record_heard(writer, at(0)).await.unwrap();
        }
        store.mark_complete(store.identity().await.unwrap().activation).await.unwrap();
        lookout.look(&store, &mut contacts).await;
        let away = document_store::StoreError::Unavailable { store: "x".into(), reason: "away".into() };
        store.set_broken(Some(away));
        clock.set(at(100));
        lookout.look(&store, &mut contacts).await;
        assert_eq!(lookout.last().degraded.len(), 3);
        assert!(lookout.last().is_complete, "an outage does not make known shops unknown");
    }
}

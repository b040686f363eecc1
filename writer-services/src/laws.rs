//! Laws of the database, on real files: whatever is changed, in whatever groups.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use shop_id::{Revision, ShopId, Writer};
use tempfile::TempDir;
use writer_api::{ChangesAnswer, Outcome};

use crate::answers;
use crate::database::{Database, ReadOnly, Settings};
use crate::decide::Change;
use crate::owner::Ads;
use crate::ready::ReadyFacts;

#[derive(Clone, Debug)]
enum Asked {
    /// This number of (empty but distinct) campaigns' worth of facts.
    Put(u64, u8),
    Remove(u64),
    /// A new epoch, as after a restore.
    Reopen {
        raise: bool,
    },
}

fn asked() -> impl Strategy<Value = Asked> {
    let shop = || 1_u64..6;
    prop_oneof![
        6 => (shop(), 0_u8..3).prop_map(|(shop, facts)| Asked::Put(shop, facts)),
        2 => shop().prop_map(Asked::Remove),
        1 => any::<bool>().prop_map(|raise| Asked::Reopen { raise }),
        1 => Just(Asked::Put(9_223_372_036_854_775_807, 0)),
    ]
}

fn change(asked: &Asked) -> Option<Change> {
    match asked {
        Asked::Put(shop, facts) => {
            let json = format!("{{\"campaigns\":[],\"generated\":[\"{facts}\"]}}");
            let facts = ReadyFacts::read::<Ads>(json.as_bytes()).unwrap();
            Some(Change::put::<Ads>(ShopId::new(*shop).unwrap(), facts))
        }
        Asked::Remove(shop) => Some(Change::remove::<Ads>(ShopId::new(*shop).unwrap())),
        Asked::Reopen { .. } => None,
    }
}

/// The writer, and what it must say.
struct Model {
    directory: TempDir,
    settings: Settings,
    database: Option<Database>,
    /// Each shop's newest commit.
    newest: BTreeMap<u64, u64>,
    counter: u64,
}

impl Model {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let settings = Settings {
            path: directory.path().join("ads.sqlite"),
            writer: Writer::Ads,
            epoch_at_least: 1,
            bytes_max: 1 << 30,
            outbox_rows_max: 1_000,
        };
        let database = Some(Database::open(&settings).unwrap());
        Self { directory, settings, database, newest: BTreeMap::new(), counter: 0 }
    }

    fn take(&mut self, group: &[Asked]) {
        for asked in group {
            if let Asked::Reopen { raise } = asked {
                self.database = None;
                self.settings.epoch_at_least += u32::from(*raise);
                self.database = Some(Database::open(&self.settings).unwrap());
            }
        }
        let changes: Vec<Change> = group.iter().filter_map(change).collect();
        let committed = self.database.as_mut().unwrap().commit(changes, Timestamp::UNIX_EPOCH, 0).unwrap();
        for taken in committed.rows.into_iter().map(Result::unwrap) {
            if taken.outcome == Outcome::Unchanged {
                let held = self.newest.get(&taken.shop_id.get());
                let expected = held.map_or(Revision::ZERO, |counter| self.revision(*counter));
                assert_eq!(taken.revision, expected);
            } else {
                // Strictly growing, and without gaps.
                self.counter += 1;
                assert_eq!(taken.revision, self.revision(self.counter));
                self.newest.insert(taken.shop_id.get(), self.counter);
            }
        }
        assert_eq!(committed.state.revision(), self.revision(self.counter));
    }

    fn revision(&self, counter: u64) -> Revision {
        Revision::new(self.settings.epoch_at_least, counter)
    }

    fn reads(&self) -> ReadOnly {
        ReadOnly::open(&self.directory.path().join("ads.sqlite"), Writer::Ads).unwrap()
    }
}

/// Everything after a cursor, `limit` at a time.
fn changed_since(reads: &ReadOnly, mut after: Revision, limit: usize) -> Vec<(u64, Revision)> {
    let mut told = Vec::new();
    loop {
        let answer = answers::changes(reads, after, limit).unwrap().unwrap();
        let answer: ChangesAnswer = serde_json::from_slice(&answer).unwrap();
        assert!(answer.changes.len() <= limit);
        told.extend(answer.changes.iter().map(|change| (change.shop_id.get(), change.revision)));
        after = answer.next_cursor;
        if !answer.has_more {
            return told;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn counters_only_grow_and_changed_since_tells_exactly_what_changed_after_any_cursor(
        groups in vec(vec(asked(), 0..6), 1..12),
        limit in 1_usize..4,
    ) {
        let mut model = Model::new();
        for group in &groups {
            model.take(group);
        }
        let reads = model.reads();
        for cursor in 0..=model.counter {
            let told = changed_since(&reads, model.revision(cursor), limit);
            let mut expected: Vec<(u64, Revision)> = model
                .newest
                .iter()
                .filter(|(_, counter)| **counter > cursor)
                .map(|(shop, counter)| (*shop, model.revision(*counter)))
                .collect();
            expected.sort_unstable_by_key(|(_, revision)| *revision);
            prop_assert_eq!(told, expected, "after {}", cursor);
        }
        prop_assert!(answers::changes(&reads, model.revision(model.counter + 1), 1).unwrap().is_err());
        // One announcement for every commit, in their order.
        let waiting = reads.outbox(0, 1_000).unwrap();
        let counters: Vec<u64> = waiting.iter().map(|announcement| announcement.counter).collect();
        prop_assert_eq!(counters, (1..=model.counter).collect::<Vec<_>>());
    }
}

//! Kill -9 of every process in turn, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use journey_tests::marketplace::{Settings, card_of};
use journey_tests::shops::CELL;
use journey_tests::{Marketplace, eventually};
use reqwest::Client;
use shop_id::ShopId;

const SHOPS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_process_killed_in_turn_under_load_loses_nothing_and_costs_no_5xx() {
    let mut marketplace = Marketplace::open(&Settings::default()).await.unwrap();
    let mut shop_ids = Vec::new();
    for number in 0..SHOPS {
        shop_ids.push(marketplace.create_shop(&format!("Shop {number}")).await.unwrap());
    }
    for &shop_id in &shop_ids {
        marketplace.everywhere(shop_id, "the shop is there", |card| card["name"].is_string()).await.unwrap();
    }
    let readers = Readers::start(&marketplace.public(0), &shop_ids);
    for round in 0..2 {
        for victim in 0..4 {
            let before = change_all(&marketplace, &shop_ids, round * 10 + victim).await;
            let program = marketplace.programs().nth(victim).unwrap();
            program.kill().unwrap();
            // Changes go on; what a dead writer could not take was never acknowledged.
            let after = change_all(&marketplace, &shop_ids, 1_000 + round * 10 + victim).await;
            marketplace.programs().nth(victim).unwrap().start().unwrap();
            all_arrived(&marketplace, &shop_ids, &before, &after).await;
        }
        assert_eq!(readers.failures(), Vec::<String>::new(), "the query server was alive all the time");
        readers.may_fail(true);
        marketplace.query_servers[0].kill().unwrap();
        let acknowledged = change_all(&marketplace, &shop_ids, 5_000 + round).await;
        marketplace.query_servers[0].start().unwrap();
        marketplace.ready().await.unwrap();
        readers.may_fail(false);
        all_arrived(&marketplace, &shop_ids, &acknowledged, &acknowledged).await;
    }
    assert!(readers.answered() > 100, "the load was there");
    assert_eq!(readers.failures(), Vec::<String>::new());
}

/// What each shop must end at: the last name and count that a writer acknowledged.
#[derive(Clone, Debug, Default)]
struct Acknowledged {
    names: Vec<Option<String>>,
    counts: Vec<Option<u32>>,
}

async fn change_all(marketplace: &Marketplace, shop_ids: &[ShopId], number: usize) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    for (index, &shop_id) in shop_ids.iter().enumerate() {
        let name = format!("Shop {index} at {number}");
        let count = u32::try_from(number * 100 + index + 1).unwrap();
        let renamed = marketplace.rename(shop_id, &name).await;
        acknowledged.names.push(renamed.is_ok().then_some(name));
        let reviewed = marketplace.review(shop_id, count).await;
        acknowledged.counts.push(reviewed.is_ok().then_some(count));
        drop(marketplace.advertise(shop_id, &format!("Ad {number}")).await);
    }
    acknowledged
}

async fn all_arrived(
    marketplace: &Marketplace,
    shop_ids: &[ShopId],
    before: &Acknowledged,
    after: &Acknowledged,
) {
    let expected = |index: usize| {
        let name = after.names[index].as_ref().or(before.names[index].as_ref()).cloned();
        (name, after.counts[index].or(before.counts[index]))
    };
    for (index, &shop_id) in shop_ids.iter().enumerate() {
        let (name, count) = expected(index);
        eventually(&format!("shop {shop_id} is {name:?} with {count:?} reviews"), async || {
            let list = marketplace.list(0).await?;
            let Some(card) = card_of(&list, shop_id) else { return Ok(None) };
            let named = name.as_ref().is_none_or(|name| card["name"] == name.as_str());
            let counted = count.is_none_or(|count| card["review_count"] == count);
            Ok((named && counted).then_some(()))
        })
        .await
        .unwrap();
    }
}

/// Clients that read without pause and remember what went wrong.
struct Readers {
    stopped: Arc<AtomicBool>,
    may_fail: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    failures: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Readers {
    fn start(public: &str, shop_ids: &[ShopId]) -> Self {
        let readers = Self {
            stopped: Arc::default(),
            may_fail: Arc::default(),
            answered: Arc::default(),
            failures: Arc::default(),
        };
        let paths = [
            format!("{public}/v1/cells/{CELL}/shops"),
            format!("{public}/v1/shops/{}", shop_ids[0]),
            format!("{public}/v1/shops?ids={},{}", shop_ids[1], shop_ids[2]),
        ];
        for url in paths {
            tokio::spawn(read_on(
                url,
                Arc::clone(&readers.stopped),
                Arc::clone(&readers.may_fail),
                Arc::clone(&readers.answered),
                Arc::clone(&readers.failures),
            ));
        }
        readers
    }

    fn may_fail(&self, may: bool) {
        self.may_fail.store(may, Ordering::SeqCst);
    }

    fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

async fn read_on(
    url: String,
    stopped: Arc<AtomicBool>,
    may_fail: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    failures: Arc<std::sync::Mutex<Vec<String>>>,
) {
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    while !stopped.load(Ordering::SeqCst) {
        // Judged by what held when the request began and when it ended.
        let excused = may_fail.load(Ordering::SeqCst);
        let answer = client.get(&url).send().await.map(|answer| answer.status());
        answered.fetch_add(1, Ordering::SeqCst);
        let excused = excused || may_fail.load(Ordering::SeqCst);
        match answer {
            Ok(status) if status.as_u16() == 200 => {}
            _ if excused || stopped.load(Ordering::SeqCst) => {}
            other => failures.lock().unwrap().push(format!("{url}: {other:?}")),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

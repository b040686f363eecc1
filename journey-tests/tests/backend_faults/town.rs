//! A marketplace with two query servers: the first keeps all that it has seen, the second nothing at all. So the first shows what
//! resident shops are worth, the second what everybody else meets.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use journey_tests::backends::Named;
use journey_tests::marketplace::{Settings, card_of};
use journey_tests::shops::CELL;
use journey_tests::{Marketplace, eventually};
use reqwest::Client;
use serde_json::Value;
use shop_id::{ShopId, Writer};
use toml::Table;

/// The number of the query server that keeps everything.
pub(crate) const KEEPS: usize = 0;
/// And of the one that keeps nothing.
pub(crate) const FORGETS: usize = 1;

const SHOPS: usize = 5;
/// The place of the shop that changes just before.
pub(crate) const LAST: usize = SHOPS - 1;
/// No writer ever heard of it.
const NOBODYS: u64 = 999_999;

pub(crate) struct Town {
    pub(crate) marketplace: Marketplace,
    pub(crate) shop_ids: Vec<ShopId>,
}

/// A server by which tests find it.
pub(crate) fn found_by(variable: &str, server: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("`{variable}` is not set: run `cargo xtask servers up {server}`, then `cargo xtask test`")
    })
}

pub(crate) fn over_store(store: String) -> Named {
    Named { store: Some(store), ..Named::default() }
}

/// The usual one over these servers.
pub(crate) fn settings(named: Named) -> Settings {
    let mut forgets = Table::new();
    for key in ["cards_bytes_max", "details_bytes_max", "pages_bytes_max"] {
        forgets.insert(key.into(), toml::Value::Integer(0));
    }
    // Nobody is refused here for being late: the machine may be busy with something else.
    let mut patient = Table::new();
    for key in ["browse_delay_ms", "order_delay_ms"] {
        patient.insert(key.into(), toml::Value::Integer(0));
    }
    patient.insert("gather_wait_ms".into(), toml::Value::Integer(1_000));
    Settings {
        query_servers: 2,
        query_server: patient,
        of_query_server: vec![(FORGETS, forgets)],
        degraded_after: Duration::from_secs(4),
        backends: Some(named),
        ..Settings::default()
    }
}

/// With nothing but events to carry changes.
pub(crate) fn events_only(named: Named) -> Settings {
    let hour = Duration::from_secs(3_600);
    // Whether a writer lives, too, is heard once an hour then.
    Settings { changed_since_interval: hour, degraded_after: 2 * hour, ..settings(named) }
}

impl Town {
    /// With a few shops that everybody has seen.
    pub(crate) async fn open(settings: &Settings) -> Self {
        let marketplace = Marketplace::open(settings).await.unwrap();
        // What was announced before is made good by changed-since alone, which some put off for an hour.
        marketplace.subscribed().await.unwrap();
        let mut shop_ids = Vec::new();
        for number in 0..SHOPS {
            shop_ids.push(marketplace.create_shop(&format!("Shop {number}")).await.unwrap());
        }
        let town = Self { marketplace, shop_ids };
        for &shop_id in &town.shop_ids {
            town.marketplace.review(shop_id, 3).await.unwrap();
            let all_of_it = |card: &Value| card["name"].is_string() && card["review_count"] == 3;
            town.marketplace.everywhere(shop_id, "the shop is there", all_of_it).await.unwrap();
        }
        town.is_whole().await;
        town.all_is_at_hand().await;
        town
    }

    /// A page may be kept without the detail that it was made from. Who waits for a change of his own is given none of those,
    /// but the detail itself, which is resident from then on.
    async fn all_is_at_hand(&self) {
        for &shop_id in &self.shop_ids {
            let own = format!("/v1/shops/{shop_id}?min_revision=shop:1-1");
            let own = self.marketplace.read_json(KEEPS, &own).await.unwrap();
            assert_eq!(own["id"], shop_id.to_string().as_str(), "{own}");
        }
    }

    /// The second query server has nothing in its hands. Nobody may ask it meanwhile.
    pub(crate) async fn forgotten(&self) {
        let ops = self.marketplace.ops(FORGETS);
        eventually("the second query server forgets what it has seen", async || {
            let mut resident = 0.0;
            for name in ["resident_cards", "resident_detail_bytes"] {
                let name = format!("shopfront_query_server_{name}");
                resident += self.marketplace.metric(&ops, &name, "").await?;
            }
            Ok((resident == 0.0).then_some(()))
        })
        .await
        .unwrap();
    }

    fn ids(&self) -> BTreeSet<String> {
        self.shop_ids.iter().map(ToString::to_string).collect()
    }

    fn ids_listed(&self) -> String {
        self.ids().into_iter().collect::<Vec<_>>().join(",")
    }

    /// List and batch of the first query server, with every shop, and all details but the last shop's: a detail that a change has
    /// just outdated is at nobody's hand until it is asked for.
    pub(crate) async fn resident_shops_are_read(&self) {
        let list = self.marketplace.list(KEEPS).await.unwrap();
        let batch = format!("/v1/shops?ids={}", self.ids_listed());
        let batch = self.marketplace.read_json(KEEPS, &batch).await.unwrap();
        for &shop_id in &self.shop_ids {
            for page in [&list, &batch] {
                assert!(card_of(page, shop_id).is_some(), "{shop_id} in {page}");
            }
        }
        for &shop_id in &self.shop_ids[..LAST] {
            let detail = self.marketplace.detail(KEEPS, shop_id).await.unwrap();
            assert_eq!(detail["id"], shop_id.to_string().as_str(), "{detail}");
        }
    }

    /// At the second query server, while the store cannot be asked. Nobody is unknown.
    pub(crate) async fn others_are_named_missing(&self) {
        let list = self.marketplace.list(FORGETS).await.unwrap();
        let batch = format!("/v1/shops?ids={},{NOBODYS}", self.ids_listed());
        let batch = self.marketplace.read_json(FORGETS, &batch).await.unwrap();
        for page in [&list, &batch] {
            assert_eq!(page["shops"].as_array().unwrap().len(), 0, "{page}");
            let named = missing(page);
            assert!(self.ids().iter().all(|shop_id| named.iter().any(|(id, _)| id == shop_id)), "{page}");
            assert!(named.iter().all(|(_, reason)| reason != "unknown"), "{page}");
        }
        for shop_id in self.ids().into_iter().chain([NOBODYS.to_string()]) {
            let url = format!("{}/v1/shops/{shop_id}", self.marketplace.public(FORGETS));
            let answer = self.marketplace.client().get(url).send().await.unwrap();
            let (status, retry) = (answer.status(), answer.headers().get("retry-after").cloned());
            assert!(status == 503 && retry.is_some(), "{shop_id}: {status} {}", answer.text().await.unwrap());
        }
    }

    /// Lists say since when they are of the past, and which writers were not heard of.
    pub(crate) async fn what_is_old_is_said(&self) {
        for query_server in [KEEPS, FORGETS] {
            eventually("a list says that it is old, and what of it", async || {
                let meta = self.marketplace.list(query_server).await?["meta"].clone();
                Ok((is_instant(&meta["stale_since"]) && degraded(&meta) == ["ads", "reviews", "shop"])
                    .then_some(()))
            })
            .await
            .unwrap();
        }
    }

    /// All shops are there again, for everybody, and nothing is said to be amiss.
    pub(crate) async fn is_whole(&self) {
        for query_server in [KEEPS, FORGETS] {
            eventually("all is well, and unknown means unknown", async || {
                let list = self.marketplace.list(query_server).await?;
                let meta = &list["meta"];
                for &shop_id in &self.shop_ids {
                    let detail = self.marketplace.detail(query_server, shop_id).await?;
                    let complete = [card_of(&list, shop_id), Some(&detail)].into_iter().all(|page| {
                        page.is_some_and(|page| page["name"].is_string() && !page["rating"].is_null())
                    });
                    anyhow::ensure!(complete, "{shop_id} in {list}");
                }
                let well = missing(&list).is_empty() && degraded(meta).is_empty();
                anyhow::ensure!(well && meta["stale_since"].is_null(), "{meta}");
                let nobodys = format!("{}/v1/shops/{NOBODYS}", self.marketplace.public(query_server));
                let unknown = self.marketplace.client().get(nobodys).send().await?.status();
                anyhow::ensure!(unknown == 404, "nobody's shop is answered {unknown}");
                Ok(Some(()))
            })
            .await
            .unwrap();
        }
    }

    /// Renames a shop and waits until everybody sees it.
    pub(crate) async fn rename_and_see(&self, place: usize, name: &str) {
        self.marketplace.rename(self.shop_ids[place], name).await.unwrap();
        self.see(place, name).await;
    }

    /// Waits until everybody sees a shop's name.
    pub(crate) async fn see(&self, place: usize, name: &str) {
        let what = format!("everybody sees `{name}`");
        self.marketplace.everywhere(self.shop_ids[place], &what, |card| card["name"] == name).await.unwrap();
    }

    /// The first query server is asked on and on from now.
    pub(crate) fn watched(&self) -> Watch {
        Watch::of_the_first(self)
    }

    /// And the second, which from now on keeps what it is asked for until it follows the store again.
    pub(crate) fn others_watched(&self) -> Watch {
        Watch::of_the_second(self)
    }

    /// A counter of the invalidator, summed over what its labels contain.
    pub(crate) async fn counted(&self, name: &str, labels: &str) -> f64 {
        self.marketplace.metric(&self.marketplace.invalidator_ops(), name, labels).await.unwrap()
    }

    /// Waits until a counter of the invalidator is above a number.
    pub(crate) async fn counts_more(&self, name: &str, labels: &str, than: f64) {
        let ops = self.marketplace.invalidator_ops();
        eventually(&format!("{name}{{{labels}}} is above {than}"), async || {
            let now = self.marketplace.metric(&ops, name, labels).await?;
            anyhow::ensure!(now > than, "it is {now}");
            Ok(Some(()))
        })
        .await
        .unwrap();
    }

    /// Waits until the invalidator has logged something.
    pub(crate) async fn invalidator_says(&self, words: &str) {
        let invalidator = &self.marketplace.invalidator;
        eventually(&format!("the invalidator says `{words}`"), async || {
            Ok(invalidator.log().contains(words).then_some(()))
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}:\n{}", invalidator.log_tail()));
    }

    /// The process of a writer.
    pub(crate) fn writer(&mut self, writer: Writer) -> &mut journey_tests::Program {
        self.marketplace.writer(writer)
    }
}

/// Who is named missing, and why.
pub(crate) fn missing(page: &Value) -> Vec<(String, String)> {
    let named = page["meta"]["missing"].as_array();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    named.into_iter().flatten().map(|shop| (text(&shop["id"]), text(&shop["reason"]))).collect()
}

fn degraded(meta: &Value) -> Vec<&str> {
    let sections = meta["degraded"].as_array().into_iter().flatten();
    let mut sections: Vec<&str> = sections.filter_map(|section| section["section"].as_str()).collect();
    sections.sort_unstable();
    sections
}

fn is_instant(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok())
}

/// People who ask without pause while something is wrong, and remember every answer that no fault excuses.
pub(crate) struct Watch {
    stopped: Arc<AtomicBool>,
    /// How many answers each of them had.
    answered: Vec<Arc<AtomicUsize>>,
    wrong: Arc<Mutex<Vec<String>>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

impl Watch {
    fn new() -> Self {
        Self { stopped: Arc::default(), answered: Vec::new(), wrong: Arc::default() }
    }

    /// Every shop is shown, all the time.
    fn of_the_first(town: &Town) -> Self {
        let mut watch = Self::new();
        let (public, shops) = (town.marketplace.public(KEEPS), town.shop_ids.len());
        watch.ask(list_at(&public), move |status, page| status == 200 && shown(page) >= shops);
        watch.ask(format!("{public}/v1/shops/{}", town.shop_ids[0]), |status, _| status == 200);
        watch
    }

    /// Whoever is not shown is named, and never called unknown.
    fn of_the_second(town: &Town) -> Self {
        let mut watch = Self::new();
        let (public, shops) = (town.marketplace.public(FORGETS), town.shop_ids.len());
        watch.ask(list_at(&public), move |status, page| {
            let named = missing(page);
            let excused = named.iter().all(|(_, reason)| reason != "unknown");
            status == 200 && excused && shown(page) + named.len() >= shops
        });
        let detail = format!("{public}/v1/shops/{}", town.shop_ids[0]);
        watch.ask(detail, |status, _| [200, 503].contains(&status));
        watch
    }

    fn ask(&mut self, url: String, is_right: impl Fn(u16, &Value) -> bool + Send + Sync + 'static) {
        let (stopped, answered) = (Arc::clone(&self.stopped), Arc::<AtomicUsize>::default());
        self.answered.push(Arc::clone(&answered));
        let wrong = Arc::clone(&self.wrong);
        tokio::spawn(async move {
            let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
            while !stopped.load(Ordering::SeqCst) {
                let answer = async {
                    let answer = client.get(&url).send().await?;
                    Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
                };
                match answer.await {
                    Ok((status, text)) => {
                        let page = serde_json::from_str(&text).unwrap_or_default();
                        if !is_right(status, &page) {
                            wrong.lock().unwrap().push(format!("{url}: {status} {text}"));
                        }
                    }
                    Err(error) => wrong.lock().unwrap().push(format!("{url}: {error}")),
                }
                answered.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    /// Everybody was answered, and nobody in a way that no fault excuses.
    pub(crate) async fn end(self) {
        eventually("everybody is answered", async || {
            let are_answered = self.answered.iter().all(|answered| answered.load(Ordering::SeqCst) > 0);
            Ok(are_answered.then_some(()))
        })
        .await
        .unwrap();
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} answers were wrong, the first: {}", wrong.len(), wrong[0]);
    }
}

fn list_at(public: &str) -> String {
    format!("{public}/v1/cells/{CELL}/shops")
}

fn shown(page: &Value) -> usize {
    page["shops"].as_array().map_or(0, Vec::len)
}

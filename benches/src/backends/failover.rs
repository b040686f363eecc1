//! A master of a Redis Cluster dies while lists are read and shops are changed: what readers notice, and how long changes
//! are stuck.
//!
//! The whole road runs: writers, invalidator, one query server with all cards resident. Some shops of every shard of the
//! change log are renamed again and again, and looked at again and again, so that it shows when each shard moves on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use reqwest::Client;
use serde::Serialize;
use serde_json::Value;

use super::asked::{self, Answer, Phase};
use super::cluster::Cluster;
use super::meter::{self, Waits};
use super::road::{self, Writers};
use super::stores::{REDIS_PROGRAM, Servers};
use crate::compare::contestants::{self, Asked};
use crate::compare::place::Place;
use crate::compare::sampled::{Kind, Sampled};
use crate::freshness;
use crate::say;

/// Two of each of the six shards that a store has by default.
const WATCHED_SHOPS: u64 = 12;
/// Of the watched ones, all together.
const RENAMED_EACH: Duration = Duration::from_millis(40);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Before the death, and after all shards have moved on.
const CALM: Duration = Duration::from_secs(5);
/// A cluster's vote and a look at who serves what take some seconds.
const STUCK_MAX: Duration = Duration::from_secs(120);

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Failover {
    /// A node that is silent for so long is taken for dead by the others.
    pub node_timeout_ms: u64,
    /// Lists that were asked for in a second.
    pub lists_per_second: u64,
    /// Before, until all shards had moved on, and after; all deaths together.
    pub phases: Vec<Phase>,
    /// From a death until changes of all shards that were made after it were visible.
    pub moved_on: Waits,
    /// From the commit of a change to its being visible, of changes made up to then.
    pub stuck: Waits,
    /// The same before the deaths.
    pub calm: Waits,
}

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Failing {
    /// Shops at the writers.
    pub shops: u64,
    /// Clusters that lose a master, one after another.
    pub deaths: u64,
    /// Asked for.
    pub lists_per_second: u64,
    /// Of the cluster.
    pub node_timeout: Duration,
}

/// What one death showed.
struct Death {
    answers: Vec<Answer>,
    changes: Vec<Change>,
    began: Instant,
    died: Instant,
    moved_on: Instant,
    ended: Instant,
}

/// One renaming.
#[derive(Clone, Copy, Debug)]
struct Change {
    committed: Instant,
    visible: Option<Instant>,
}

/// One cluster after another loses a master.
///
/// # Errors
/// When something does not come up, or changes stay stuck.
pub async fn measured(
    place: &Place,
    servers: &Servers,
    client: &Client,
    failing: Failing,
) -> anyhow::Result<Failover> {
    let mut deaths = Vec::new();
    for number in 1..=failing.deaths {
        let death = death(place, servers, client, failing).await?;
        let stuck = (death.moved_on - death.died).as_secs_f64();
        say(&format!("failover {number} of {}: all shards moved on after {stuck:.1} s", failing.deaths));
        deaths.push(death);
    }
    summary(&deaths, failing)
}

async fn death(place: &Place, servers: &Servers, client: &Client, failing: Failing) -> anyhow::Result<Death> {
    let mut cluster = Cluster::start(place, servers.get(REDIS_PROGRAM)?, failing.node_timeout).await?;
    let store = cluster.address("backends-failover");
    let writers = Writers::start(place, failing.shops, &Writers::embedded_events(place)?, client).await?;
    let mut invalidator = road::invalidator(place, &writers, &store)?;
    road::until_complete(&mut invalidator, &store).await?;
    let server = road::query_server(place, &store, "backends-failover", client).await?;
    let sampled = Sampled::full_lists(client, &server.url(), 100).await?;
    let pages = sampled.of(Kind::List);
    ensure!(!pages.is_empty(), "no list has 25 shops");
    let requests: Vec<String> =
        pages.iter().map(|page| contestants::request(&page.path, Asked::Plainly, None)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let asking = {
        let (stop, address, per_second) = (Arc::clone(&stop), server.public, failing.lists_per_second);
        tokio::task::spawn_blocking(move || asked::ask(address, &requests, per_second, &stop))
    };
    let began = Instant::now();
    let watched = {
        let watch = Watch::new(client, &writers.shop_url, &server.url());
        watch.until_all_moved_on(&mut cluster).await
    };
    // The askers end whatever was seen.
    stop.store(true, Ordering::Relaxed);
    let answers = asking.await.context("who asks for lists crashed")?;
    let (changes, died, moved_on) = watched?;
    Ok(Death { answers, changes, began, died, moved_on, ended: Instant::now() })
}

/// Renames and looks.
struct Watch<'a> {
    client: &'a Client,
    shop_writer: &'a str,
    url: String,
    /// By the number in its name.
    changes: Vec<(u64, Change)>,
    /// Of each shop the number that it was last seen with, counted from one.
    shown: BTreeMap<u64, usize>,
}

impl<'a> Watch<'a> {
    fn new(client: &'a Client, shop_writer: &'a str, public: &str) -> Self {
        let ids: Vec<String> = (1..=WATCHED_SHOPS).map(|number| number.to_string()).collect();
        let url = format!("{public}/v1/shops?ids={}", ids.join(","));
        Self { client, shop_writer, url, changes: Vec::new(), shown: BTreeMap::new() }
    }

    /// Calm, death, until every shop showed a change that was made after it, calm. All changes, when the master died, and
    /// when the last shard moved on.
    async fn until_all_moved_on(
        mut self,
        cluster: &mut Cluster,
    ) -> anyhow::Result<(Vec<Change>, Instant, Instant)> {
        self.go_on(Instant::now() + CALM).await?;
        cluster.kill_a_master()?;
        let (died, changes_before) = (Instant::now(), self.changes.len());
        while !(1..=WATCHED_SHOPS)
            .all(|shop| self.shown.get(&shop).is_some_and(|last| *last > changes_before))
        {
            ensure!(died.elapsed() < STUCK_MAX, "changes are stuck for more than {} s", STUCK_MAX.as_secs());
            self.go_on(Instant::now() + RENAMED_EACH).await?;
        }
        let moved_on = Instant::now();
        self.go_on(moved_on + CALM).await?;
        Ok((self.changes.into_iter().map(|(_, change)| change).collect(), died, moved_on))
    }

    async fn go_on(&mut self, until: Instant) -> anyhow::Result<()> {
        while Instant::now() < until {
            let next = Instant::now() + RENAMED_EACH;
            self.rename().await?;
            while Instant::now() < next {
                self.look().await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    async fn rename(&mut self) -> anyhow::Result<()> {
        let number = self.changes.len() + 1;
        let shop = number as u64 % WATCHED_SHOPS + 1;
        freshness::rename(self.client, self.shop_writer, shop, &format!("Change {number}")).await?;
        self.changes.push((shop, Change { committed: Instant::now(), visible: None }));
        Ok(())
    }

    /// A look that is not answered shows nothing new.
    async fn look(&mut self) {
        let Ok(answer) = self.client.get(&self.url).send().await else { return };
        let Ok(page) = answer.json::<Value>().await else { return };
        for (shop, number) in page["shops"].as_array().into_iter().flatten().filter_map(shown) {
            self.shown.insert(shop, number);
            // A newer name shows that all before it have arrived, too.
            for (of, change) in self.changes.iter_mut().take(number) {
                if *of == shop && change.visible.is_none() {
                    change.visible = Some(Instant::now());
                }
            }
        }
    }
}

/// Shop and number of a card that shows a change of ours.
fn shown(card: &Value) -> Option<(u64, usize)> {
    let number = card["name"].as_str()?.strip_prefix("Change ")?.parse().ok()?;
    Some((card["id"].as_str()?.parse().ok()?, number))
}

fn summary(deaths: &[Death], failing: Failing) -> anyhow::Result<Failover> {
    let (mut moved_on, mut stuck, mut calm) = (Histogram::new(3)?, Histogram::new(3)?, Histogram::new(3)?);
    // All deaths as one: each answer as long after its own death as it was.
    let Some(first) = deaths.first() else { anyhow::bail!("nothing died") };
    let mut phases = [Vec::new(), Vec::new(), Vec::new()];
    let mut seconds = [0.0; 3];
    for death in deaths {
        meter::note(&mut moved_on, death.moved_on - death.died)?;
        for change in &death.changes {
            let Some(visible) = change.visible else { continue };
            let lag = visible.saturating_duration_since(change.committed);
            if visible < death.died {
                meter::note(&mut calm, lag)?;
            } else if change.committed < death.moved_on {
                meter::note(&mut stuck, lag)?;
            }
        }
        let bounds = [death.began, death.died, death.moved_on, death.ended];
        for (place, within) in bounds.windows(2).enumerate() {
            let due = |answer: &&Answer| answer.due >= within[0] && answer.due < within[1];
            phases[place].extend(death.answers.iter().filter(due).copied());
            seconds[place] += (within[1] - within[0]).as_secs_f64();
        }
    }
    let far = first.began + Duration::from_secs(86_400);
    let names = ["before", "until all shards moved on", "after"];
    let phases = names.into_iter().zip(phases).zip(seconds).map(|((name, answers), seconds)| {
        let phase = asked::phase(name, &answers, first.began, far)?;
        anyhow::Ok(Phase { seconds, ..phase })
    });
    Ok(Failover {
        node_timeout_ms: u64::try_from(failing.node_timeout.as_millis())?,
        lists_per_second: failing.lists_per_second,
        phases: phases.collect::<anyhow::Result<_>>()?,
        moved_on: Waits::of(&moved_on),
        stuck: Waits::of(&stuck),
        calm: Waits::of(&calm),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_shows_which_change_it_has() {
        assert_eq!(shown(&json!({"id": "7", "name": "Change 31"})), Some((7, 31)));
        assert_eq!(shown(&json!({"id": "7", "name": "Napoli"})), None);
    }

    #[test]
    fn changes_are_stuck_from_the_death_until_all_shards_moved_on() {
        let began = Instant::now();
        let at = |second: u64| began + Duration::from_secs(second);
        let change =
            |committed, visible: Option<u64>| Change { committed: at(committed), visible: visible.map(at) };
        let answer = |second| Answer {
            due: at(second),
            took: Duration::from_millis(1),
            status: Some(200),
            lacks_shops: second == 6,
            is_stale: false,
        };
        let death = Death {
            answers: [1, 2, 6, 12].map(answer).to_vec(),
            changes: vec![
                change(1, Some(2)),
                change(4, Some(9)),
                change(6, Some(9)),
                change(11, Some(12)),
                change(11, None),
            ],
            began,
            died: at(5),
            moved_on: at(10),
            ended: at(15),
        };
        let failing =
            Failing { shops: 1, deaths: 1, lists_per_second: 1, node_timeout: Duration::from_secs(2) };
        let told = summary(&[death], failing).unwrap();
        assert_eq!(
            (told.calm.count, told.stuck.count),
            (1, 2),
            "what was made before the death was stuck, too"
        );
        for most in [told.stuck.most_micros, told.moved_on.most_micros] {
            assert!((most / 5e6 - 1.0).abs() < 2e-3, "{told:?}");
        }
        let lists: Vec<_> =
            told.phases.iter().map(|phase| (phase.waits.count, phase.lacking_shops)).collect();
        assert_eq!(lists, [(2, 0), (1, 1), (1, 0)]);
    }
}

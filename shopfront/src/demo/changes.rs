//! Life in the marketplace: stars, prices, sold-out dishes, notices, pauses, campaigns, now and then a closing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use jiff::{Timestamp, ToSpan as _};
use rand::RngExt as _;
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use super::guide;
use super::layout::{Layout, Program};
use crate::say::Say;

/// Changes that run at the same time; a slow writer slows the changes down, not the machine.
const IN_FLIGHT_MAX: usize = 64;
/// So many of ten changes happen where the page looks first: spread over London nobody would see one.
const NEARBY_OF_TEN: u32 = 4;
/// Closed shops come back when so many are closed.
const CLOSED_MAX: usize = 5;

/// Changes shops forever; returns at once (never to be polled again) when nothing is to change.
pub(super) async fn keep_changing(
    per_second: f64,
    shops: u64,
    layout: &Layout,
    client: &reqwest::Client,
    say: &Say,
) {
    if per_second <= 0.0 {
        return std::future::pending().await;
    }
    let town = Arc::new(Town {
        shops,
        client: client.clone(),
        shop: layout.url(Program::ShopWriter),
        ads: layout.url(Program::AdsWriter),
        reviews: layout.url(Program::ReviewsWriter),
        nearby: Mutex::default(),
        closed: Mutex::default(),
        failed: AtomicU64::new(0),
    });
    let running = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    let mut look_around = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let Ok(permit) = running.clone().acquire_owned().await else { return };
                let (town, say) = (town.clone(), say.clone());
                tokio::spawn(async move {
                    if let Err(error) = town.change_something().await {
                        town.failed(&error, &say);
                    }
                    drop(permit);
                });
            }
            _ = look_around.tick() => {
                if let Some(cards) = guide::list_now(client, layout).await {
                    *locked(&town.nearby) = cards.iter().map(|card| card.id.get()).collect();
                }
            }
        }
    }
}

struct Town {
    shops: u64,
    client: reqwest::Client,
    shop: String,
    ads: String,
    reviews: String,
    nearby: Mutex<Vec<u64>>,
    /// Who closed, with what to come back with.
    closed: Mutex<VecDeque<(u64, Json)>>,
    failed: AtomicU64,
}

fn locked<T>(held: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Town {
    async fn change_something(&self) -> anyhow::Result<()> {
        let shop_id = self.some_shop();
        // How often what happens, in a thousand.
        let chance = rand::rng().random_range(0..1_000);
        match chance {
            0..450 => self.somebody_rates(shop_id).await,
            450..650 => self.a_dish_sells_out_or_costs_more(shop_id).await,
            650..800 => self.a_notice_goes_up(shop_id).await,
            800..900 => self.the_kitchen_is_too_busy(shop_id).await,
            900..998 => self.somebody_advertises(shop_id).await,
            _ => self.somebody_closes_and_another_comes_back(shop_id).await,
        }
    }

    fn some_shop(&self) -> u64 {
        let mut chance = rand::rng();
        let nearby = locked(&self.nearby);
        if !nearby.is_empty() && chance.random_range(0..10) < NEARBY_OF_TEN {
            return nearby[chance.random_range(0..nearby.len())];
        }
        chance.random_range(1..=self.shops)
    }

    async fn somebody_rates(&self, shop_id: u64) -> anyhow::Result<()> {
        let stars = [5, 5, 5, 4, 4, 3, 2, 1][rand::rng().random_range(0..8)];
        let text = ["Would order again.", "As good as always.", "It took a while.", "Not my day."]
            [rand::rng().random_range(0..4)];
        let url = format!("{}/v1/reviews/{shop_id}/reviews", self.reviews);
        self.send(self.client.post(url).json(&json!({ "stars": stars, "text": text }))).await
    }

    async fn a_dish_sells_out_or_costs_more(&self, shop_id: u64) -> anyhow::Result<()> {
        let Some(mut facts) = self.facts(shop_id).await? else { return Ok(()) };
        let Some(menu) = facts.get_mut("menu").and_then(Json::as_array_mut).filter(|menu| !menu.is_empty())
        else {
            return Ok(());
        };
        let index = rand::rng().random_range(0..menu.len());
        let dish = &mut menu[index];
        if rand::rng().random_bool(0.5) {
            let sold_out = dish.get("sold_out").and_then(Json::as_bool).unwrap_or_default();
            dish["sold_out"] = json!(!sold_out);
        } else if let Some(amount) = dish.pointer("/price/amount").and_then(Json::as_i64) {
            let by = [-50, -20, 10, 20, 50][rand::rng().random_range(0..5)];
            dish["price"]["amount"] = json!((amount + by).max(50));
        }
        self.patch(shop_id, &json!({ "menu": facts["menu"] })).await
    }

    async fn a_notice_goes_up(&self, shop_id: u64) -> anyhow::Result<()> {
        let Some(facts) = self.facts(shop_id).await? else { return Ok(()) };
        let news = [
            "Fresh batch every hour today",
            "Our oven is back",
            "New dishes on the menu",
            "Longer waits tonight, sorry",
        ];
        let mut notices = facts.get("notices").and_then(Json::as_array).cloned().unwrap_or_default();
        // The first notice is what the data set says; the town's own news replace each other behind it.
        notices.truncate(1);
        notices.push(json!(news[rand::rng().random_range(0..news.len())]));
        self.patch(shop_id, &json!({ "notices": notices })).await
    }

    async fn the_kitchen_is_too_busy(&self, shop_id: u64) -> anyhow::Result<()> {
        let now = Timestamp::now();
        let until = now + rand::rng().random_range(1_i64..20).minutes();
        self.patch(shop_id, &json!({ "pauses": [{ "from": now, "until": until }] })).await
    }

    async fn somebody_advertises(&self, shop_id: u64) -> anyhow::Result<()> {
        let labels = ["Today only", "Happy hour", "Free delivery", "2 for 1", "Lunch deal"];
        let label = labels[rand::rng().random_range(0..labels.len())];
        let (now, weight) = (Timestamp::now(), rand::rng().random_range(1..=1_000));
        let ends_at = now + rand::rng().random_range(5_i64..120).minutes();
        let campaign =
            json!({ "id": "live", "label": label, "starts_at": now, "ends_at": ends_at, "weight": weight });
        let url = format!("{}/v1/ads/{shop_id}", self.ads);
        self.send(self.client.put(url).json(&json!({ "campaigns": [campaign], "generated": ["campaigns"] })))
            .await
    }

    async fn somebody_closes_and_another_comes_back(&self, shop_id: u64) -> anyhow::Result<()> {
        let Some(facts) = self.facts(shop_id).await? else { return Ok(()) };
        self.send(self.client.delete(format!("{}/v1/shops/{shop_id}", self.shop))).await?;
        let comes_back = {
            let mut closed = locked(&self.closed);
            closed.push_back((shop_id, facts));
            if closed.len() > CLOSED_MAX { closed.pop_front() } else { None }
        };
        let Some((shop_id, facts)) = comes_back else { return Ok(()) };
        self.send(self.client.put(format!("{}/v1/shops/{shop_id}", self.shop)).json(&facts)).await
    }

    /// What the owner sees; `None` while the shop is closed.
    async fn facts(&self, shop_id: u64) -> anyhow::Result<Option<Json>> {
        let response = self.client.get(format!("{}/v1/shops/{shop_id}", self.shop)).send().await?;
        if matches!(response.status().as_u16(), 404 | 410) {
            return Ok(None);
        }
        let view: Json = response.error_for_status()?.json().await?;
        Ok(view.get("facts").cloned())
    }

    async fn patch(&self, shop_id: u64, change: &Json) -> anyhow::Result<()> {
        let url = format!("{}/v1/shops/{shop_id}", self.shop);
        let request = self.client.patch(url).header("content-type", "application/merge-patch+json");
        self.send(request.body(change.to_string())).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<()> {
        let response = request.send().await?;
        let status = response.status();
        // A shop that closed meanwhile is part of life.
        if status.is_success() || matches!(status.as_u16(), 404 | 410) {
            return Ok(());
        }
        let url = response.url().clone();
        let answer = response.text().await.context("the answer")?;
        anyhow::bail!("{url} answered {status}: {answer}")
    }

    /// A dead writer fails every change: the first of a hundred is said.
    fn failed(&self, error: &anyhow::Error, say: &Say) {
        if self.failed.fetch_add(1, Ordering::Relaxed).is_multiple_of(100) {
            say.aside(&format!("a change was not taken: {error:#}"));
        }
    }
}

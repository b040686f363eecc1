//! What runs, and what to type to see it: printed once everything answers.

use std::time::{Duration, Instant};

use serde::Deserialize;
use shop_id::ShopId;

use super::DemoOptions;
use super::children::Children;
use super::layout::{Layout, Program};

/// Soho: many kitchens stand there.
pub(super) const LAT: f64 = 51.513;
/// See [`LAT`].
pub(super) const LNG: f64 = -0.131;
/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_secs(1_800);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the guide needs of a card.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Card {
    pub(super) id: ShopId,
    name: String,
}

#[derive(Deserialize)]
struct List {
    shops: Vec<Card>,
}

/// Somewhere in the town.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Place {
    lat: f64,
    lng: f64,
}

const SOHO: Place = Place { lat: LAT, lng: LNG };

/// The list near [`LAT`], [`LNG`], as it is now.
pub(super) async fn list_now(client: &reqwest::Client, layout: &Layout) -> Option<Vec<Card>> {
    list_near(client, layout, SOHO).await
}

async fn list_near(client: &reqwest::Client, layout: &Layout, place: Place) -> Option<Vec<Card>> {
    let Place { lat, lng } = place;
    let url = format!("{}/v1/shops?lat={lat}&lng={lng}", layout.url(Program::QueryServer));
    let response = client.get(url).send().await.ok()?.error_for_status().ok()?;
    Some(response.json::<List>().await.ok()?.shops)
}

/// Where a shop stands, once it can be read.
async fn place_of(client: &reqwest::Client, layout: &Layout, shop: u64) -> Option<Place> {
    #[derive(Deserialize)]
    struct Detail {
        location: Place,
    }
    let url = format!("{}/v1/shops/{shop}", layout.url(Program::QueryServer));
    let response = client.get(url).send().await.ok()?.error_for_status().ok()?;
    Some(response.json::<Detail>().await.ok()?.location)
}

/// What the first list showed, and where it was asked for.
pub(super) struct FirstList {
    pub(super) place: Place,
    pub(super) shop: Card,
}

/// Waits for the first list that holds a shop: in Soho, or where the last shop stands if so few were asked for that
/// none delivers to Soho.
pub(super) async fn first_list(
    client: &reqwest::Client,
    layout: &Layout,
    shops: u64,
) -> anyhow::Result<FirstList> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for place in [Some(SOHO), place_of(client, layout, shops).await].into_iter().flatten() {
            let list = list_near(client, layout, place).await;
            if let Some(shop) = list.and_then(|shops| shops.into_iter().next()) {
                return Ok(FirstList { place, shop });
            }
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "no list after {} s; see `inspect` and the logs",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits for the shop that was seeded last: IDs ascend in order of arrival, and so do changes.
pub(super) async fn until_all_visible(
    client: &reqwest::Client,
    layout: &Layout,
    shops: u64,
) -> anyhow::Result<()> {
    let url = format!("{}/v1/shops/{shops}", layout.url(Program::QueryServer));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answered = client.get(&url).send().await;
        // `410`: it was seeded, and closed since.
        if answered.is_ok_and(|response| response.status().is_success() || response.status().as_u16() == 410)
        {
            return Ok(());
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "shop {shops} is not visible after {} s",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The text itself.
pub(super) fn text(
    options: &DemoOptions,
    layout: &Layout,
    children: &Children,
    first: &FirstList,
    first_list: Duration,
    all_visible: Duration,
) -> String {
    let (public, ops) = (layout.url(Program::QueryServer), layout.ops_url(Program::QueryServer));
    let writer = layout.url(Program::ShopWriter);
    let FirstList { place: Place { lat, lng }, shop: Card { id, name } } = first;
    let reviews = children.process_id(Program::ReviewsWriter).map_or_else(String::new, |id| id.to_string());
    let (after, all) = (first_list.as_secs_f64(), all_visible.as_secs_f64());
    let rate = options.changes_per_second;
    let dies = if options.no_restart {
        "it stays dead"
    } else {
        "it is started again at once; --no-restart leaves it dead"
    };
    let data_dir = layout.data_dir.display();
    format!(
        "
Shopfront runs: first list after {after:.1} s, all shops visible after {all:.1} s, {rate} changes a second.

  look at it  {public}/
  a list      {public}/v1/shops?lat={lat}&lng={lng}
  a shop      {public}/v1/shops/{id}
  a batch     {public}/v1/shops?ids={id},2,3
  health      {ops}/readyz   metrics {ops}/metrics
  logs        {data_dir}/logs

read a shop, then change its name at its writer, and read again:
  curl -s {public}/v1/shops/{id}
  curl -s -X PATCH {writer}/v1/shops/{id} -H 'content-type: application/merge-patch+json' -d '{patch}'

kill the reviews writer: lists go on, with the stars they have ({dies}):
  kill -9 {reviews}

Ctrl-C stops everything; the same command goes on where it was.",
        patch = patch(name),
    )
}

/// JSON for a single-quoted shell word: "Joe's" needs care in both.
fn patch(name: &str) -> String {
    let json = serde_json::json!({ "name": format!("{name} (renamed)") }).to_string();
    json.replace('\'', "'\\''")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_with_quotes_in_its_name_can_be_changed_by_copy_and_paste() {
        assert_eq!(patch("Joe's \"Best\""), r#"{"name":"Joe'\''s \"Best\" (renamed)"}"#);
    }
}

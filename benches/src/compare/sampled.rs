//! Several hundred distinct pages of each kind, as people in London would ask for them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Client;
use serde::Serialize;
use serde_json::Value;

use crate::page;

/// A full page.
const LIST_CARDS: usize = 25;
/// About 4 kB.
const SMALL_LIST_BYTES: RangeInclusive<usize> = 3_400..=4_600;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A full page of 25 cards.
    List,
    /// A page of few cards, about 4 kB.
    SmallList,
    /// One shop.
    Detail,
}

impl Kind {
    /// In the order of the table.
    pub const ALL: [Self; 3] = [Self::List, Self::SmallList, Self::Detail];

    /// The folder of its files.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::List => "lists",
            Self::SmallList => "small-lists",
            Self::Detail => "details",
        }
    }

    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::List => "List of 25 shops",
            Self::SmallList => "List of about 4 kB",
            Self::Detail => "Shop detail",
        }
    }

    /// Whether a list is of this kind.
    fn takes(self, cards: usize, body_bytes: usize) -> bool {
        match self {
            Self::List => cards == LIST_CARDS,
            Self::SmallList => SMALL_LIST_BYTES.contains(&body_bytes),
            Self::Detail => false,
        }
    }
}

/// One page as it was when it was sampled.
#[derive(Clone, Debug)]
pub struct Page {
    /// The canonical path.
    pub path: String,
    /// JSON.
    pub body: String,
    /// Whose cards stand on it; of a detail, whose it is.
    pub shop_ids: Vec<String>,
}

/// Pages by kind.
#[derive(Clone, Debug, Default)]
pub struct Sampled(BTreeMap<Kind, Vec<Page>>);

/// What pages of a kind are like.
#[derive(Clone, Debug, Serialize)]
pub struct Likeness {
    /// What was asked for.
    pub kind: Kind,
    /// Distinct ones.
    pub pages: usize,
    /// The middle one.
    pub body_bytes_median: usize,
    /// The smallest.
    pub body_bytes_min: usize,
    /// The largest.
    pub body_bytes_max: usize,
    /// The middle one.
    pub cards_median: usize,
}

const LIST_KINDS: [Kind; 2] = [Kind::List, Kind::SmallList];

/// Degrees of the grid that is laid over London, south-west corner first.
const GRID: (f64, f64) = (51.30, -0.50);
const GRID_STEP: (f64, f64) = (0.006, 0.009);
const GRID_SIZE: (usize, usize) = (65, 88);

impl Sampled {
    /// Up to `pages_max` pages of each kind, all cells and categories of London being there to choose from.
    ///
    /// # Errors
    /// When the server is away, or has too few such pages to speak of a sample.
    pub async fn from(client: &Client, address: &str, pages_max: usize) -> anyhow::Result<Self> {
        let mut sampler = Sampler::over(client, address, pages_max, &LIST_KINDS).await?;
        sampler.details().await?;
        sampler.sample(&Kind::ALL)
    }

    /// The same, full lists only.
    ///
    /// # Errors
    /// As of [`Self::from`].
    pub async fn full_lists(client: &Client, address: &str, pages_max: usize) -> anyhow::Result<Self> {
        Sampler::over(client, address, pages_max, &[Kind::List]).await?.sample(&[Kind::List])
    }

    /// Those of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &[Page] {
        self.0.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// What they are like.
    #[must_use]
    pub fn likeness(&self) -> Vec<Likeness> {
        let of = |(&kind, pages): (&Kind, &Vec<Page>)| {
            let sorted = |of: fn(&Page) -> usize| {
                let mut figures: Vec<usize> = pages.iter().map(of).collect();
                figures.sort_unstable();
                figures
            };
            let (bytes, cards) = (sorted(|page| page.body.len()), sorted(|page| page.shop_ids.len()));
            Likeness {
                kind,
                pages: pages.len(),
                body_bytes_median: bytes[bytes.len() / 2],
                body_bytes_min: bytes[0],
                body_bytes_max: bytes[bytes.len() - 1],
                cards_median: cards[cards.len() / 2],
            }
        };
        self.0.iter().filter(|(_, pages)| !pages.is_empty()).map(of).collect()
    }

    /// The same bytes as files: `lists/0.json`, packed as well, and for ESI as skeletons and fragments.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write_files(&self, files: &Path) -> anyhow::Result<()> {
        if files.exists() {
            std::fs::remove_dir_all(files).with_context(|| files.display().to_string())?;
        }
        let fragments = files.join("fragments");
        std::fs::create_dir_all(&fragments)?;
        let mut fragment_numbers = BTreeMap::new();
        for (kind, pages) in &self.0 {
            let (folder, esi) = (files.join(kind.folder()), files.join("esi").join(kind.folder()));
            std::fs::create_dir_all(&folder)?;
            std::fs::create_dir_all(&esi)?;
            for (number, page) in pages.iter().enumerate() {
                let name = format!("{number}.json");
                std::fs::write(folder.join(&name), &page.body)?;
                // As well as it goes: packing happens once.
                let mut packed = GzEncoder::new(Vec::new(), Compression::best());
                packed.write_all(page.body.as_bytes())?;
                std::fs::write(folder.join(format!("{name}.gz")), packed.finish()?)?;
                if *kind != Kind::Detail {
                    let skeleton = skeleton(&page.body, &mut fragment_numbers)?;
                    std::fs::write(esi.join(&name), skeleton)?;
                }
            }
        }
        for (card, number) in fragment_numbers {
            std::fs::write(fragments.join(format!("{number}.json")), card)?;
        }
        Ok(())
    }
}

/// A page with a reference in the place of each card; equal cards share a fragment.
fn skeleton<'p>(body: &'p str, fragments: &mut BTreeMap<&'p str, usize>) -> anyhow::Result<String> {
    let (around, cards) = page::pieces(body)?;
    let references: Vec<String> = cards
        .into_iter()
        .map(|card| {
            let next = fragments.len();
            let number = *fragments.entry(card).or_insert(next);
            format!("<esi:include src=\"/fragments/{number}.json\"/>")
        })
        .collect();
    Ok(format!("{}{}{}", around.before, references.join(","), around.after))
}

struct Sampler<'a> {
    client: &'a Client,
    address: &'a str,
    pages_max: usize,
    /// What lists are looked for.
    wanted: &'a [Kind],
    seen: BTreeSet<String>,
    found: BTreeMap<Kind, Vec<Page>>,
}

impl<'a> Sampler<'a> {
    /// Goes over London until there are as many lists as wanted.
    async fn over(
        client: &'a Client,
        address: &'a str,
        pages_max: usize,
        wanted: &'a [Kind],
    ) -> anyhow::Result<Self> {
        let mut sampler =
            Self { client, address, pages_max, wanted, seen: BTreeSet::new(), found: BTreeMap::new() };
        let places = GRID_SIZE.0 * GRID_SIZE.1;
        for step in 0..places {
            // A stride that shares no factor with the grid visits all of it in a scattered order.
            let place = (step * 1_301) % places;
            sampler.visit(place / GRID_SIZE.1, place % GRID_SIZE.1).await?;
            if sampler.has_all_lists() {
                break;
            }
        }
        Ok(sampler)
    }

    /// What was found, if it is enough.
    fn sample(self, kinds: &[Kind]) -> anyhow::Result<Sampled> {
        for kind in kinds {
            let found = self.found.get(kind).map_or(0, Vec::len);
            ensure!(
                found * 4 >= self.pages_max.min(100),
                "only {found} pages of kind `{}`; give more `--shops`",
                kind.folder()
            );
        }
        Ok(Sampled(self.found))
    }

    /// The list of the cell around a place, and those of the categories that stand on it.
    async fn visit(&mut self, row: usize, column: usize) -> anyhow::Result<()> {
        #[allow(clippy::cast_precision_loss)]
        let (lat, lng) = (GRID.0 + row as f64 * GRID_STEP.0, GRID.1 + column as f64 * GRID_STEP.1);
        let near = format!("{}/v1/shops?lat={lat:.4}&lng={lng:.4}", self.address);
        let answer = self.client.get(&near).send().await?.error_for_status()?;
        let canonical = answer.headers().get("content-location").context("no content-location")?;
        let canonical = canonical.to_str()?.to_owned();
        let body = answer.text().await?;
        if !self.seen.insert(canonical.clone()) {
            return Ok(());
        }
        let categories = categories(&body)?;
        self.take(&canonical, body)?;
        for category in categories {
            if self.has_all_lists() {
                break;
            }
            let url = format!("{}{canonical}?category={category}", self.address);
            let answer = self.client.get(&url).send().await?.error_for_status()?;
            // As it is after a redirect, should there be a more canonical one.
            let path = answer.url().as_str().strip_prefix(self.address).context("sent elsewhere")?.to_owned();
            let body = answer.text().await?;
            self.take(&path, body)?;
        }
        Ok(())
    }

    fn take(&mut self, path: &str, body: String) -> anyhow::Result<()> {
        let shop_ids = page::shop_ids(&body)?;
        for &kind in self.wanted {
            let found = self.found.entry(kind).or_default();
            if kind.takes(shop_ids.len(), body.len()) && found.len() < self.pages_max {
                found.push(Page { path: path.to_owned(), body, shop_ids });
                break;
            }
        }
        Ok(())
    }

    fn has_all_lists(&self) -> bool {
        self.wanted.iter().all(|kind| self.found.get(kind).is_some_and(|pages| pages.len() >= self.pages_max))
    }

    /// Details of shops that stand on the lists, the first of each list first.
    async fn details(&mut self) -> anyhow::Result<()> {
        let lists = self.found.get(&Kind::List).map_or(&[][..], Vec::as_slice);
        let places = (0..LIST_CARDS).flat_map(|place| lists.iter().map(move |page| (page, place)));
        let mut shop_ids = BTreeSet::new();
        for (page, place) in places {
            shop_ids.extend(page.shop_ids.get(place).cloned());
            if shop_ids.len() >= self.pages_max {
                break;
            }
        }
        let mut details = Vec::new();
        for shop_id in shop_ids {
            let path = format!("/v1/shops/{shop_id}");
            let answer =
                self.client.get(format!("{}{path}", self.address)).send().await?.error_for_status()?;
            details.push(Page { path, body: answer.text().await?, shop_ids: vec![shop_id] });
        }
        self.found.insert(Kind::Detail, details);
        Ok(())
    }
}

/// All categories of the shops on a page that need no escape in a URL.
fn categories(body: &str) -> anyhow::Result<BTreeSet<String>> {
    let page: Value = serde_json::from_str(body)?;
    let shops = page["shops"].as_array().context("a list without `shops`")?;
    let words =
        shops.iter().filter_map(|shop| shop["categories"].as_array()).flatten().filter_map(Value::as_str);
    let is_plain =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    Ok(words.filter(is_plain).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(cards: &[&str]) -> Page {
        let body = format!("{{\"shops\":[{}],\"next_cursor\":null,\"meta\":{{}}}}", cards.join(","));
        Page { path: "/v1/cells/x/shops".into(), shop_ids: page::shop_ids(&body).unwrap(), body }
    }

    #[test]
    fn a_shop_that_stands_on_two_lists_is_one_fragment() {
        let pages = [list(&[r#"{"id":"7"}"#, r#"{"id":"8"}"#]), list(&[r#"{"id":"8"}"#])];
        let mut fragments = BTreeMap::new();
        let first = skeleton(&pages[0].body, &mut fragments).unwrap();
        let second = skeleton(&pages[1].body, &mut fragments).unwrap();
        let include = |number: u8| format!("<esi:include src=\"/fragments/{number}.json\"/>");
        let rest = r#"],"next_cursor":null,"meta":{}}"#;
        assert_eq!(first, format!(r#"{{"shops":[{},{}{rest}"#, include(0), include(1)));
        assert_eq!(second, format!(r#"{{"shops":[{}{rest}"#, include(1)));
        assert_eq!(fragments.len(), 2);
    }

    #[test]
    fn files_are_the_sampled_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let page = list(&[r#"{"id":"7"}"#]);
        let sampled = Sampled(BTreeMap::from([(Kind::SmallList, vec![page.clone()])]));
        for _ in 0..2 {
            sampled.write_files(directory.path()).unwrap();
        }
        let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
        assert_eq!(read("small-lists/0.json"), page.body.as_bytes());
        assert_eq!(read("fragments/0.json"), br#"{"id":"7"}"#);
        let mut unpacked = String::new();
        let packed = read("small-lists/0.json.gz");
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).unwrap();
        assert_eq!(unpacked, page.body);
    }

    #[test]
    fn full_lists_are_told_by_their_shops_and_small_ones_by_their_bytes() {
        for (kind, cards, body_bytes, expected) in [
            (Kind::List, 25, 14_500, true),
            (Kind::List, 24, 14_500, false),
            (Kind::SmallList, 5, 4_000, true),
            (Kind::SmallList, 5, 5_000, false),
        ] {
            assert_eq!(kind.takes(cards, body_bytes), expected, "{kind:?} {cards} {body_bytes}");
        }
    }
}

//! Several hundred distinct pages, as people in London would ask for them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use reqwest::Client;

/// Pages by canonical URL path.
#[derive(Clone, Debug, Default)]
pub struct Sampled {
    /// `(path, body)`, the most popular first.
    pub pages: Vec<(String, Vec<u8>)>,
}

impl Sampled {
    /// First pages of full cells on a grid over London.
    ///
    /// # Errors
    /// When the server is away or has no full page.
    pub async fn lists(client: &Client, address: &str, pages_max: usize) -> anyhow::Result<Self> {
        let mut pages = BTreeMap::new();
        for step in 0..(40 * 60) {
            // A stride that shares no factor with the grid visits all of it in a scattered order.
            let place = (step * 1_301) % (40 * 60);
            let lat = 51.36 + f64::from(place / 60) * 0.008;
            let lng = -0.42 + f64::from(place % 60) * 0.012;
            let url = format!("{address}/v1/shops?lat={lat:.4}&lng={lng:.4}");
            let answer = client.get(&url).send().await?.error_for_status()?;
            let canonical = answer.headers().get("content-location").context("no content-location")?;
            let path = canonical.to_str()?.to_owned();
            let body = answer.bytes().await?;
            let page: serde_json::Value = serde_json::from_slice(&body)?;
            if page["shops"].as_array().is_some_and(|shops| shops.len() == 25) {
                pages.insert(path, body.to_vec());
            }
            if pages.len() == pages_max {
                break;
            }
        }
        ensure!(!pages.is_empty(), "no cell with 25 shops; start the demo with more shops");
        Ok(Self { pages: pages.into_iter().collect() })
    }

    /// Details of shops that stand on the lists.
    ///
    /// # Errors
    /// When the server is away.
    pub async fn details(
        client: &Client,
        address: &str,
        lists: &Self,
        pages_max: usize,
    ) -> anyhow::Result<Self> {
        let mut pages = BTreeMap::new();
        for (_, body) in &lists.pages {
            let page: serde_json::Value = serde_json::from_slice(body)?;
            let Some(id) = page["shops"][0]["id"].as_str() else { continue };
            let path = format!("/v1/shops/{id}");
            let body =
                client.get(format!("{address}{path}")).send().await?.error_for_status()?.bytes().await?;
            pages.insert(path, body.to_vec());
            if pages.len() == pages_max {
                break;
            }
        }
        Ok(Self { pages: pages.into_iter().collect() })
    }

    /// The same bytes as files, `<number>.json`, for a static file server.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn write_files(&self, directory: &Path) -> anyhow::Result<Vec<String>> {
        std::fs::create_dir_all(directory)?;
        let name =
            directory.file_name().and_then(|name| name.to_str()).context("a named directory")?.to_owned();
        let mut paths = Vec::new();
        for (number, (_, body)) in self.pages.iter().enumerate() {
            std::fs::write(directory.join(format!("{number}.json")), body)?;
            paths.push(format!("/{name}/{number}.json"));
        }
        Ok(paths)
    }

    /// The canonical paths.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.pages.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Bytes of the middle page.
    #[must_use]
    pub fn body_bytes_median(&self) -> usize {
        let mut sizes: Vec<usize> = self.pages.iter().map(|(_, body)| body.len()).collect();
        sizes.sort_unstable();
        sizes.get(sizes.len() / 2).copied().unwrap_or(0)
    }
}

//! What our own peers have in common: the runtime, one listener, the pages that were sampled, the headers of nginx.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tokio::net::TcpListener;

/// What the sampled pages say to caches, so that each peer sends as many header bytes.
pub const CACHE_CONTROL_VALUE: &str =
    "public, max-age=2, s-maxage=10, stale-while-revalidate=20, stale-if-error=3600";

/// Where a peer listens and what it serves.
#[derive(Clone, Debug, Args)]
pub struct PeerOptions {
    /// Address to listen on.
    #[arg(long)]
    pub listen: SocketAddr,
    /// The sampled pages: folders of JSON files.
    #[arg(long)]
    pub files: PathBuf,
}

/// Runs a peer to its end on the runtime of the query server: one thread per core.
///
/// # Errors
/// What the peer failed with.
pub fn run(peer: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(peer)
}

/// Listens.
///
/// # Errors
/// When somebody else does.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))
}

/// Headers of every page.
#[must_use]
pub fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL_VALUE));
    headers
}

/// All pages of one folder by their file name, `0.json`.
///
/// # Errors
/// When they cannot be read.
pub fn pages(files: &Path, folder: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut pages = BTreeMap::new();
    let folder = files.join(folder);
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".json") {
            let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            pages.insert(name, page);
        }
    }
    Ok(pages)
}

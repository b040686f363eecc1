//! What one entry of the change log takes of the data file: many changes of a few shops, each listed in 40 cells.
//!
//! `cargo run --release -p document-store --example log_entry_bytes [CHANGES]`
#![allow(clippy::print_stdout)]

use std::error::Error;

use document_store::DocumentWriter as _;
use document_store::conformance::{merging, shop_section};
use document_store::lmdb::{LmdbOptions, LmdbWriter};
use shop_id::ShopId;

const SHOPS: u64 = 40;
/// At once, as in a busy store: each group shares a transaction.
const GROUP: u64 = SHOPS;

/// Cells of resolution 8 that lie beside each other, as far as their numbers go.
fn cells(shop: u64) -> Vec<u64> {
    const FIRST: u64 = 0x0881_94ad_301f_ffff;
    (0..40).map(|cell| FIRST + (shop << 30) + (cell << 21)).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let changes: u64 = std::env::args().nth(1).map_or(Ok(400_000), |given| given.parse())?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("data.mdb");
    let store = LmdbWriter::open(directory.path(), LmdbOptions::default())?;
    let mut before = 0;
    for round in 1..=changes / GROUP {
        let saves = (1..=SHOPS).filter_map(ShopId::new).map(|shop_id| {
            let section = shop_section(round, "x", &cells(shop_id.get()));
            store.update(shop_id, merging(shop_id, section))
        });
        for saved in futures_util::future::join_all(saves).await {
            saved?;
        }
        if round == changes / GROUP / 10 {
            // By now the documents and all that is written over and over have their places.
            before = std::fs::metadata(&file)?.len();
        }
    }
    let grown = std::fs::metadata(&file)?.len() - before;
    let entries = changes - changes / 10;
    println!("{entries} entries grew the data file by {grown} bytes: {} bytes each", grown / entries);
    Ok(())
}

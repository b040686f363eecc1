//! What a question costs a search engine: the CPU time of its process and of ours, one question after another.
//!
//! ```text
//! cargo run --release -p shop-search --features elasticsearch --example engine_search_cost -- http://127.0.0.1:9200/cost PID [shops]
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[allow(dead_code)] // what the examples over memory measure beside
mod country;

use std::time::{Duration, Instant};

use h3o::CellIndex;
use jiff::Timestamp;
use shop_search::elasticsearch::{Asking, Bulk, Engine, IndexLayout, Version};
use shop_search::{
    AreaLists, AreaListsLimits, EngineAddress, ListQuestion, SearchAccess, SearchText, ShopIndexer,
    ShopSearch, Sort, TextQuestion, TextSearch,
};

use country::{part_of, spent};

const CELLS: usize = 200;
const BULK_BYTES: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let address = EngineAddress::parse(&arguments.next().unwrap()).unwrap();
    let server: u32 = arguments.next().unwrap().parse().unwrap();
    let shops = arguments.next().map_or(20_000, |shops| shops.parse().unwrap());
    let now: Timestamp = "2026-11-23T16:59:30Z".parse().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let reach = (shops as f64 / 100_000.0).sqrt();

    let engine = Engine::new(address, &SearchAccess::default()).unwrap();
    let index = engine.create(IndexLayout { replicas: 0, ..IndexLayout::default() }, now).await.unwrap();
    let (lists, mut bulk) = (AreaLists::new(AreaListsLimits::default()), Bulk::default());
    let (began, mut bytes) = (Instant::now(), 0);
    let served = server_spent(server);
    for number in 1..=shops {
        let part = part_of(number, 0, reach);
        lists.fold(part.shop_id(), &part);
        bulk.put(part.shop_id(), Version::of(1, number), &part, false);
        if bulk.bytes() > BULK_BYTES || number == shops {
            bytes += bulk.bytes();
            index.write(&std::mem::take(&mut bulk)).await.unwrap();
        }
    }
    lists.publish(now);
    engine.indexes().await.unwrap().replace(&index, 1).await.unwrap();
    let (took, served) = (began.elapsed(), server_spent(server) - served);
    println!(
        "{shops} shops in {took:?}, {:?} of the server's CPU time a shop",
        served / u32::try_from(shops).unwrap()
    );
    println!("{} bytes a shop on the wire", bytes / usize::try_from(shops).unwrap());

    let popular = lists.popular_cells(CELLS);
    println!("the fullest cell has {} shops, the last {}", popular[0].1, popular[popular.len() - 1].1);
    let asking = Asking::new(engine.clone(), PATIENCE);
    let cells: Vec<CellIndex> = popular.into_iter().map(|(cell, _)| cell).collect();
    for round in ["cold", "warm", "warm"] {
        for sort in Sort::ALL {
            let ask = async |cell| {
                let question = ListQuestion { cell, category: None, sort, cursor: None };
                ShopSearch::list(&asking, &question, now).await.unwrap().shop_ids.len()
            };
            report(&format!("{round}: {}", sort.name()), &cells, server, ask).await;
        }
        let ask = async |cell| {
            let text = SearchText::parse("chicken").unwrap();
            let question = TextQuestion { text, cell, category: None, sort: None, cursor: None };
            TextSearch::search(&asking, &question, now).await.unwrap().shop_ids.len()
        };
        report(&format!("{round}: chicken"), &cells, server, ask).await;
    }
    index.discard().await.unwrap();
}

async fn report<F: Future<Output = usize>>(
    what: &str,
    cells: &[CellIndex],
    server: u32,
    ask: impl Fn(CellIndex) -> F,
) {
    let (began, mine, its) = (Instant::now(), spent(), server_spent(server));
    let mut found = 0;
    for cell in cells {
        found += ask(*cell).await;
    }
    let questions = u32::try_from(cells.len()).unwrap();
    let [wall, mine, its] =
        [began.elapsed(), spent() - mine, server_spent(server) - its].map(|spent| spent / questions);
    println!("{what}: {wall:?} a question, CPU time {mine:?} here and {its:?} there; {found} shops");
}

/// The CPU time of a process, in the ticks of 10 ms that the kernel counts.
fn server_spent(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

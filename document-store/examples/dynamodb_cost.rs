//! What gets and saves of a DynamoDB store cost: CPU microseconds of this process, saves a second, and how long a save takes
//! to wake who waits for it. DynamoDB Local says nothing of DynamoDB's own latency.
//!
//! `cargo run --release -p document-store --features dynamodb --example dynamodb_cost -- dynamodb://eu-west-1/cost [SHOPS]`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use document_store::conformance::{merging, shop_section};
use document_store::dynamodb::{DynamoDbReader, DynamoDbWriter};
use document_store::{ChangeLog as _, DocumentReader as _, DocumentWriter as _, StoreAddress};
use futures_util::{StreamExt as _, stream};
use shop_document::{Held, Sections};
use shop_id::ShopId;

const PAGE: u64 = 25;
const GATHERS: u64 = 1_000;
const UPDATES_AT_ONCE: usize = 256;
const WAKE_UPS: u32 = 50;

/// User and system time of this process, which the kernel counts in hundredths of a second.
fn own_cpu() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// About 2 kB of list part and 11 kB of detail part.
fn sections(counter: u64) -> Sections {
    let mut sections = shop_section(counter, &"x".repeat(700), &[counter; 40]);
    if let Held::Present(_, section) = &mut sections.shop {
        section.detail = format!("\"menus\":[{:?}]", "y".repeat(10_000));
    }
    sections
}

async fn saves(writer: &DynamoDbWriter, shops: u64, counter: u64) -> Result<(), Box<dyn Error>> {
    let updates = stream::iter(1..=shops).filter_map(|number| std::future::ready(ShopId::new(number)));
    let mut updates = updates
        .map(|shop_id| writer.update(shop_id, merging(shop_id, sections(counter))))
        .buffer_unordered(UPDATES_AT_ONCE);
    while let Some(put) = updates.next().await {
        put?;
    }
    Ok(())
}

async fn gathers(reader: &DynamoDbReader, shops: u64, in_flight: usize) -> Result<(), Box<dyn Error>> {
    let pages = stream::iter(0..GATHERS).map(|page| async move {
        let number = |place: u64| (page * PAGE + place).wrapping_mul(7_919) % shops + 1;
        let shop_ids: Vec<ShopId> = (0..PAGE).filter_map(|place| ShopId::new(number(place))).collect();
        reader.gather(&shop_ids).await.into_iter().find_map(Result::err)
    });
    let failures: Vec<_> = pages.buffer_unordered(in_flight).filter_map(std::future::ready).collect().await;
    failures.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
}

fn say(what: &str, count: u64, cpu: Duration, took: Duration) {
    #[allow(clippy::cast_precision_loss)]
    let count = count as f64;
    let (each, rate) = (cpu.as_secs_f64() * 1e6 / count, count / took.as_secs_f64());
    println!("{what}: {each:.0} us of CPU here, {rate:.0} a second");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("the address of a store is missing")?;
    let shops: u64 = arguments.next().map_or(Ok(2_000), |shops| shops.parse())?;
    let StoreAddress::DynamoDb(address) = StoreAddress::parse(&address)? else {
        return Err("not of DynamoDB".into());
    };
    let writer = DynamoDbWriter::open(&address).await?;
    for (what, counter) in [("a first save", 1), ("a save of a held document", 2)] {
        let (before, began) = (own_cpu()?, Instant::now());
        saves(&writer, shops, counter).await?;
        say(what, shops, own_cpu()? - before, began.elapsed());
    }
    let reader = Arc::new(DynamoDbReader::open(&address).await?);
    for in_flight in [1, 8] {
        let (before, began) = (own_cpu()?, Instant::now());
        gathers(&reader, shops, in_flight).await?;
        let what = format!("a gather of {PAGE}, {in_flight} at once");
        say(&what, GATHERS, own_cpu()? - before, began.elapsed());
    }
    let mut waits = Vec::new();
    let shop_id = ShopId::new(1).ok_or("no shop")?;
    for counter in 3..3 + u64::from(WAKE_UPS) {
        let seen = reader.head().await?;
        let reader = Arc::clone(&reader);
        let waiting = tokio::spawn(async move { reader.grown(&seen).await });
        writer.update(shop_id, merging(shop_id, sections(counter))).await?;
        let saved = Instant::now();
        waiting.await??;
        waits.push(saved.elapsed());
    }
    waits.sort_unstable();
    let at = |part: usize| waits[(waits.len() - 1) * part / 100].as_micros();
    println!(
        "acknowledged to woken: p50 {} us, p99 {} us; hedged gets {}",
        at(50),
        at(99),
        reader.hedged_gets()
    );
    Ok(())
}

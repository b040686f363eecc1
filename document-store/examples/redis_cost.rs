//! What gets and saves of a Redis store cost: CPU microseconds of this process and of the server, saves a second, and
//! how long a save takes to wake who waits for it.
//!
//! `cargo run --release -p document-store --features redis --example redis_cost -- redis://127.0.0.1:6379/cost [SHOPS]`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use document_store::conformance::{merging, shop_section};
use document_store::redis::{RedisReader, RedisWriter};
use document_store::{ChangeLog as _, DocumentReader as _, DocumentWriter as _, StoreAddress};
use futures_util::{StreamExt as _, stream};
use shop_document::{Held, Sections};
use shop_id::ShopId;

const PAGE: u64 = 25;
const GATHERS: u64 = 20_000;
const UPDATES_AT_ONCE: usize = 64;
const WAKE_UPS: u32 = 500;

/// User and system time of this process, in hundredths of a second.
fn own_cpu() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// The same of one server.
async fn server_cpu(client: &redis::Client) -> Result<Duration, Box<dyn Error>> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    let info: String = redis::cmd("INFO").arg("cpu").query_async(&mut connection).await?;
    let seconds = info.lines().filter_map(|line| line.trim().split_once(':'));
    let seconds = seconds.filter(|(name, _)| matches!(*name, "used_cpu_sys" | "used_cpu_user"));
    Ok(Duration::from_secs_f64(seconds.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()))
}

/// About 2 kB of list part and 11 kB of detail part.
fn sections(counter: u64) -> Sections {
    let mut sections = shop_section(counter, &"x".repeat(700), &[counter; 40]);
    if let Held::Present(_, section) = &mut sections.shop {
        section.detail = format!("\"menus\":[{:?}]", "y".repeat(10_000));
    }
    sections
}

async fn saves(writer: &RedisWriter, shops: u64, counter: u64) -> Result<(), Box<dyn Error>> {
    let updates = stream::iter((1..=shops).filter_map(ShopId::new));
    let mut updates = updates
        .map(|shop_id| writer.update(shop_id, merging(shop_id, sections(counter))))
        .buffer_unordered(UPDATES_AT_ONCE);
    while let Some(put) = updates.next().await {
        put?;
    }
    Ok(())
}

/// From the acknowledgement of a save to the return of who waited for it.
async fn wakes(writer: &RedisWriter, reader: &Arc<RedisReader>) -> Result<(), Box<dyn Error>> {
    let mut waits = Vec::new();
    let shop_id = ShopId::new(1).ok_or("no shop")?;
    for counter in 3..3 + u64::from(WAKE_UPS) {
        let seen = reader.head().await?;
        let waiting = {
            let reader = Arc::clone(reader);
            tokio::spawn(async move { reader.grown(&seen).await })
        };
        tokio::time::sleep(Duration::from_millis(2)).await;
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("the address of a store is missing")?;
    let shops: u64 = arguments.next().map_or(Ok(20_000), |shops| shops.parse())?;
    let StoreAddress::Redis(address) = StoreAddress::parse(&address)? else {
        return Err("not of Redis".into());
    };
    let clients: Result<Vec<_>, _> = address
        .hosts
        .iter()
        .map(|(host, port)| redis::Client::open(format!("redis://{host}:{port}")))
        .collect();
    let clients = clients?;
    let cpu = async || -> Result<(Duration, Duration), Box<dyn Error>> {
        let mut servers = Duration::ZERO;
        for client in &clients {
            servers += server_cpu(client).await?;
        }
        Ok((own_cpu()?, servers))
    };
    let say = |what: &str, count: u64, (own, server): (Duration, Duration), took: Duration| {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        let rate = count as f64 / took.as_secs_f64();
        println!(
            "{what}: {:.1} us of CPU here, {:.1} us in servers, {rate:.0} a second",
            each(own),
            each(server)
        );
    };
    let between =
        |before: (Duration, Duration), after: (Duration, Duration)| (after.0 - before.0, after.1 - before.1);

    let writer = RedisWriter::open(&address).await?;
    for (what, counter) in [("a first save", 1), ("a save of a held document", 2)] {
        let (before, began) = (cpu().await?, Instant::now());
        saves(&writer, shops, counter).await?;
        say(what, shops, between(before, cpu().await?), began.elapsed());
    }
    let reader = Arc::new(RedisReader::open(&address).await?);
    for in_flight in [1, 16] {
        let (before, began) = (cpu().await?, Instant::now());
        let pages = stream::iter(0..GATHERS).map(|page| {
            let reader = Arc::clone(&reader);
            async move {
                let number = |place: u64| (page * PAGE + place).wrapping_mul(7_919) % shops + 1;
                let shop_ids: Vec<ShopId> =
                    (0..PAGE).filter_map(|place| ShopId::new(number(place))).collect();
                reader.gather(&shop_ids).await.into_iter().all(|answer| answer.is_ok())
            }
        });
        let answered: Vec<bool> = pages.buffer_unordered(in_flight).collect().await;
        if !answered.iter().all(|is_answered| *is_answered) {
            return Err("a get failed".into());
        }
        let what = format!("a gather of {PAGE}, {in_flight} at once");
        say(&what, GATHERS, between(before, cpu().await?), began.elapsed());
    }
    wakes(&writer, &reader).await?;
    Ok(())
}

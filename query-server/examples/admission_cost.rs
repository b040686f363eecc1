//! What admission costs a request on this machine: with everybody admitted, and when everybody is refused.
//!
//! ```text
//! cargo run --release -p query-server --example admission_cost
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use query_server::Config;
use query_server::admission::{Delays, Gate, watch};

const ROUNDS: usize = 21;
const REQUESTS: u32 = 100_000;

fn main() {
    let config = Config::default();
    let gate = Gate::new(&config, Arc::default());
    let urls =
        ["/v1/cells/88195da49bfffff/shops", "/v1/shops/7", "/v1/shops?ids=1,2,3", "/v1/search?q=pizza"];
    let urls = urls.map(|url| url.parse::<Uri>().unwrap());
    for url in &urls {
        println!("{url}: admitted in {:?}", median(&gate, url));
    }
    overload(&gate, &config);
    for url in &urls {
        println!("{url}: refused in {:?}", median(&gate, url));
    }
}

/// Until everybody is refused.
fn overload(gate: &Arc<Gate>, config: &Config) {
    let delays = Delays::pretended();
    delays.pretend(10_000);
    let watching = watch(Arc::clone(gate), delays, config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(3), watching).await }).unwrap_err();
    println!("{:?}", gate.in_force().0);
}

/// Of one request, the middle one of some rounds.
fn median(gate: &Gate, url: &Uri) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..REQUESTS {
                drop(black_box(gate.refusal(black_box(url))));
            }
            began.elapsed() / REQUESTS
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

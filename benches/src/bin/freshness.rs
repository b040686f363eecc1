//! Milliseconds from a change at the shop writer to its being readable in the list card and in the detail.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

use benches::freshness::{self, FreshnessOptions};
use clap::Parser;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    options: FreshnessOptions,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Arguments::parse().options;
    let lags = freshness::measured(&options).await?;
    println!("{} changes/s for {} s, {} failed", options.rate, options.seconds, lags.failed);
    print!("{}", lags.lines());
    Ok(())
}

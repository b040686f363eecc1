//! What each store and transport costs and how soon it tells: `cargo xtask backends` builds and starts what is needed and
//! runs this.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use benches::backends::{self, BackendsOptions};
use benches::program;
use clap::Parser;

// As the programs have it: gathers are mostly allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask backends", max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: BackendsOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Arguments::parse().options;
    program::run("backends", |command| backends::backends(&options, command)).await
}

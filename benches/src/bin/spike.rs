//! Who is still answered when more is asked than fits: `cargo xtask spike` builds what is needed and runs this.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use benches::program;
use benches::spike::{self, SpikeOptions};
use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask spike", max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: SpikeOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Arguments::parse().options;
    program::run("spike", |_| spike::spike(&options)).await
}

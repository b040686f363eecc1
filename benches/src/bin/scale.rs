//! What grows with the number of shops: `cargo xtask scale` builds what is needed and runs this.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use benches::program;
use benches::scale::{self, ScaleOptions};
use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask scale", max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: ScaleOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Arguments::parse().options;
    program::run("scale", |command| scale::scale(&options, command)).await
}

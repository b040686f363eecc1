//! Shopfront and others side by side: `cargo xtask compare` builds what is needed and runs this.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use benches::compare::{self, CompareOptions};
use benches::program;
use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask compare", max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: CompareOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Arguments::parse().options;
    program::run("compare", |command| compare::compare(&options, command)).await
}

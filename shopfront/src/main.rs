//! `shopfront`: see `shopfront --help`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    shopfront::run(shopfront::command::Command::parse())
}

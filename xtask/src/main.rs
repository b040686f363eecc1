//! The commands of the project: `cargo xtask demo`, `cargo xtask test`, `cargo xtask servers`, `cargo xtask compare`,
//! `cargo xtask scale`, `cargo xtask spike`, `cargo xtask backends`, `cargo xtask instructions`.
//!
//! In: a fresh machine with a Rust toolchain. Out: a running demo, or a verdict on everything. It deliberately
//! knows the other crates from outside only: their names, their manifests, their binaries.
#![forbid(unsafe_code)]

mod demo; //         builds in release mode    -> `shopfront demo`
mod instructions; // the read path, optimised  -> what a request costs, whoever else is busy
mod journeys; //     addresses of real servers -> the journeys again, over these
mod licences; //     the tree of dependencies  -> what `cargo deny` says of it
mod measure; //      builds in release mode    -> side by side with others, what grows, the spike, real servers
mod servers; //      names of real servers     -> servers that answer, on this machine
mod steps; //        one command after another -> how long each took, what went wrong
mod suites; //       what tests say            -> what holds of which backend
mod test; //         all that must hold        -> a verdict

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The commands of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build what is needed in release mode, then run `shopfront demo` with these arguments
    #[command(disable_help_flag = true)]
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build what is needed in release mode, then measure Shopfront and others side by side
    #[command(disable_help_flag = true)]
    Compare {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build what is needed in release mode, then measure what grows with the number of shops
    #[command(disable_help_flag = true)]
    Scale {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build what is needed in release mode, then offer more load than fits and see who is still answered
    #[command(disable_help_flag = true)]
    Spike {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build what is needed in release mode, bring up real servers, then measure stores and transports on them
    #[command(disable_help_flag = true)]
    Backends {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Count the instructions of each kind of request, and compare them with benches/instructions.toml
    Instructions(instructions::InstructionsOptions),
    /// The real servers that backends are tested against: fetch, start, stop, look
    #[command(subcommand)]
    Servers(servers::ServersCommand),
    /// Format, lints, manifest rules, all tests and doc tests, instructions, licences
    Test(test::TestOptions),
}

fn main() -> ExitCode {
    let done = match Command::parse().task {
        Task::Demo { arguments } => demo::demo(&arguments),
        Task::Compare { arguments } => measure::measure("compare", &arguments),
        Task::Scale { arguments } => measure::measure("scale", &arguments),
        Task::Spike { arguments } => measure::measure("spike", &arguments),
        Task::Backends { arguments } => measure::backends(&arguments),
        Task::Instructions(options) => instructions::instructions(&options),
        Task::Servers(command) => servers::servers(&command),
        Task::Test(options) => test::test(&options),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            steps::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

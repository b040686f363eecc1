//! The command, and what it said.

use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

/// Must never be said.
pub(crate) const SECRET: &str = "hunter2";

/// What it said of one program that has no file.
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) is_well: bool,
}

/// `told`: keys and values, as variables give them.
pub(crate) fn doctor(program: &str, told: &[(&str, &str)]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopfront"));
    let foreign = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("SHOPFRONT_") || name.starts_with("AWS_")
    });
    foreign.for_each(|(name, _)| {
        command.env_remove(name);
    });
    // Nothing of AWS outside is asked for credentials.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    for (key, value) in told {
        command.env(format!("SHOPFRONT_{}", key.to_uppercase()), value);
    }
    let output = command.args(["doctor", "--patience", "30", "--program", program]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    Said { text, is_well: output.status.success() }
}

/// It fails, says why and what to do: all of `expected`, in this order.
pub(crate) fn assert_ill(told: &[(&str, &str)], expected: &[&str]) {
    assert_ill_of("query-server", told, expected);
}

/// The same of another program.
pub(crate) fn assert_ill_of(program: &str, told: &[(&str, &str)], expected: &[&str]) {
    let said = doctor(program, told);
    assert!(!said.is_well, "{}", said.text);
    let mut rest = said.text.as_str();
    for part in expected {
        let Some((_, behind)) = rest.split_once(part) else { panic!("expected {part:?} in\n{}", said.text) };
        rest = behind;
    }
}

/// Where a server is that all tests share.
pub(crate) fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        let name = variable.trim_start_matches("SHOPFRONT_TEST_").to_lowercase().replace('_', "-");
        let name = if name == "redis-server" { "redis" } else { &name };
        panic!("`{variable}` is not set; start a server with `cargo xtask servers up {name}`")
    })
}

/// A port that nobody listens on, and none of those that connections get by themselves: one of these may be connected to
/// itself.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 29_000 + u16::try_from(std::process::id() % 90).unwrap() * 40;
    let mut ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

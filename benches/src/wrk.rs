//! wrk asks for URLs by popularity.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::peers::Peers;

/// What one run of the generator saw.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Answered requests.
    pub requests: u64,
    /// Answers other than 2xx and 3xx, and socket errors.
    pub errors: u64,
}

/// A script that asks for each path with a frequency of 1 / rank (Zipf), with extra headers per path.
///
/// # Errors
/// When it cannot be written.
pub fn write_script(script: &Path, requests: &[(String, Option<String>)]) -> anyhow::Result<()> {
    let mut weighted = Vec::new();
    for (rank, (path, tag)) in requests.iter().enumerate() {
        let times = (2_000 / (rank + 1)).max(1);
        let header = tag.as_ref().map_or_else(String::new, |tag| format!("If-None-Match: {tag}\\r\\n"));
        let request = format!("GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n{header}\\r\\n");
        weighted.extend(std::iter::repeat_n(request.replace('"', "\\\""), times));
    }
    // Spread by a stride without common factor, so that popular pages do not come in runs.
    let count = weighted.len();
    let stride = (count / 2..).find(|stride| gcd(*stride, count) == 1).unwrap_or(1);
    let mut lua = String::from("local r = {\n");
    for step in 0..count {
        lua.push_str(&format!("\"{}\",\n", weighted[(step * stride) % count]));
    }
    lua.push_str("}\nlocal i = 0\nfunction request() i = i % #r + 1 return r[i] end\n");
    std::fs::write(script, lua).with_context(|| format!("writing {}", script.display()))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One run: one thread, 32 connections.
///
/// # Errors
/// When wrk fails.
pub fn run(peers: &Peers, script: &Path, port: u16, seconds: u64) -> anyhow::Result<Seen> {
    let output = Command::new(peers.wrk())
        .env("LD_LIBRARY_PATH", peers.libraries())
        .args(["-t1", "-c32", &format!("-d{seconds}s"), "-s"])
        .arg(script)
        .arg(format!("http://127.0.0.1:{port}"))
        .output()
        .context("starting wrk")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("wrk ended with {}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let number_before = |mark: &str| {
        said.lines()
            .find(|line| line.contains(mark))
            .and_then(|line| line.split_whitespace().next())
            .and_then(|word| word.parse::<u64>().ok())
    };
    let requests = number_before(" requests in ").with_context(|| format!("wrk said: {said}"))?;
    let refused = said
        .lines()
        .find(|line| line.contains("Non-2xx"))
        .and_then(|line| line.split_whitespace().last())
        .and_then(|word| word.parse::<u64>().ok());
    Ok(Seen { requests, errors: refused.unwrap_or(0) })
}

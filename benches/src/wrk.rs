//! wrk asks for pages in a given order, as fast as they come.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::tools::Tools;

/// What one run of the generator saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Answered requests.
    pub requests: u64,
    /// Received, heads included.
    pub bytes: u64,
    /// Answers other than 2xx and 3xx, and broken connections.
    pub errors: u64,
    /// Of these, the answers.
    pub refused: u64,
}

/// How hard it asks.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Connections, each asking again as soon as it is answered.
    pub connections: usize,
    /// For so long.
    pub seconds: u64,
}

/// The first word of the line in which the script says what was seen.
const MARK: &str = "seen";

/// Writes a script that sends `requests` in this order, around and around.
///
/// # Errors
/// When it cannot be written.
pub fn write_script(script: &Path, requests: &[String], order: &[usize]) -> anyhow::Result<()> {
    std::fs::write(script, script_of(requests, order)).with_context(|| script.display().to_string())
}

fn script_of(requests: &[String], order: &[usize]) -> String {
    let mut lua = String::from("local pages = {\n");
    for request in requests {
        // A string literal of Lua: bytes in decimal need no thought about quotes and line ends.
        lua.push('"');
        for byte in request.bytes() {
            let _ = match byte {
                b' '..=b'~' if byte != b'"' && byte != b'\\' => write!(lua, "{}", char::from(byte)),
                _ => write!(lua, "\\{byte:03}"),
            };
        }
        lua.push_str("\",\n");
    }
    lua.push_str("}\nlocal order = {");
    for page in order {
        // Lua counts from one.
        let _ = write!(lua, "{},", page + 1);
    }
    lua.push_str("}\nlocal at = 0\nfunction request() at = at % #order + 1 return pages[order[at]] end\n");
    let _ = writeln!(
        lua,
        "function done(summary, latency, requests)\n  local errors = summary.errors\n  \
         io.write(string.format(\"{MARK} %d %d %d %d\\n\", summary.requests, summary.bytes,\n    \
         errors.connect + errors.read + errors.write + errors.status + errors.timeout, errors.status))\nend"
    );
    lua
}

/// One run: one thread, 32 connections.
///
/// # Errors
/// When wrk fails.
pub async fn run(tools: &Tools, script: &Path, address: SocketAddr, seconds: u64) -> anyhow::Result<Seen> {
    ask(tools, script, address, Load { connections: 32, seconds }).await
}

/// One run as hard as said, on one thread.
///
/// # Errors
/// When wrk fails.
pub async fn ask(tools: &Tools, script: &Path, address: SocketAddr, load: Load) -> anyhow::Result<Seen> {
    let Load { connections, seconds } = load;
    let mut command = Command::from(tools.command("wrk")?);
    command
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "-s"])
        .arg(script)
        .arg(format!("http://{address}"));
    let output = command.kill_on_drop(true).output().await.context("starting wrk")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("wrk ended with {}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    seen(&said).with_context(|| format!("wrk said: {said}"))
}

fn seen(said: &str) -> Option<Seen> {
    let line = said.lines().find_map(|line| line.strip_prefix(MARK))?;
    let mut numbers = line.split_whitespace().map(str::parse::<u64>);
    let mut number = || numbers.next()?.ok();
    Some(Seen { requests: number()?, bytes: number()?, errors: number()?, refused: number()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_asks_in_the_given_order() {
        let requests = ["GET /1 HTTP/1.1\r\nIf-None-Match: \"a\"\r\n\r\n".to_owned(), "GET /2".to_owned()];
        let script = script_of(&requests, &[1, 0, 1]);
        assert!(script.contains(
            "\"GET /1 HTTP/1.1\\013\\010If-None-Match: \\034a\\034\\013\\010\\013\\010\",\n\"GET /2\",\n"
        ));
        assert!(script.contains("local order = {2,1,2,}\n"), "{script}");
    }

    #[test]
    fn what_was_seen_is_the_line_of_the_script() {
        let said = "  1201 requests in 4.00s, 1.20MB read\nseen 1201 1200345 3 2\n";
        assert_eq!(seen(said), Some(Seen { requests: 1_201, bytes: 1_200_345, errors: 3, refused: 2 }));
        assert_eq!(seen("seen 1201"), None);
        assert_eq!(seen(""), None);
    }
}

